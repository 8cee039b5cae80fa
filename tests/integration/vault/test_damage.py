"""Bits that flip, files that are cut or lost: found at the first read, named, and never restored wrong."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_ops.vault.backend import FileKind
from migration_ops.vault.backup import backup
from migration_ops.vault.checker import check
from migration_ops.vault.crypto import Key
from migration_ops.vault.errors import DamagedError, VaultError
from migration_ops.vault.index import blob_id_of, encode_index
from migration_ops.vault.index_repair import repair_index
from migration_ops.vault.node import Node, encode_node
from migration_ops.vault.pack import BlobType, PackedBlob, encode_header
from migration_ops.vault.packer import Packer
from migration_ops.vault.pruner import prune
from migration_ops.vault.repository import Repository, open_repository
from migration_ops.vault.restore import restore
from migration_ops.vault.snapshot import Snapshot, store_snapshot
from migration_ops.vault.tree import encode_tree
from migration_ops.vault.verifier import verify

PASSWORD = "a password of the tests"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three files, one of them of several chunks."""
    root = tmp_path / "source"
    root.mkdir()
    (root / "large").write_bytes(random.Random(21).randbytes(3_000_000))
    (root / "text").write_bytes(b"text that compresses\n" * 5000)
    (root / "folder").mkdir()
    (root / "folder/small").write_text("small")
    return root


def _files(location: str, kind: str) -> list[Path]:
    return sorted(path for path in Path(location, kind).rglob("*") if path.is_file())


def _flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.chmod(0o600)
    path.write_bytes(content)


def _pack_of(repo: Repository, kind: BlobType) -> str:
    return next(iter(repo.index.places(kind))).pack.hex()


@pytest.mark.parametrize("kind", [BlobType.DATA, BlobType.TREE])
@pytest.mark.parametrize("region", ["iv", "ciphertext", "tag", "header", "length field"])
def test_a_flipped_bit_in_a_pack_is_found(
    repo: Repository, location: str, source: Path, tmp_path: Path, kind: BlobType, region: str
) -> None:
    backup(repo, [source], as_root=True)
    name = _pack_of(repo, kind)
    path = next(path for path in _files(location, "data") if path.name == name)
    first = min((place.blob for place in repo.index.places(kind)), key=lambda blob: blob.offset)
    position = {"iv": 3, "ciphertext": 20, "tag": first.length - 2, "header": -20, "length field": -3}[region]
    _flip(path, position)
    fresh = open_repository(location, PASSWORD)
    summary = check(fresh, read_data="100%")
    assert summary.errors
    assert any(name in error for error in summary.errors)
    assert name in summary.broken_packs
    if region in ("iv", "ciphertext", "tag"):
        _assert_nothing_wrong_is_restored(fresh, source, tmp_path / "target")


def _assert_nothing_wrong_is_restored(repo: Repository, source: Path, target: Path) -> None:
    try:
        summary = restore(repo, "latest", target)
    except DamagedError as error:
        assert "damaged" in str(error)
        return
    assert summary.errors
    for path in target.rglob("*"):
        if path.is_file() and not path.name.startswith(".migration"):
            assert path.read_bytes() == (source / path.relative_to(target)).read_bytes()


@pytest.mark.parametrize("cut", [1, 4, 100, None])
def test_a_truncated_pack_is_found_by_the_quick_check(
    repo: Repository, location: str, source: Path, cut: int | None
) -> None:
    backup(repo, [source], as_root=True)
    path = _files(location, "data")[0]
    path.chmod(0o600)
    os.truncate(path, 0 if cut is None else path.stat().st_size - cut)
    summary = check(open_repository(location, PASSWORD))
    assert any(path.name in error for error in summary.errors)


@pytest.mark.parametrize("kind", ["index", "snapshots", "keys", "config"])
@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_flipped_bit_in_metadata_is_found_and_named(
    repo: Repository, location: str, source: Path, kind: str, place: int
) -> None:
    backup(repo, [source], as_root=True)
    path = Path(location, "config") if kind == "config" else _files(location, kind)[0]
    _flip(path, place)
    try:
        summary = check(open_repository(location, PASSWORD))
    except VaultError as error:
        assert kind in ("keys", "config")
        assert path.name in str(error)
    else:
        assert any(path.name in error for error in summary.errors)


def test_a_lost_index_is_made_again_from_the_packs(
    repo: Repository, location: str, source: Path, tmp_path: Path, checked_by_restic: Callable[[], None]
) -> None:
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    for path in _files(location, "index"):
        path.unlink()
    fresh = open_repository(location, PASSWORD)
    assert check(fresh).errors
    assert repair_index(fresh)["damaged"] == 0
    assert check(fresh, read_data="100%").errors == ()
    assert restore(fresh, snapshot, tmp_path / "target").errors == ()
    checked_by_restic()


