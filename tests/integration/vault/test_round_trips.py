"""What goes in comes out: through our own restore, and through restic in both directions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.browse import list_files, read_file
from migration_ops.vault.node import encode_node
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore import restore
from migration_ops.vault.snapshot import find_snapshot, list_snapshots
from migration_ops.vault.tree import decode_tree, encode_tree
from migration_ops.vault.verifier import verify
from tests.integration.vault.conftest import Restic

Describe = Callable[..., dict[str, tuple[object, ...]]]


def test_a_volume_comes_back_with_everything_it_held(
    repo: Repository, volume: Path, tmp_path: Path, describe: Describe, checked_by_restic: Callable[[], None]
) -> None:
    summary = backup(repo, [volume], as_root=True)
    target = tmp_path / "target"
    restored = restore(repo, summary.snapshot_id, target)
    assert restored.errors == ()
    assert describe(target) == describe(volume)
    assert verify(repo, summary.snapshot_id, target).differences == 0
    checked_by_restic()


def test_holes_come_back_as_holes(repo: Repository, volume: Path, tmp_path: Path) -> None:
    summary = backup(repo, [volume], as_root=True)
    restore(repo, summary.snapshot_id, tmp_path / "target")
    source, target = (volume / "sparse").stat(), (tmp_path / "target/sparse").stat()
    assert target.st_size == source.st_size
    assert target.st_blocks <= source.st_blocks + 64


def test_restic_restores_our_snapshot(
    repo: Repository, volume: Path, tmp_path: Path, describe: Describe, restic: Restic
) -> None:
    summary = backup(repo, [volume], as_root=True)
    restic.check()
    target = tmp_path / "by restic"
    target.mkdir()
    restic("restore", summary.snapshot_id, "--target", target)
    ours, theirs = describe(volume), describe(target)
    del ours["."], theirs["."]  # restic has no place for the root's own metadata
    if "0.14" in restic("version"):
        del ours["broken link"], theirs["broken link"]  # and 0.14 none for targets that are no UTF-8
    assert theirs == ours


def test_we_restore_restics_snapshot(
    repo: Repository, volume: Path, tmp_path: Path, describe: Describe, restic: Restic
) -> None:
    if "0.14" in restic("version"):
        (volume / "broken link").unlink()
    restic("backup", ".", cwd=volume)
    target = tmp_path / "target"
    restored = restore(repo, "latest", target)
    assert restored.errors == ()
    ours, theirs = describe(target), describe(volume)
    del ours["."], theirs["."]
    assert ours == theirs


def test_restics_trees_are_encoded_again_byte_for_byte(
    repo: Repository, volume: Path, restic: Restic
) -> None:
    if "0.14" in restic("version"):
        (volume / "broken link").unlink()  # it stored such targets with losses
    restic("backup", volume)
    repo.forget_index()
    trees = list(repo.index.places(BlobType.TREE))
    assert len(trees) > 5
    for place in trees:
        plaintext = repo.load_tree(place.blob.id)
        assert encode_tree(map(encode_node, decode_tree(plaintext))) == plaintext


def test_both_programs_store_the_same_nodes(
    repo: Repository, volume: Path, restic: Restic, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume / "folder/hard link of large").unlink()  # its chunks are cut elsewhere
    if "0.14" in restic("version"):
        (volume / "broken link").unlink()
    monkeypatch.chdir(volume)
    names = [
        n
        for n in ("folder", "mode", "fifo", "null", "link", "sticky", "broken link", "empty")
        if os.path.lexists(n)
    ]
    ours = backup(repo, names).snapshot_id
    restic("backup", "--force", "--time", "2040-01-01 00:00:00", *names, cwd=volume)
    repo.forget_index()
    theirs = list_snapshots(repo)[-1].id
    assert ours != theirs
    by_us, by_restic = (_nodes(repo, each) for each in (ours, theirs))
    assert by_us == by_restic


def _nodes(repo: Repository, snapshot: str) -> dict[bytes, bytes]:
    found = {}
    for path, node in list_files(repo, find_snapshot(repo, snapshot)):
        node.subtree, node.device_id = None, 0  # the number of the file system is ours to choose
        found[path] = encode_node(node)
    return found


def test_restic_takes_our_snapshot_as_parent(repo: Repository, volume: Path, restic: Restic) -> None:
    backup(repo, [volume], hostname="one")
    said = restic("backup", "--host", "one", volume)
    assert "using parent snapshot" in said
    assert "0 new,     0 changed" in said
    restic.check()


def test_restics_snapshot_is_our_parent(repo: Repository, volume: Path, restic: Restic) -> None:
    restic("backup", "--host", "one", volume)
    summary = backup(repo, [volume], hostname="one")
    assert summary.parent is not None
    assert (summary.files_new, summary.files_changed, summary.bytes_read) == (0, 0, 0)
    restic.check()


def test_the_roots_own_mode_owner_and_time_come_back(repo: Repository, volume: Path, tmp_path: Path) -> None:
    os.setxattr(volume, "user.root", b"here")
    summary = backup(repo, [volume], as_root=True)
    restore(repo, summary.snapshot_id, tmp_path / "target")
    before, after = volume.stat(), (tmp_path / "target").stat()
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (
        before.st_mode,
        before.st_uid,
        before.st_mtime_ns,
    )
    assert os.getxattr(tmp_path / "target", "user.root") == b"here"


def test_a_second_backup_reads_and_stores_nothing(repo: Repository, volume: Path) -> None:
    backup(repo, [volume], as_root=True)
    again = backup(repo, [volume], as_root=True)
    assert (again.bytes_read, again.data_added, again.files_new, again.files_changed) == (0, 0, 0, 0)


def test_only_what_changed_is_stored(
    repo: Repository, volume: Path, mutate: Callable[[Path], None], checked_by_restic: Callable[[], None]
) -> None:
    full = backup(repo, [volume], as_root=True)
    mutate(volume)
    summary = backup(repo, [volume], as_root=True)
    assert 0 < summary.data_added_packed < full.data_added_packed * 0.5
    checked_by_restic()


def test_a_file_of_the_snapshot_is_read_without_a_restore(repo: Repository, volume: Path) -> None:
    summary = backup(repo, [volume], as_root=True)
    assert read_file(repo, summary.snapshot_id, "/text.log") == (volume / "text.log").read_bytes()
    assert read_file(repo, summary.snapshot_id[:10], "folder/sub/deep/leaf") == b"leaf"
