"""Killed at any instant, the vault stays whole: restic's own check agrees, and the next run ends right."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.lock import unlock
from migration_ops.vault.pruner import prune
from migration_ops.vault.repository import Repository, init_repository, open_repository
from migration_ops.vault.restore import restore
from migration_ops.vault.retention import Policy, forget
from migration_ops.vault.snapshot import list_snapshots
from migration_ops.vault.verifier import verify

PASSWORD = "a password of the tests"
LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`

# Each instant is a call that a process dies before: the method's place, and which call of it.
BACKUP_INSTANTS = [
    "save data 1",
    "rename data 1",
    "save data 2",
    "save index 1",
    "rename index 1",
    "save snapshots 1",
    "rename snapshots 1",
]
PRUNE_INSTANTS = [
    "remove data 1",
    "save data 1",
    "save index 1",
    "remove index 1",
    "remove index 2",
    "remove data 2",
    "remove data 3",
]

_DYING = """
import os, sys
from pathlib import Path
from migration_ops.vault import backend_local
action, kind, number = os.environ["DIE_BEFORE"].split()
left = int(number)
def dying(real, kind_of):
    def call(*arguments, **options):
        global left
        if kind_of(arguments) == kind:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), 9)
        return real(*arguments, **options)
    return call
if action == "rename":
    Path.rename = dying(Path.rename, lambda a: next((k for k in ("data", "index", "snapshots") if f"/{k}/" in
    str(a[0])), ""))
else:
    setattr(backend_local.LocalBackend, action, dying(getattr(backend_local.LocalBackend, action), lambda a:
    a[1].value))
from migration_ops.cli import main
main()
"""

# The clock of its window jumps by two hours as soon as 20 MB are stored.
_LATE = """
import os, time
from pathlib import Path
from migration_ops.vault import stopping
packs = Path(os.environ["RESTIC_REPOSITORY"], "data")
class Clock:
    def time():
        stored = sum(path.stat().st_size for path in packs.glob("*/" + "?" * 64))
        return time.time() + (7200 if stored > 20_000_000 else 0)
stopping.time = Clock
from migration_ops.cli import main
main()
"""
# The clock of its window jumps by two hours after a dozen looks: a restore takes one for each entry and
# for each range that it fetches.
_LATE_AFTER_A_DOZEN_LOOKS = """
import itertools, time
from migration_ops.vault import stopping
looks = itertools.count()
class Clock:
    def time():
        return time.time() + (7200 if next(looks) > 12 else 0)
stopping.time = Clock
from migration_ops.cli import main
main()
"""
_USUAL = "from migration_ops.cli import main; main()"


@pytest.fixture
def vault_command(location: str) -> Callable[..., subprocess.Popen[bytes]]:
    """Start the vault's command line on this test's repository."""

    def start(*arguments: str | Path, die_before: str = "", program: str = _USUAL) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "RESTIC_REPOSITORY": location,
            "RESTIC_PASSWORD": PASSWORD,
            "PYTHONPATH": str(Path(__file__).parents[3] / "plugins"),
            "DIE_BEFORE": die_before,
        }
        return subprocess.Popen(
            [sys.executable, "-c", _DYING if die_before else program, "vault", *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return start


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=120)
    return process.returncode, said.decode()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two dozen files that fill several packs."""
    root = tmp_path / "source"
    rng = random.Random(11)
    for number in range(24):
        folder = root / f"folder {number % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file {number}").write_bytes(rng.randbytes(2_000_000 if number % 2 else 3_000))
    return root


def _assert_whole(location: str, source: Path, tmp_path: Path, check: Callable[[], None]) -> None:
    """Every snapshot restores, and restic finds nothing wrong."""
    repo = open_repository(location, PASSWORD)
    unlock(repo, remove_all=True)
    check()
    for snapshot in list_snapshots(repo):
        target = tmp_path / "restored"
        shutil.rmtree(target, ignore_errors=True)
        assert restore(repo, snapshot.id, target).errors == ()
        assert verify(repo, snapshot.id, target).differences == 0
    repo.close()


