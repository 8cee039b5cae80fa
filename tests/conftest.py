"""What every test run shares: a line now and then from long tests, so that nobody thinks it hangs."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import settings

# A busy machine makes single examples slow: that says nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

pytest_plugins = ("tests.lab.fixtures",)
SILENCE_SECONDS = 12


class Heartbeat:
    """Names the tests that have run for a while. Under xdist only the controller speaks."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter
        self._running: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Remember a test that begins."""
        self._running[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Forget a test that ended."""
        self._running.pop(nodeid, None)

    def pytest_unconfigure(self) -> None:
        """End with the run."""
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(SILENCE_SECONDS):
            now = time.monotonic()
            for nodeid, since in list(self._running.items()):
                if now - since >= SILENCE_SECONDS:
                    self._reporter.write_line(f"   … {nodeid} has run for {now - since:.0f} s")


def pytest_configure(config: pytest.Config) -> None:
    """Start the heartbeat in the process that owns the terminal."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Heartbeat(reporter), "heartbeat")


@pytest.fixture(autouse=True)
def _no_repository_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own restic or AWS settings must not reach the tests."""
    for name in ("RESTIC_REPOSITORY", "RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "AWS_PROFILE", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
