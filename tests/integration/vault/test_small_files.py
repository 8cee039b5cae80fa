"""Small files are written by processes beside the one that walks; nobody must notice but the clock."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.errors import HelperFailed, Interrupted
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore import restore
from migration_ops.vault.small_files import FEWEST_FILES, SmallFiles
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.verifier import verify

Describe = Callable[..., dict[str, tuple[object, ...]]]
PASSWORD = "a password of the tests"


@pytest.fixture(autouse=True)
def helpers_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few files be enough for helpers."""
    monkeypatch.setattr(sys.modules["migration_ops.vault.restore"], "FEWEST_FILES", 1)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Folders in folders with small files of all modes and times, among them some that are not small."""
    root = tmp_path / "many"
    rng = random.Random(41)
    for number in range(900):
        folder = root / f"{number % 7}" / f"{number % 31}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"file {number}"
        file.write_bytes(rng.randbytes(rng.choice([0, 1, 300, 5000, 60_000])))
        os.chmod(file, rng.choice([0o600, 0o644, 0o400, 0o4755, 0o666, 0]))
        if os.geteuid() == 0 and number % 5 == 0:
            os.chown(file, number, 2 * number)
        os.utime(file, ns=(number, 10**18 + number))
    (root / "zeros").write_bytes(bytes(50_000))
    (root / "large").write_bytes(rng.randbytes(3_000_000))
    return root


def _helpers_of(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children")
    return [int(pid) for pid in listed.read_text().split()]


def test_what_helpers_write_is_what_was_saved(
    repo: Repository, many: Path, volume: Path, tmp_path: Path, describe: Describe
) -> None:
    for source in (many, volume):
        snapshot = backup(repo, [source], as_root=True)
        target = tmp_path / f"target of {source.name}"
        summary = restore(repo, snapshot.snapshot_id, target, helpers=2)
        assert summary.errors == ()
        assert summary.files_restored == summary.total_files == snapshot.total_files_processed
        assert summary.bytes_restored == restore(repo, snapshot.snapshot_id, tmp_path / "x").bytes_restored
        assert describe(target) == describe(source)
        assert verify(repo, snapshot.snapshot_id, target).differences == 0
        subprocess.run(["rm", "-rf", tmp_path / "x"], check=True)
    assert (target / "sparse").stat().st_blocks * 512 < 2_000_000


def test_no_helper_outlives_the_restore(repo: Repository, many: Path, tmp_path: Path) -> None:
    snapshot = backup(repo, [many], as_root=True).snapshot_id
    restore(repo, snapshot, tmp_path / "target", helpers=3)
    assert _helpers_of(os.getpid()) == []


def test_a_folder_that_gives_something_to_its_files_is_not_left_to_helpers(
    repo: Repository, tmp_path: Path, describe: Describe
) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/file").write_text("x")
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    target = tmp_path / "target"
    target.mkdir()
    os.chmod(target, 0o2755)
    if os.geteuid() == 0:
        os.chown(target, 0, 1234)
    assert restore(repo, snapshot, target, helpers=1).errors == ()
    assert describe(target) == describe(source)


def test_blobs_that_are_damaged_are_errors_of_their_files(
    repo: Repository, location: str, many: Path, tmp_path: Path
) -> None:
    snapshot = backup(repo, [many], as_root=True).snapshot_id
    packs = sorted(Path(location, "data").glob("*/" + "?" * 64), key=lambda path: path.stat().st_size)
    data = bytearray(packs[-1].read_bytes())
    for position in range(1000, len(data) - 60_000, 200_000):
        data[position] ^= 1
    os.chmod(packs[-1], 0o600)
    packs[-1].write_bytes(data)
    with_helpers = restore(repo, snapshot, tmp_path / "a", helpers=2)
    without = restore(repo, snapshot, tmp_path / "b")
    assert with_helpers.errors
    assert sorted(item for item, _ in with_helpers.errors) == sorted(item for item, _ in without.errors)
    assert with_helpers.files_restored == without.files_restored
    bad = {item for item, _ in with_helpers.errors}
    for path in many.rglob("*"):
        twin = tmp_path / "a" / path.relative_to(many)
        if path.is_file() and f"/{path.relative_to(many)}" in bad:
            assert not twin.exists()
        elif path.is_file():
            assert twin.read_bytes() == path.read_bytes()


def test_a_helper_that_is_killed_ends_the_restore_and_the_next_one_completes_it(
    repo: Repository, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = backup(repo, [many], as_root=True).snapshot_id
    real = SmallFiles.submit

    def submit_and_kill(small: SmallFiles, *arguments: object) -> None:
        os.kill(_helpers_of(os.getpid())[0], signal.SIGKILL)
        real(small, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SmallFiles, "submit", submit_and_kill)
    with pytest.raises(HelperFailed, match="Run it again"):
        restore(repo, snapshot, tmp_path / "target", helpers=1)
    assert _helpers_of(os.getpid()) == []
    monkeypatch.undo()
    assert restore(repo, snapshot, tmp_path / "target").errors == ()
    assert verify(repo, snapshot, tmp_path / "target").differences == 0


def test_a_stop_ends_the_helpers_and_the_next_restore_completes_it(
    repo: Repository, many: Path, tmp_path: Path
) -> None:
    snapshot = backup(repo, [many], as_root=True).snapshot_id
    stop = StopRequest()
    stop.ask("the test wants it")
    with pytest.raises(Interrupted):
        restore(repo, snapshot, tmp_path / "target", helpers=2, stop=stop)
    assert _helpers_of(os.getpid()) == []
    assert restore(repo, snapshot, tmp_path / "target", helpers=2).errors == ()
    assert verify(repo, snapshot, tmp_path / "target").differences == 0


def test_helpers_die_with_a_restore_that_is_killed(repo: Repository, location: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(FEWEST_FILES + 8000):
        folder = source / str(number // 100)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).write_text(str(number))
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    target = tmp_path / "target"
    process = subprocess.Popen(
        [sys.executable, "-c", "from migration_ops.cli import main; main()", "vault", "restore", snapshot,
         "--target", str(target)],
        env={**os.environ, "RESTIC_REPOSITORY": location, "RESTIC_PASSWORD": PASSWORD,
             "PYTHONPATH": str(Path(__file__).parents[3] / "plugins")},
    )  # fmt: skip
    helpers: list[int] = []
    while process.poll() is None and not helpers:
        helpers = _helpers_of(process.pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in helpers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in helpers)
    assert restore(repo, snapshot, target, helpers=2).errors == ()
    assert verify(repo, snapshot, target).differences == 0