def test_a_duplicated_index_harms_nothing(
    repo: Repository, location: str, source: Path, checked_by_restic: Callable[[], None]
) -> None:
    backup(repo, [source], as_root=True)
    name = _files(location, "index")[0].name
    repo.save_unpacked(FileKind.INDEX, repo.load_unpacked(FileKind.INDEX, name))
    fresh = open_repository(location, PASSWORD)
    assert check(fresh, read_data="100%").errors == ()
    prune(fresh)
    assert check(fresh, read_data="100%").errors == ()
    checked_by_restic()


def test_a_lost_pack_is_named_and_the_rest_is_restored(
    repo: Repository, location: str, source: Path, tmp_path: Path
) -> None:
    backup(repo, [source / "folder"], as_root=True)
    snapshot = backup(repo, [source], as_root=True, force=True).snapshot_id
    large = max(_files(location, "data"), key=lambda path: path.stat().st_size)
    large.unlink()
    fresh = open_repository(location, PASSWORD)
    assert any(large.name in error for error in check(fresh).errors)
    with pytest.raises(DamagedError, match="nothing was pruned"):
        prune(fresh)
    summary = restore(fresh, snapshot, tmp_path / "target")
    assert {item for item, _ in summary.errors} == {"/large", "/text"}
    assert (tmp_path / "target/folder/small").read_text() == "small"
    assert not (tmp_path / "target/large").exists()


def test_the_next_backup_heals_what_is_still_in_the_source(
    repo: Repository, location: str, source: Path, tmp_path: Path, checked_by_restic: Callable[[], None]
) -> None:
    backup(repo, [source], as_root=True)
    name = _pack_of(repo, BlobType.DATA)
    next(path for path in _files(location, "data") if path.name == name).unlink()
    fresh = open_repository(location, PASSWORD)
    repair_index(fresh)
    snapshot = backup(fresh, [source], as_root=True).snapshot_id
    assert restore(fresh, snapshot, tmp_path / "target").errors == ()
    assert verify(fresh, snapshot, tmp_path / "target").differences == 0
    checked_by_restic()


def test_an_index_that_names_a_missing_pack_is_found(repo: Repository, location: str, source: Path) -> None:
    backup(repo, [source], as_root=True)
    blob = PackedBlob(BlobType.DATA, os.urandom(32), 0, 100, 0)
    repo.save_unpacked(FileKind.INDEX, encode_index([(bytes(32), [blob])]))
    assert any("00000000" in error for error in check(open_repository(location, PASSWORD)).errors)


def test_a_wrong_length_in_the_index_is_found(
    repo: Repository, location: str, source: Path, tmp_path: Path
) -> None:
    backup(repo, [source], as_root=True)
    document = json.loads(repo.load_unpacked(FileKind.INDEX, _files(location, "index")[0].name))
    for pack in document["packs"]:
        for blob in pack["blobs"]:
            if blob["type"] == "data" and "uncompressed_length" in blob:
                blob["uncompressed_length"] += 1
    for path in _files(location, "index"):
        path.unlink()
    repo.save_unpacked(FileKind.INDEX, json.dumps(document, separators=(",", ":")).encode() + b"\n")
    fresh = open_repository(location, PASSWORD)
    assert check(fresh, read_data="100%").errors
    _assert_nothing_wrong_is_restored(fresh, source, tmp_path / "target")


def _store(repo: Repository, kind: BlobType, plaintext: bytes, *, claim: int | None = None) -> bytes:
    """Store a blob as an attacker with the password would; returns its id."""
    blob_id = blob_id_of(plaintext)
    packer = Packer(repo)
    compressed = repo.compressor.compress(plaintext)
    packer.add(kind, blob_id, [repo.key.seal(compressed)], claim if claim is not None else len(plaintext))
    packer.flush()
    packer.close()
    return blob_id


def test_a_zstd_bomb_stops_at_the_length_that_it_claims(repo: Repository) -> None:
    bomb = bytes(64 << 20)
    blob_id = _store(repo, BlobType.DATA, bomb, claim=1000)
    with pytest.raises(DamagedError, match="where 1000 are expected"):
        repo.load_blob(BlobType.DATA, blob_id)


