"""Volumes that are in use: files grow, shrink, vanish, change their type; names and depths of any kind."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migration_ops.vault import archiver as archiver_module
from migration_ops.vault import file_saver as file_saver_module
from migration_ops.vault.backup import backup
from migration_ops.vault.checker import check
from migration_ops.vault.repository import Repository, open_repository
from migration_ops.vault.restore import restore
from migration_ops.vault.source import open_source
from migration_ops.vault.verifier import verify

PASSWORD = "a password of the tests"
LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`
_MANY_FILES = 1_000_000 if LONG else 60_000


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """A folder in which a writer never rests."""
    root = tmp_path / "busy"
    root.mkdir()
    for number in range(40):
        (root / f"file {number}").write_bytes(os.urandom(300_000 if number % 4 == 0 else 4_000))
    end = threading.Event()
    thread = threading.Thread(target=_write_on, args=(root, end))
    thread.start()
    yield root
    end.set()
    thread.join()


def _write_on(root: Path, end: threading.Event) -> None:
    rng = random.Random(71)
    while not end.wait(0.001):
        path = root / f"file {rng.randrange(40)}"
        with contextlib.suppress(OSError):
            action = rng.randrange(6)
            if action == 0:
                with path.open("ab") as file:
                    file.write(rng.randbytes(50_000))
            elif action == 1:
                os.truncate(path, path.stat().st_size // 3)
            elif action == 2:
                path.unlink()
            elif action == 3:
                path.symlink_to("somewhere")
            elif action == 4:
                path.mkdir()
                path.rmdir()
            else:
                path.write_bytes(rng.randbytes(rng.choice([100, 400_000])))


def test_a_busy_volume_is_backed_up_without_damage(
    repo: Repository, busy: Path, tmp_path: Path, checked_by_restic: Callable[[], None]
) -> None:
    for _ in range(5):
        snapshot = backup(repo, [busy], as_root=True).snapshot_id
    target = tmp_path / "target"
    assert restore(repo, snapshot, target).errors == ()
    assert verify(repo, snapshot, target).differences == 0
    checked_by_restic()


def test_a_file_that_shrinks_while_it_is_read_is_stored_as_far_as_it_went(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(20_000_000))
    real = os.preadv
    cut = threading.Event()

    def shrinking(descriptor: int, buffers: Any, offset: int) -> int:
        if offset > 8_000_000 and not cut.is_set():
            cut.set()
            os.truncate(source / "file", 9_000_000)
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", shrinking)
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    monkeypatch.undo()
    restore(repo, snapshot, tmp_path / "target")
    assert (tmp_path / "target/file").stat().st_size == 9_000_000
    assert (tmp_path / "target/file").read_bytes() == (source / "file").read_bytes()


def test_a_file_that_vanishes_between_listing_and_looking_is_no_error(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in "abc":
        (source / name).write_text(name)
    real = archiver_module.Archiver._visit

    def vanishing(self: Any, folder: Any, name: bytes) -> Any:
        if name == b"b":
            (source / "b").unlink(missing_ok=True)
        return real(self, folder, name)

    monkeypatch.setattr(archiver_module.Archiver, "_visit", vanishing)
    summary = backup(repo, [source], as_root=True)
    assert (summary.files_new, summary.errors) == (2, ())


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_backed_up(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "bad").write_bytes(os.urandom(2_000_000))
    (source / "good").write_bytes(os.urandom(2_000_000))
    (source / "secret").write_text("x")
    bad = (source / "bad").stat().st_ino
    real, real_open = os.preadv, open_source

    def failing(descriptor: int, buffers: Any, offset: int) -> int:
        if os.fstat(descriptor).st_ino == bad and offset:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, buffers, offset)

    def denied(name: bytes, folder: int) -> int:
        if name == b"secret":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(name, folder)

    monkeypatch.setattr(os, "preadv", failing)
    monkeypatch.setattr(file_saver_module, "open_source", denied)
    monkeypatch.setattr("migration_ops.vault.file_reader._READ_BYTES", 500_000)
    said: list[dict[str, Any]] = []
    summary = backup(repo, [source], as_root=True, progress=said.append)
    assert {Path(path).name for path, _ in summary.errors} == {"bad", "secret"}
    assert {message["item"] for message in said if message["message_type"] == "error"} == {
        str(source / "bad"),
        str(source / "secret"),
    }
    monkeypatch.undo()
    restore(repo, summary.snapshot_id, tmp_path / "target")
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == ["good"]


def test_a_change_within_the_same_time_and_size_is_seen_by_its_ctime(
    repo: Repository, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("before")
    status = (source / "file").stat()
    backup(repo, [source], as_root=True)
    (source / "file").write_text("after!")
    os.utime(source / "file", ns=(status.st_atime_ns, status.st_mtime_ns))
    summary = backup(repo, [source], as_root=True)
    assert summary.files_changed == 1


def test_a_clone_with_new_ctimes_and_inodes_is_not_read_when_that_is_asked_for(
    repo: Repository, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(1_000_000))
    backup(repo, [source], as_root=True)
    subprocess.run(["cp", "-a", "--reflink=never", str(source), str(tmp_path / "clone")], check=True)
    source.rename(tmp_path / "old")
    (tmp_path / "clone").rename(source)
    summary = backup(repo, [source], as_root=True, ignore_ctime=True, ignore_inode=True)
    assert (summary.files_unmodified, summary.bytes_read) == (1, 0)
    assert backup(repo, [source], as_root=True, force=True).data_added == 0


def test_excluded_files_and_lost_and_found_are_left_out(repo: Repository, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "lost+found").mkdir(parents=True)
    (source / "cache").mkdir()
    (source / "cache/x").write_text("x")
    (source / "keep.log").write_text("x")
    (source / "drop.tmp").write_text("x")
    snapshot = backup(repo, [source], as_root=True, excludes=["*.tmp", "cache"]).snapshot_id
    restore(repo, snapshot, tmp_path / "target")
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["keep.log"]


def test_a_tree_a_thousand_folders_deep_goes_there_and_back(repo: Repository, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    descriptor = os.open(source, os.O_RDONLY)
    try:
        for _ in range(1000):
            os.mkdir("deeper", dir_fd=descriptor)
            below = os.open("deeper", os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    finally:
        os.close(descriptor)
    try:
        snapshot = backup(repo, [source], as_root=True).snapshot_id
        assert restore(repo, snapshot, target).errors == ()
        assert verify(repo, snapshot, target).differences == 0
        (source / "new").write_text("x")
        again = backup(repo, [source], as_root=True)
        assert again.files_new == 1
    finally:
        subprocess.run(["rm", "-rf", str(source), str(target)], check=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_sparse_file_of_four_tebibytes_is_quick_and_small(
    repo: Repository, tmp_path: Path, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "disk").open("wb") as file:
        file.truncate(4 << 40)
        for number in range(10):
            file.seek(number * (400 << 30))
            file.write(os.urandom(1 << 20))
    read = 0
    real = os.preadv

    def counting(descriptor: int, buffers: Any, offset: int) -> int:
        nonlocal read
        got = real(descriptor, buffers, offset)
        read += got
        return got

    monkeypatch.setattr(os, "preadv", counting)
    spent = time.process_time()
    summary = backup(repo, [source], as_root=True)
    spent = time.process_time() - spent
    assert summary.total_bytes_processed == 4 << 40
    assert 10 << 20 <= read < 100 << 20  # its holes are not read
    stored = sum(path.stat().st_size for path in Path(location, "data").rglob("*") if path.is_file())
    assert stored < 20 << 20
    assert spent < 60  # CPU seconds: 8 million chunks of zeros must not be made one by one


@pytest.mark.timeout(1800)
def test_a_folder_of_many_files_takes_little_memory(repo: Repository, tmp_path: Path, location: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(_MANY_FILES):
        os.close(os.open(source / f"a name of usual length {number:07d}", os.O_CREAT | os.O_WRONLY))
    program = (
        "from pathlib import Path; from migration_ops.vault import backup, open_repository;"
        f"backup(open_repository({location!r}, {PASSWORD!r}), [{str(source)!r}], as_root=True);"
        # Not getrusage: its peak is handed down from the process that started this one.
        "print(int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) // 1024)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "plugins")}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
    assert int(done.stdout) < (1000 if LONG else 200)
    assert check(open_repository(location, PASSWORD)).errors == ()