@pytest.mark.parametrize("instant", BACKUP_INSTANTS)
def test_a_backup_that_dies_at_a_chosen_instant_harms_nothing(
    repo: Repository,
    location: str,
    source: Path,
    tmp_path: Path,
    instant: str,
    vault_command: Callable[..., subprocess.Popen[bytes]],
    checked_by_restic: Callable[[], None],
) -> None:
    backup(repo, [source / "folder 0"], as_root=True)
    code, _ = _wait(vault_command("backup", "--as-root", source, die_before=instant))
    assert code == -signal.SIGKILL
    _assert_whole(location, source, tmp_path, checked_by_restic)
    assert len(list_snapshots(repo)) == 1
    summary = backup(open_repository(location, PASSWORD), [source], as_root=True)
    restore(repo, summary.snapshot_id, tmp_path / "again")
    assert (
        verify(open_repository(location, PASSWORD), summary.snapshot_id, tmp_path / "again").differences == 0
    )


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [160 if LONG else 12])
def test_backups_killed_at_random_harm_nothing_and_go_on(
    repo: Repository,
    location: str,
    source: Path,
    tmp_path: Path,
    kills: int,
    vault_command: Callable[..., subprocess.Popen[bytes]],
    checked_by_restic: Callable[[], None],
) -> None:
    rng = random.Random(12)
    started = time.monotonic()
    assert _wait(vault_command("backup", "--as-root", source))[0] == 0
    usual = time.monotonic() - started
    killed = 0
    for number in range(kills):
        (source / f"new {number}").write_bytes(rng.randbytes(2_500_000))
        process = vault_command("backup", "--as-root", source)
        time.sleep(rng.uniform(0.3, 1.0) * usual)
        process.kill()
        killed += _wait(process)[0] == -signal.SIGKILL
        if number % 10 == 9:
            _assert_whole(location, source, tmp_path, checked_by_restic)
    assert killed > 0
    code, said = _wait(vault_command("backup", "--as-root", source))
    assert code == 0, said
    _assert_whole(location, source, tmp_path, checked_by_restic)


@pytest.mark.parametrize("instant", PRUNE_INSTANTS)
def test_a_prune_that_dies_at_a_chosen_instant_loses_nothing(
    repo: Repository,
    location: str,
    source: Path,
    tmp_path: Path,
    instant: str,
    vault_command: Callable[..., subprocess.Popen[bytes]],
    checked_by_restic: Callable[[], None],
) -> None:
    _make_waste(repo, location, source)
    _wait(vault_command("prune", die_before=instant))
    _assert_whole(location, source, tmp_path, checked_by_restic)
    prune(open_repository(location, PASSWORD))
    _assert_whole(location, source, tmp_path, checked_by_restic)


def _make_waste(repo: Repository, location: str, source: Path) -> None:
    """A repository with packs that are used in part, not at all, and not indexed."""
    backup(repo, [source], as_root=True)
    for path in sorted(source.rglob("file *"))[::3]:
        path.unlink()
    backup(repo, [source], as_root=True)
    forget(repo, policy=Policy(last=1))
    Path(location, "data", "00", "00" + os.urandom(31).hex()).write_bytes(b"x" * 100)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [20 if LONG else 4])
def test_prunes_killed_at_random_lose_nothing(
    repo: Repository,
    location: str,
    source: Path,
    tmp_path: Path,
    kills: int,
    vault_command: Callable[..., subprocess.Popen[bytes]],
    checked_by_restic: Callable[[], None],
) -> None:
    rng = random.Random(13)
    for _ in range(kills):
        for number in range(6):
            (source / f"waste {number}").write_bytes(rng.randbytes(1_500_000))
        backup(open_repository(location, PASSWORD), [source], as_root=True)
        forget(open_repository(location, PASSWORD), policy=Policy(last=1))
        process = vault_command("prune")
        time.sleep(rng.uniform(0.2, 1.2))
        process.kill()
        _wait(process)
        unlock(repo, remove_all=True)
    prune(open_repository(location, PASSWORD))
    _assert_whole(location, source, tmp_path, checked_by_restic)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [20 if LONG else 4])
def test_restores_killed_at_random_end_right_when_run_again(
    repo: Repository,
    location: str,
    source: Path,
    tmp_path: Path,
    kills: int,
    vault_command: Callable[..., subprocess.Popen[bytes]],
) -> None:
    rng = random.Random(14)
    first = backup(repo, [source], as_root=True).snapshot_id
    for path in sorted(source.rglob("file *"))[::2]:
        with path.open("r+b") as file:
            file.seek(rng.randrange(path.stat().st_size))
            file.write(rng.randbytes(50_000))
    second = backup(repo, [source], as_root=True).snapshot_id
    for _ in range(kills):
        target = tmp_path / "target"
        shutil.rmtree(target, ignore_errors=True)
        restore(repo, first, target)
        process = vault_command("restore", second, "--base", first, "--target", target)
        time.sleep(rng.uniform(0.25, 0.6))
        process.kill()
        _wait(process)
        # No file may look current and not be so.
        for path in source.rglob("*"):
            twin = target / path.relative_to(source)
            if path.is_file() and twin.exists() and twin.stat().st_mtime_ns == path.stat().st_mtime_ns:
                assert twin.read_bytes() == path.read_bytes()
        restore(repo, second, target, base=first)
        assert verify(repo, second, target).differences == 0


