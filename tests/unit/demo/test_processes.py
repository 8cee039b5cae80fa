"""Background processes are found again and stopped whole, also when their leader was killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.demo.process import Background
from tests.demo.workspace import Workspace

PARENT_AND_CHILD = "import os, time; os.fork(); time.sleep(60)"


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    process = Background("sleeper", Workspace(tmp_path))
    yield process
    process.stop()


def test_a_started_process_is_found_and_stopped_by_another_instance(background: Background) -> None:
    background.start([sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    again = Background("sleeper", background.workspace)
    assert again.running()
    again.stop()
    assert not background.running()


def test_children_of_a_killed_leader_are_stopped(background: Background) -> None:
    background.start([sys.executable, "-c", PARENT_AND_CHILD], os.environ)
    deadline = time.monotonic() + 10
    while len(background.members()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    leader = background.recorded()[0]
    child = next(member for member in background.members() if member.pid != leader)
    os.kill(leader, signal.SIGKILL)
    background.stop()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_starting_again_replaces_the_process(background: Background) -> None:
    background.start([sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    first = psutil.Process(background.recorded()[0])
    background.start([sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    assert not first.is_running() or first.status() == psutil.STATUS_ZOMBIE
    assert background.running()


def test_a_record_of_a_number_given_to_another_process_is_not_followed(background: Background) -> None:
    background.workspace.write_private(background.record, f'{{"pid": {os.getsid(0)}, "started": 4102444800}}')
    assert not background.running()
    background.stop()