@pytest.mark.parametrize("name", [b"..", b".", b"", b"a/b", b"../../escaped", b"/etc/escaped"])
def test_a_name_that_leads_out_of_the_target_is_refused(
    repo: Repository, tmp_path: Path, name: bytes
) -> None:
    content = _store(repo, BlobType.DATA, b"evil")
    node = Node(name, "file", 0o644, uid=0, gid=0, size=4, links=1, content=[content])
    tree = _store(repo, BlobType.TREE, encode_tree([encode_node(node)]))
    snapshot = store_snapshot(repo, Snapshot("", 1, tree.hex(), ("/x",), "host"))
    with pytest.raises(DamagedError, match="no folder can hold"):
        restore(repo, snapshot, tmp_path / "inside/target")
    assert not (tmp_path / "inside/escaped").exists()
    assert not Path("/etc/escaped").exists()
    assert check(repo).errors


def test_nothing_is_written_through_a_symlink(repo: Repository, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    source = tmp_path / "source"
    (source / "folder").mkdir(parents=True)
    (source / "folder/file").write_text("content")
    (source / "plain").write_text("content")
    snapshot = backup(repo, [source], as_root=True).snapshot_id
    target = tmp_path / "target"
    target.mkdir()
    (target / "folder").symlink_to(outside)
    (target / "plain").symlink_to(outside / "plain")
    assert restore(repo, snapshot, target).errors == ()
    assert list(outside.iterdir()) == []
    assert not (target / "folder").is_symlink()
    assert (target / "plain").read_text() == "content"
    assert not (target / "plain").is_symlink()


def test_a_tampered_tree_that_goes_through_its_own_symlink_stays_inside(
    repo: Repository, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    content = _store(repo, BlobType.DATA, b"evil")
    inner = _store(
        repo, BlobType.TREE,
        encode_tree([encode_node(Node(b"file", "file", 0o644, size=4, links=1, content=[content]))]),
    )  # fmt: skip
    nodes = [
        Node(b"a", "symlink", 0o777 | 1 << 27, links=1, link_target=os.fsencode(outside)),
        Node(b"a", "dir", 0o755 | 1 << 31, subtree=inner),
    ]
    tree = _store(repo, BlobType.TREE, encode_tree(map(encode_node, nodes)))
    snapshot = store_snapshot(repo, Snapshot("", 1, tree.hex(), ("/x",), "host"))
    with pytest.raises(DamagedError, match="not in order"):
        restore(repo, snapshot, tmp_path / "target")
    assert list(outside.iterdir()) == []


def test_a_blob_of_the_wrong_type_is_no_tree(repo: Repository, tmp_path: Path) -> None:
    data = _store(repo, BlobType.DATA, b'{"nodes":[]}\n')
    snapshot = store_snapshot(repo, Snapshot("", 1, data.hex(), ("/x",), "host"))
    with pytest.raises(DamagedError, match="is in no index"):
        restore(repo, snapshot, tmp_path / "target")


def test_a_mixed_pack_is_read_and_sorted_out_by_prune(
    repo: Repository, location: str, tmp_path: Path, checked_by_restic: Callable[[], None]
) -> None:
    content = b"content of a file"
    tree = encode_tree(
        [encode_node(Node(b"file", "file", 0o644, size=len(content), links=1, content=[blob_id_of(content)]))]
    )
    sealed = [repo.key.seal(content), repo.key.seal(repo.compressor.compress(tree))]
    blobs = [
        PackedBlob(BlobType.DATA, blob_id_of(content), 0, len(sealed[0]), 0),
        PackedBlob(BlobType.TREE, blob_id_of(tree), len(sealed[0]), len(sealed[1]), len(tree)),
    ]
    pack = b"".join([*sealed, encode_header(blobs, repo.key)])
    name = hashlib.sha256(pack).hexdigest()
    repo.backend.save(FileKind.PACK, name, [pack])
    repo.save_unpacked(FileKind.INDEX, encode_index([(bytes.fromhex(name), blobs)]))
    snapshot = store_snapshot(repo, Snapshot("", 1, blob_id_of(tree).hex(), ("/x",), "host"))
    fresh = open_repository(location, PASSWORD)
    assert check(fresh, read_data="100%").errors == ()
    assert prune(fresh).packs_rewritten == 1
    assert restore(fresh, snapshot, tmp_path / "target").errors == ()
    assert (tmp_path / "target/file").read_bytes() == content
    checked_by_restic()


def test_memory_that_fails_while_sealing_is_noticed_before_anything_is_stored(
    repo: Repository, location: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Key.seal

    def broken(self: Key, plaintext: bytes) -> bytearray:
        sealed = real(self, plaintext)
        if len(sealed) > 100_000:
            sealed[50_000] ^= 1
        return sealed

    monkeypatch.setattr(Key, "seal", broken)
    with pytest.raises(DamagedError, match="right after it was sealed"):
        backup(repo, [source], as_root=True, verify_every=1)
    assert _files(location, "snapshots") == []
