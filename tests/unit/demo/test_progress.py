"""The demo never falls silent, and says how each phase ended."""

from __future__ import annotations

import io
import time

import pytest

from tests.demo import progress as module
from tests.demo.progress import Progress


def test_a_long_phase_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.5)
    out = io.StringIO()
    progress = Progress(out)
    with progress.signs_of_life(), progress.phase("backup"):
        time.sleep(2.5)
    assert "still at work: backup" in out.getvalue()
    assert "backup: done in" in out.getvalue()


def test_a_failed_phase_is_said_to_have_failed() -> None:
    out = io.StringIO()
    with pytest.raises(ValueError, match="broken"), Progress(out).phase("backup"):
        raise ValueError("broken")
    assert "backup: failed after" in out.getvalue()


def test_waiting_ends_with_what_was_waited_for() -> None:
    with pytest.raises(TimeoutError, match="the shop is open"):
        Progress(io.StringIO()).wait_for("the shop is open", lambda: False, seconds=0.2, pause=0.05)
