"""Block-mode volumes: a device is one file in the snapshot, and is restored in place."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.errors import UsageError
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore import restore
from migration_ops.vault.verifier import verify

SIZE = 24 << 20


@pytest.fixture
def make_device(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Make loop devices; they end with the test."""
    made: list[str] = []

    def make(name: str, size: int) -> Path:
        image = tmp_path / name
        with image.open("wb") as file:
            file.truncate(size)
        done = subprocess.run(
            ["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no loop devices here: {done.stderr.strip()}")
        made.append(done.stdout.strip())
        return Path(made[-1])

    yield make
    for device in made:
        subprocess.run(["losetup", "--detach", device], check=True)


def _write(device: Path, offset: int, content: bytes) -> None:
    descriptor = os.open(device, os.O_RDWR)
    os.pwrite(descriptor, content, offset)
    os.fsync(descriptor)
    os.close(descriptor)


def _read(device: Path) -> bytes:
    return device.read_bytes()


def test_a_device_goes_through_the_vault_and_only_differences_are_written(
    repo: Repository, make_device: Callable[[str, int], Path], checked_by_restic: Callable[[], None]
) -> None:
    source, target = make_device("source", SIZE), make_device("target", SIZE)
    _write(source, 1 << 20, random.Random(51).randbytes(5_000_000))
    _write(target, 15 << 20, b"left over from before")
    first = backup(repo, [source], as_root=True)
    assert first.total_bytes_processed == SIZE
    restored = restore(repo, first.snapshot_id, target)
    assert restored.errors == ()
    assert _read(target) == _read(source)
    _write(source, 3 << 20, b"changed")
    second = backup(repo, [source], as_root=True)
    assert second.data_added < 5_000_000
    delta = restore(repo, second.snapshot_id, target, base=first.snapshot_id)
    assert delta.bytes_fetched < 5_000_000
    assert _read(target) == _read(source)
    assert verify(repo, second.snapshot_id, target).differences == 0
    _write(target, 100, b"drift")
    assert verify(repo, second.snapshot_id, target).differences == 1
    checked_by_restic()


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_device_that_does_not_hold_the_base_is_compared_and_ends_right(
    repo: Repository, make_device: Callable[[str, int], Path], *, dry_run: bool
) -> None:
    source, target = make_device("source", SIZE), make_device("target", SIZE)
    _write(source, 0, random.Random(52).randbytes(SIZE))
    first = backup(repo, [source], as_root=True)
    _write(source, 3 << 20, b"changed")
    second = backup(repo, [source], as_root=True)
    _write(target, 0, random.Random(53).randbytes(SIZE))
    told: list[dict[str, Any]] = []

    restored = restore(
        repo, second.snapshot_id, target, base=first.snapshot_id, dry_run=dry_run, progress=told.append
    )

    assert restored.base_trusted is False
    assert any("does not hold the base" in message.get("message", "") for message in told)
    assert (_read(target) == _read(source)) is not dry_run


def test_a_mounted_device_is_refused(
    repo: Repository, make_device: Callable[[str, int], Path], tmp_path: Path
) -> None:
    source, target = make_device("source", SIZE), make_device("target", SIZE)
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    subprocess.run(["mkfs.ext4", "-q", target], check=True)
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", target, mounted], check=True)
    try:
        with pytest.raises(UsageError, match=f"mounted at {mounted}"):
            restore(repo, snapshot, target)
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_of_a_device_nothing_can_be_chosen(repo: Repository, make_device: Callable[[str, int], Path]) -> None:
    device = make_device("source", SIZE)
    snapshot = backup(repo, [device], as_root=True).snapshot_id
    with pytest.raises(UsageError, match="can't choose"):
        restore(repo, snapshot, device, includes=["x"])


def test_a_device_that_is_too_small_is_refused_before_anything_is_written(
    repo: Repository, make_device: Callable[[str, int], Path]
) -> None:
    source, target = make_device("source", SIZE), make_device("target", SIZE // 2)
    _write(source, 0, b"content")
    _write(target, 0, b"untouched")
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    with pytest.raises(UsageError, match="at least as large"):
        restore(repo, snapshot, target)
    assert _read(target)[:9] == b"untouched"