def test_sigterm_ends_a_throttled_backup_cleanly_and_nothing_is_uploaded_twice(
    repo: Repository,
    location: str,
    tmp_path: Path,
    vault_command: Callable[..., subprocess.Popen[bytes]],
    checked_by_restic: Callable[[], None],
) -> None:
    source = tmp_path / "large"
    source.mkdir()
    rng = random.Random(15)
    for number in range(4):
        (source / f"file {number}").write_bytes(rng.randbytes(25_000_000))
    # The first pack goes at once, the second one would wait for ten minutes.
    process = vault_command("backup", "--as-root", source, "--json", "--limit-upload", "30")
    deadline = time.monotonic() + 120
    while not _pack_names(location) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    code, said = _wait(process)
    assert code == 130, said
    assert '"Interrupted"' in said
    assert list_snapshots(repo) == []
    assert len(_pack_names(location)) == 1
    stored = _data_bytes(location)
    summary = backup(open_repository(location, PASSWORD), [source], as_root=True)
    assert summary.data_added + stored < 100_000_000 + 1_000_000
    checked_by_restic()


def _pack_names(location: str) -> list[str]:
    return [path.name for path in Path(location, "data").glob("*/" + "?" * 64)]


def _data_bytes(location: str) -> int:
    total = 0
    for path in Path(location, "data").rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def test_a_window_that_ends_stops_the_backup_and_the_next_one_goes_on(
    repo: Repository,
    location: str,
    tmp_path: Path,
    vault_command: Callable[..., subprocess.Popen[bytes]],
) -> None:
    source = tmp_path / "large"
    source.mkdir()
    for number in range(4):
        (source / f"file {number}").write_bytes(random.Random(number).randbytes(30_000_000))
    in_an_hour = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 3600))
    process = vault_command(
        "backup", "--as-root", source, "--limit-upload", "20000", "--stop-at", in_an_hour, program=_LATE
    )
    code, said = _wait(process)
    assert code == 130, said
    assert "window ended" in said
    stored = _data_bytes(location)
    assert 20_000_000 < stored < 110_000_000
    summary = backup(open_repository(location, PASSWORD), [source], as_root=True)
    assert summary.data_added + stored < 122_000_000


def test_a_window_that_ends_stops_the_restore_and_the_next_one_fetches_the_rest(
    repo: Repository,
    tmp_path: Path,
    vault_command: Callable[..., subprocess.Popen[bytes]],
) -> None:
    source, target = tmp_path / "large", tmp_path / "target"
    source.mkdir()
    (source / "file").write_bytes(b"old")
    base = backup(repo, [source], as_root=True).snapshot_id
    restore(repo, base, target)
    for number in range(4):
        (source / f"file {number}").write_bytes(random.Random(number).randbytes(60_000_000))
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    in_an_hour = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 3600))
    command = ["restore", snapshot, "--target", target, "--base", base, "--delete", "--sync"]
    code, said = _wait(vault_command(*command, "--stop-at", in_an_hour, program=_LATE_AFTER_A_DOZEN_LOOKS))
    assert code == 130, said
    assert "window ended (--stop-at); run it again" in said
    summary = restore(repo, snapshot, target, base=base, delete=True)
    assert summary.base_trusted
    assert 0 < summary.bytes_fetched < 235_000_000
    assert verify(repo, snapshot, target).differences == 0
    assert not (target / ".migration-ops-restore").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    if os.geteuid():
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "small disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_backup_with_a_clear_error(
    small_disk: Path, source: Path, tmp_path: Path, make_restic: Callable[..., object]
) -> None:
    location = str(small_disk / "repository")
    repo = init_repository(location, PASSWORD)
    backup(repo, [source / "folder 0"], as_root=True)
    (source / "big").write_bytes(os.urandom(12_000_000))
    with pytest.raises(Exception, match="No space left on device"):
        backup(repo, [source], as_root=True)
    make_restic(location).check()  # type: ignore[attr-defined]
    fresh = open_repository(location, PASSWORD)
    assert restore(fresh, "latest", tmp_path / "target").errors == ()
    assert not list(Path(location, "locks").iterdir())


def test_a_full_target_names_what_is_missing_and_a_second_run_completes_it(
    repo: Repository, source: Path, small_disk: Path
) -> None:
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    with (small_disk / "filler").open("wb") as file:
        file.write(bytes(10_000_000))
    summary = restore(repo, snapshot, small_disk / "target")
    assert summary.errors
    assert all("No space" in message for _, message in summary.errors)
    (small_disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert restore(repo, snapshot, small_disk / "target").errors == ()
    assert verify(repo, snapshot, small_disk / "target").differences == 0
