"""Chunks of the parent are known again without their SHA-256, and never mistaken."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_ops.vault import blob_saver
from migration_ops.vault.backup import backup
from migration_ops.vault.index import blob_id_of
from migration_ops.vault.pruner import prune
from migration_ops.vault.repository import Repository, open_repository
from migration_ops.vault.restore import restore
from migration_ops.vault.retention import Policy, forget
from migration_ops.vault.snapshot import find_snapshot

PASSWORD = "a password of the tests"
MIB = 1 << 20


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A large file in a folder, and a second one that stays as it is."""
    root = tmp_path / "source"
    root.mkdir()
    rng = random.Random(51)
    (root / "database").write_bytes(rng.randbytes(24 * MIB))
    (root / "archive").write_bytes(rng.randbytes(8 * MIB))
    return root


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the chunks that are hashed from now on."""
    sizes: list[int] = []

    def blob_id(data: bytes) -> bytes:
        sizes.append(len(data))
        return blob_id_of(data)

    monkeypatch.setattr(blob_saver, "blob_id_of", blob_id)
    return sizes


def _change(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(random.Random(offset).randbytes(8192))


def test_only_chunks_that_changed_are_hashed(
    repo: Repository, source: Path, tmp_path: Path, hashed: list[int]
) -> None:
    backup(repo, [source], as_root=True)
    for offset in (5 * MIB, 17 * MIB):
        _change(source / "database", offset)
        hashed.clear()
        summary = backup(repo, [source], as_root=True)
        assert sum(hashed) < 5 * MIB
        assert summary.files_changed == 1
        restore(repo, summary.snapshot_id, tmp_path / "target")
        assert (tmp_path / "target/database").read_bytes() == (source / "database").read_bytes()


def test_what_is_known_of_an_unchanged_file_outlives_many_backups(
    repo: Repository, source: Path, hashed: list[int]
) -> None:
    for offset in range(3):
        _change(source / "database", offset * MIB)
        backup(repo, [source], as_root=True)
    hashed.clear()
    _change(source / "archive", 3 * MIB)
    backup(repo, [source], as_root=True)
    assert sum(hashed) < 5 * MIB


def test_our_prune_keeps_the_fingerprints(repo: Repository, source: Path, hashed: list[int]) -> None:
    backup(repo, [source], as_root=True)
    _change(source / "database", MIB)
    backup(repo, [source], as_root=True)
    forget(repo, policy=Policy(last=1))
    prune(repo, max_unused="0")
    hashed.clear()
    _change(source / "database", 9 * MIB)
    backup(repo, [source], as_root=True)
    assert sum(hashed) < 5 * MIB


def test_restic_may_prune_them_and_then_everything_is_hashed_again(
    repo: Repository,
    location: str,
    source: Path,
    tmp_path: Path,
    hashed: list[int],
    make_restic: Callable[..., Callable[..., str]],
) -> None:
    first = backup(repo, [source], as_root=True)
    assert find_snapshot(repo, first.snapshot_id).fingerprints
    restic = make_restic(location)
    restic("prune", "--max-unused", "0")
    hashed.clear()
    _change(source / "database", MIB)
    fresh = open_repository(location, PASSWORD)
    second = backup(fresh, [source], as_root=True)
    assert sum(hashed) > 24 * MIB
    assert restore(fresh, second.snapshot_id, tmp_path / "target").errors == ()
    assert (tmp_path / "target/database").read_bytes() == (source / "database").read_bytes()
    assert "no errors were found" in restic("check", "--read-data")
