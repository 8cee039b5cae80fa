"""Whose lock counts: of the living always, of the dead never, and death is proven, not guessed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from migration_ops.vault import lock as locks
from migration_ops.vault.backend import FileKind
from migration_ops.vault.backup import backup
from migration_ops.vault.clock import format_time, now
from migration_ops.vault.errors import RepositoryLocked
from migration_ops.vault.lock import Lock, read_locks
from migration_ops.vault.repository import Repository, init_repository
from migration_ops.vault.snapshot import list_snapshots

OTHER_POD = {"boot": "another", "pid_namespace": "pid:[1]", "started": 5, "dead_after": 600}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """An empty local repository."""
    return init_repository(str(tmp_path / "repository"), "password")


def _lock_of_another(repo: Repository, process: dict[str, Any] | None, *, minutes_ago: float) -> None:
    """An exclusive lock as another pod wrote it, last refreshed some minutes ago by the storage's clock."""
    document = {"time": format_time(now()), "exclusive": True, "hostname": "another-pod", "pid": 1}
    if process is not None:
        document["migration_ops_process"] = process
    name = repo.save_unpacked(FileKind.LOCK, json.dumps(document).encode())
    moment = time.time() - 60 * minutes_ago
    os.utime(Path(repo.location, "locks", name), (moment, moment))


def _can_be_had(repo: Repository, *, exclusive: bool) -> bool:
    lock = Lock(repo, exclusive=exclusive)
    try:
        lock.acquire()
    except RepositoryLocked:
        return False
    lock.release()
    return True


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize(("minutes_ago", "passes"), [(0, False), (9, False), (11, True)])
def test_a_mover_that_stopped_refreshing_blocks_for_ten_minutes(
    repo: Repository, minutes_ago: float, *, exclusive: bool, passes: bool
) -> None:
    _lock_of_another(repo, OTHER_POD, minutes_ago=minutes_ago)
    assert _can_be_had(repo, exclusive=exclusive) is passes
    assert len(read_locks(repo)) == (0 if passes else 1)


@pytest.mark.parametrize("process", [None, {"boot": "another", "pid_namespace": "pid:[1]", "started": 5}])
@pytest.mark.parametrize(("minutes_ago", "passes"), [(11, False), (29, False), (31, True)])
def test_a_holder_that_does_not_say_when_it_gives_up_gets_the_half_hour_of_restic(
    repo: Repository, process: dict[str, Any] | None, minutes_ago: float, *, passes: bool
) -> None:
    _lock_of_another(repo, process, minutes_ago=minutes_ago)
    assert _can_be_had(repo, exclusive=False) is passes


def test_a_lock_cannot_shorten_its_own_life_below_what_holders_keep_to(repo: Repository) -> None:
    _lock_of_another(repo, OTHER_POD | {"dead_after": 1}, minutes_ago=5)
    assert not _can_be_had(repo, exclusive=False)


def test_a_process_of_this_machine_that_was_killed_blocks_nobody(repo: Repository) -> None:
    code = (
        "import os, sys\n"
        "from migration_ops.vault.lock import Lock\n"
        "from migration_ops.vault.repository import open_repository\n"
        "Lock(open_repository(sys.argv[1], 'password'), exclusive=True).acquire()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, repo.location], check=False).returncode == -9
    assert len(read_locks(repo)) == 1
    assert _can_be_had(repo, exclusive=True)


def test_a_backup_whose_lock_ran_out_stores_no_snapshot(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_text("content")
    monkeypatch.setattr(locks, "_GIVE_UP_SECONDS", -1.0)
    with pytest.raises(RepositoryLocked, match="could not be refreshed"):
        backup(repo, [tmp_path / "source"], as_root=True)
    assert list_snapshots(repo) == []
    assert list(repo.backend.list(FileKind.INDEX)) == []
    assert read_locks(repo) == []


def test_holders_give_up_well_before_others_take_them_for_dead() -> None:
    assert 3 * locks.REFRESH_SECONDS < locks._GIVE_UP_SECONDS < locks.DEAD_SECONDS - 120
