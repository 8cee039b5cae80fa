"""A part of the content may be read again; names, links, sizes and metadata are compared in any case."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_ops.vault import backup, init_repository, restore
from migration_ops.vault.repository import Repository
from migration_ops.vault.verifier import verify


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty vault."""
    return init_repository(str(tmp_path / "vault"), "password")


@pytest.fixture
def saved(repository: Repository, tmp_path: Path) -> tuple[str, Path]:
    """A snapshot of some files, and the folder that it was restored into."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "folder").mkdir(parents=True)
    for number in range(20):
        (source / "folder" / f"{number}").write_bytes(os.urandom(100))
    (source / "large").write_bytes(os.urandom(3 * 1024 * 1024))
    snapshot = backup(repository, [source], as_root=True).snapshot_id
    restore(repository, snapshot, target)
    return snapshot, target


def other_content(path: Path) -> None:
    """Change the content and leave size and time as they were."""
    status = path.stat()
    path.write_bytes(bytes(byte ^ 255 for byte in path.read_bytes()))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("content", [0.0, 0.05, 1.0])
def test_what_is_as_it_was_has_no_differences(
    repository: Repository, saved: tuple[str, Path], content: float
) -> None:
    snapshot, target = saved
    assert verify(repository, snapshot, target, content=content).differences == 0


@pytest.mark.parametrize(
    "tamper",
    [
        lambda folder: (folder / "1").unlink(),
        lambda folder: (folder / "new").write_bytes(b""),
        lambda folder: (folder / "1").write_bytes(b"short"),
        lambda folder: (folder / "1").chmod(0o777),
        lambda folder: os.utime(folder / "1", ns=(1, 1)),
    ],
    ids=["gone", "new", "size", "mode", "time"],
)
@pytest.mark.parametrize("content", [0.0, 0.05])
def test_whatever_metadata_tells_is_seen(
    repository: Repository, saved: tuple[str, Path], content: float, tamper: Callable[[Path], None]
) -> None:
    snapshot, target = saved
    tamper(target / "folder")
    assert verify(repository, snapshot, target, content=content).differences > 0


def test_content_is_read_as_far_as_it_is_asked_for(repository: Repository, saved: tuple[str, Path]) -> None:
    snapshot, target = saved
    changed = [target / "large", *(target / "folder").iterdir()]
    for path in changed:
        other_content(path)
    assert verify(repository, snapshot, target, content=0.0).differences == 0
    assert verify(repository, snapshot, target, content=1.0).differences == len(changed)
    assert 0 <= verify(repository, snapshot, target, content=0.5).differences <= len(changed)


def test_a_restore_may_read_a_part(repository: Repository, saved: tuple[str, Path], tmp_path: Path) -> None:
    snapshot, _ = saved
    summary = restore(repository, snapshot, tmp_path / "other", verify=True, verify_content=0.0)
    assert summary.differences == 0
