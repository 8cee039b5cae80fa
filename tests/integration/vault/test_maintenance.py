"""Forget, prune, locks and keys: as restic does them, beside restic."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migration_ops.vault import lock as lock_module
from migration_ops.vault.backend import FileKind
from migration_ops.vault.backup import backup
from migration_ops.vault.checker import check
from migration_ops.vault.clock import NANOSECONDS, format_time, now
from migration_ops.vault.errors import RepositoryLocked, UsageError, WrongPassword
from migration_ops.vault.keys import add_key, list_keys, remove_key
from migration_ops.vault.lock import Lock, locked, read_locks, unlock
from migration_ops.vault.pruner import prune
from migration_ops.vault.repository import Repository, open_repository
from migration_ops.vault.restore import restore
from migration_ops.vault.retention import Policy, forget
from migration_ops.vault.snapshot import Snapshot, list_snapshots, store_snapshot
from migration_ops.vault.verifier import verify

PASSWORD = "a password of the tests"
HOUR = 3600 * NANOSECONDS


@pytest.fixture
def many_snapshots(repo: Repository, tmp_path: Path) -> list[str]:
    """Sixty snapshots over three years, of two hosts."""
    (tmp_path / "file").write_text("x")
    first = backup(repo, [tmp_path / "file"], hostname="a")
    tree = list_snapshots(repo)[0].tree
    repo.backend.remove(FileKind.SNAPSHOT, first.snapshot_id)
    rng = random.Random(41)
    moments = sorted(rng.randrange(3 * 365 * 24) for _ in range(60))
    start = 1_700_000_000 * NANOSECONDS
    return [
        store_snapshot(
            repo,
            Snapshot(
                "",
                start + moment * HOUR + rng.randrange(HOUR),
                tree,
                ("/x",),
                rng.choice("ab"),
                tags=("keep",) if rng.random() < 0.1 else (),
            ),
        )
        for moment in moments
    ]


@pytest.mark.parametrize(
    ("policy", "arguments"),
    [
        (Policy(last=3), ["--keep-last", "3"]),
        (Policy(hourly=4, daily=5), ["--keep-hourly", "4", "--keep-daily", "5"]),
        (
            Policy(weekly=6, monthly=5, yearly=2),
            ["--keep-weekly", "6", "--keep-monthly", "5", "--keep-yearly", "2"],
        ),
        (Policy(daily=200), ["--keep-daily", "200"]),
        (Policy(within="1y2m3d4h"), ["--keep-within", "1y2m3d4h"]),
        (Policy(last=1, tags=(("keep",),)), ["--keep-last", "1", "--keep-tag", "keep"]),
    ],
)
def test_a_policy_keeps_what_restic_keeps(
    repo: Repository,
    many_snapshots: list[str],
    make_restic: Callable[..., Any],
    location: str,
    policy: Policy,
    arguments: list[str],
) -> None:
    ours = forget(repo, policy=policy, dry_run=True)
    said = make_restic(location)("forget", "--dry-run", "--json", *arguments)
    groups = json.loads(next(line for line in said.splitlines() if line.startswith("[")))
    theirs = {snapshot["id"] for group in groups for snapshot in group["keep"] or ()}
    assert {snapshot.id for snapshot in ours.kept} == theirs
    assert len(ours.kept) + len(ours.removed) == len(many_snapshots)


def _make_history(repo: Repository, source: Path) -> None:
    rng = random.Random(42)
    source.mkdir()
    for round_number in range(4):
        for number in range(30):
            if rng.random() < 0.4 or not round_number:
                (source / f"file {number}").write_bytes(rng.randbytes(rng.choice([100, 40_000, 900_000])))
        backup(repo, [source], as_root=True)


def test_prune_keeps_what_is_needed_and_restic_agrees(
    repo: Repository, tmp_path: Path, checked_by_restic: Callable[[], None]
) -> None:
    _make_history(repo, tmp_path / "source")
    forget(repo, policy=Policy(last=1))
    before = sum(size for _, size in repo.backend.list(FileKind.PACK))
    summary = prune(repo, max_unused="0%")
    after = sum(size for _, size in repo.backend.list(FileKind.PACK))
    assert after < before
    assert summary.bytes_freed > 0
    assert prune(repo, max_unused="0%").bytes_freed == 0
    checked_by_restic()
    restore(repo, "latest", tmp_path / "target")
    assert verify(repo, "latest", tmp_path / "target").differences == 0


def test_a_dry_run_of_prune_changes_nothing(repo: Repository, tmp_path: Path) -> None:
    _make_history(repo, tmp_path / "source")
    forget(repo, policy=Policy(last=1))
    before = sorted(repo.backend.list(FileKind.PACK))
    assert prune(repo, dry_run=True).bytes_freed > 0
    assert sorted(repo.backend.list(FileKind.PACK)) == before


def test_restic_prunes_our_repository_and_we_go_on(
    repo: Repository, tmp_path: Path, restic: Any, location: str
) -> None:
    _make_history(repo, tmp_path / "source")
    restic("forget", "--keep-last", "2", "--prune")
    fresh = open_repository(location, PASSWORD)
    assert check(fresh, read_data="100%").errors == ()
    (tmp_path / "source/new").write_text("new")
    summary = backup(fresh, [tmp_path / "source"], as_root=True)
    assert summary.files_new == 1
    restore(fresh, summary.snapshot_id, tmp_path / "target")
    assert verify(fresh, summary.snapshot_id, tmp_path / "target").differences == 0
    restic.check()


def test_we_prune_restics_repository(repo: Repository, tmp_path: Path, restic: Any, location: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for round_number in range(3):
        (source / "large").write_bytes(os.urandom(3_000_000))
        (source / f"file {round_number}").write_text(f"{round_number}")
        restic("backup", source)
    fresh = open_repository(location, PASSWORD)
    forget(fresh, policy=Policy(last=1))
    assert prune(fresh, max_unused="0%").bytes_freed > 3_000_000
    restic.check()
    restic("restore", "latest", "--target", tmp_path / "target")


def test_a_repository_object_sees_what_another_process_pruned(
    repo: Repository, tmp_path: Path, location: str
) -> None:
    _make_history(repo, tmp_path / "source")
    other = open_repository(location, PASSWORD)
    assert len(other.index) > 0
    forget(repo, policy=Policy(last=1))
    prune(repo, max_unused="0%")
    (tmp_path / "source/new").write_text("new")
    summary = backup(other, [tmp_path / "source"], as_root=True, force=True)
    assert check(open_repository(location, PASSWORD), read_data="100%").errors == ()
    assert summary.files_new > 0


def test_an_exclusive_lock_keeps_everybody_out_and_restic_too(repo: Repository, restic: Any) -> None:
    with locked(repo, exclusive=True):
        with pytest.raises(RepositoryLocked):
            Lock(repo, exclusive=False).acquire()
        assert "already locked" in restic("backup", "/etc/hostname", check=False)
    assert "snapshot" in restic("backup", "/etc/hostname")


def test_shared_locks_go_together_but_not_with_an_exclusive_one(repo: Repository, restic: Any) -> None:
    with locked(repo), locked(repo):
        restic("backup", "/etc/hostname")
        with pytest.raises(RepositoryLocked):
            Lock(repo, exclusive=True).acquire()
        assert "already locked" in restic("prune", check=False)


def _put_lock(repo: Repository, *, age_seconds: int, hostname: str = "another-pod", pid: int = 1) -> str:
    name = repo.save_unpacked(
        FileKind.LOCK,
        json.dumps(
            {
                "time": format_time(now() - age_seconds * NANOSECONDS),
                "exclusive": True,
                "hostname": hostname,
                "pid": pid,
            }
        ).encode(),
    )
    path = Path(repo.location, "locks", name)
    moment = time.time() - age_seconds
    os.utime(path, (moment, moment))
    return name


def test_the_lock_of_a_pod_that_died_long_ago_blocks_nobody(repo: Repository) -> None:
    _put_lock(repo, age_seconds=31 * 60)
    with locked(repo):
        pass


def test_a_young_lock_blocks(repo: Repository) -> None:
    _put_lock(repo, age_seconds=20 * 60)
    with pytest.raises(RepositoryLocked, match="another-pod"):
        Lock(repo, exclusive=False).acquire()


@pytest.mark.parametrize("skew", [-40 * 60, 40 * 60])
def test_a_holder_whose_clock_is_wrong_keeps_its_lock(repo: Repository, skew: int) -> None:
    name = repo.save_unpacked(
        FileKind.LOCK,
        json.dumps(
            {
                "time": format_time(now() + skew * NANOSECONDS),
                "exclusive": True,
                "hostname": "skewed",
                "pid": 1,
            }
        ).encode(),
    )
    with pytest.raises(RepositoryLocked):
        Lock(repo, exclusive=False).acquire()
    assert Path(repo.location, "locks", name).exists()


def test_the_lock_of_a_process_that_was_killed_here_blocks_nobody(repo: Repository, location: str) -> None:
    program = (
        "import os, sys; from migration_ops.vault.repository import open_repository;"
        "from migration_ops.vault.lock import Lock;"
        f"Lock(open_repository({location!r}, {PASSWORD!r}), exclusive=True).acquire();"
        "os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "plugins")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert len(read_locks(repo)) == 1
    with locked(repo, exclusive=True):
        assert len(read_locks(repo)) == 1


def test_a_pid_that_was_given_to_another_process_is_no_holder(repo: Repository) -> None:
    mine = lock_module._process(os.getpid())
    name = repo.save_unpacked(
        FileKind.LOCK,
        json.dumps(
            {
                "time": format_time(now()),
                "exclusive": True,
                "hostname": os.uname().nodename,
                "pid": os.getpid(),
                "migration_ops_process": {**mine, "started": mine["started"] - 1},
            }
        ).encode(),
    )
    with locked(repo):
        assert not Path(repo.location, "locks", name).exists()


def test_a_lock_without_bytes_is_passed_over(repo: Repository) -> None:
    Path(repo.location, "locks", "0" * 64).touch()
    with locked(repo, exclusive=True):
        pass


def test_a_lock_is_replaced_while_it_is_held(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "REFRESH_SECONDS", 0.1)
    with locked(repo):
        first = read_locks(repo)[0].id
        deadline = time.monotonic() + 10
        while first in {lock.id for lock in read_locks(repo)} and time.monotonic() < deadline:
            time.sleep(0.05)
        assert time.monotonic() < deadline
    assert read_locks(repo) == []


def test_unlock_removes_stale_locks_only(repo: Repository, restic: Any) -> None:
    stale, young = _put_lock(repo, age_seconds=3600), _put_lock(repo, age_seconds=60)
    assert unlock(repo) == 1
    names = {name for name, _ in repo.backend.list(FileKind.LOCK)}
    assert names == {young}
    assert stale not in names
    assert unlock(repo, remove_all=True) == 1
    restic("prune")


def test_a_second_password_opens_until_it_is_removed(repo: Repository, location: str, restic: Any) -> None:
    name = add_key(repo.backend, repo.key, "second", username="u", hostname="h")
    second = open_repository(location, "second")
    assert second.config == repo.config
    assert {key.id for key in list_keys(repo.backend)} == {name, repo.key_file.id}
    assert "second" not in restic("key", "list")
    with pytest.raises(UsageError, match="in use"):
        remove_key(repo.backend, name, current=name)
    remove_key(repo.backend, name[:12], current=repo.key_file.id)
    with pytest.raises(WrongPassword):
        open_repository(location, "second")


def test_restics_key_opens_for_us(repo: Repository, location: str, restic: Any, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("third\n")
    restic("key", "add", "--new-password-file", tmp_path / "new")
    assert open_repository(location, "third").config == repo.config


def test_a_snapshot_of_another_time_zone_is_counted_in_its_own_days(
    repo: Repository, many_snapshots: list[str]
) -> None:
    snapshots = list_snapshots(repo)
    shifted = [replace(snapshot, utc_offset=8 * 3600) for snapshot in snapshots]
    from migration_ops.vault.retention import apply_policy

    kept, _, _ = apply_policy(shifted, Policy(daily=500))
    days = {(snapshot.time // NANOSECONDS + 8 * 3600) // 86400 for snapshot in snapshots}
    assert len(kept) in (len(days), len(days) + 1)
