"""The prune command: rewrite and delete packs, so that a crash at any instant loses nothing.

The order: delete packs that no index names; write new packs and their index; write the index of what stays;
delete the old index files; delete packs. Until the last step every old pack is still there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from migration_ops.vault.backend import FileKind
from migration_ops.vault.errors import DamagedError, VaultError
from migration_ops.vault.index import encode_index
from migration_ops.vault.lock import Lock, locked
from migration_ops.vault.pack import BlobType, PackedBlob
from migration_ops.vault.packer import INDEX_BLOBS, Packer
from migration_ops.vault.progress import Report, silent
from migration_ops.vault.prune_plan import PackUse, PrunePlan, make_plan, parse_max_unused
from migration_ops.vault.reachable import mark_reachable
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import load_snapshots


@dataclass(frozen=True)
class PruneSummary:
    """What a prune did, or would do."""

    packs_kept: int
    packs_rewritten: int
    packs_removed: int
    bytes_kept: int
    bytes_freed: int
    blobs_removed: int
    unused_kept: int
    dry_run: bool = False

    def as_document(self) -> dict[str, Any]:
        """The summary's JSON."""
        return {"message_type": "summary", **asdict(self)}

    def text(self) -> str:
        """The summary for people."""
        verb = "would free" if self.dry_run else "freed"
        return (
            f"{verb} {self.bytes_freed} bytes: {self.packs_removed} packs removed,"
            f" {self.packs_rewritten} rewritten, {self.packs_kept} kept"
        )


def prune(
    repo: Repository, *, max_unused: str = "5%", dry_run: bool = False, progress: Report | None = None
) -> PruneSummary:
    """Delete what no snapshot needs.

    :param max_unused: how much unneeded data may stay in packs that are not worth rewriting.
    :raises DamagedError: if anything that is needed is missing: then nothing is deleted.
    :raises RepositoryLocked: if somebody works in the repository.
    """
    report = progress or silent
    tolerance = parse_max_unused(max_unused)
    with locked(repo, exclusive=True) as lock:
        # Read in the reverse order of writing: a snapshot that is seen has its index and packs.
        snapshots = load_snapshots(repo)
        old_indexes = [name for name, _ in repo.backend.list(FileKind.INDEX)]
        index = repo.load_index()
        try:
            reachable = mark_reachable(repo, snapshots)
        except DamagedError as error:
            raise DamagedError(f"{error}; nothing was pruned. `check` says what else is missing") from error
        plan = make_plan(index, reachable, dict(repo.backend.list(FileKind.PACK)), tolerance)
        summary = _summarize(plan, dry_run=dry_run)
        if not dry_run:
            _execute(repo, plan, old_indexes, lock, report)
            repo.forget_index()
    return summary


def _summarize(plan: PrunePlan, *, dry_run: bool) -> PruneSummary:
    def dropped(uses: Iterable[PackUse]) -> int:
        return sum(len(use.blobs) - len(use.wanted) for use in uses)

    gone = [*plan.remove.values(), *plan.rewrite.values()]
    return PruneSummary(
        packs_kept=len(plan.keep),
        packs_rewritten=len(plan.rewrite),
        packs_removed=len(plan.remove) + len(plan.unindexed),
        bytes_kept=sum(use.size for use in plan.keep.values())
        + sum(use.used for use in plan.rewrite.values()),
        bytes_freed=sum(plan.unindexed.values()) + sum(use.size - use.used for use in gone),
        blobs_removed=dropped(gone),
        unused_kept=sum(use.unused for use in plan.keep.values()),
        dry_run=dry_run,
    )


def _execute(repo: Repository, plan: PrunePlan, old_indexes: list[str], lock: Lock, report: Report) -> None:
    for name in plan.unindexed:
        repo.backend.remove(FileKind.PACK, name)
    if not plan.remove and not plan.rewrite:
        return
    new_packs = _rewrite(repo, plan, lock, report)
    lock.check()
    kept = {pack: use.blobs for pack, use in plan.keep.items()} | new_packs
    written = set(_write_indexes(repo, kept))
    for name in old_indexes:
        if name not in written:
            repo.backend.remove(FileKind.INDEX, name)
    # Index files that the rewriting itself wrote on its way are complete in the new ones.
    for name, _ in list(repo.backend.list(FileKind.INDEX)):
        if name not in written and name not in old_indexes:
            repo.backend.remove(FileKind.INDEX, name)
    for pack in (*plan.remove, *plan.rewrite):
        lock.check()
        repo.backend.remove(FileKind.PACK, pack.hex())


def _write_indexes(repo: Repository, packs: dict[bytes, list[PackedBlob]]) -> Iterable[str]:
    part: list[tuple[bytes, list[PackedBlob]]] = []
    blobs = 0
    for pack, content in packs.items():
        part.append((pack, content))
        blobs += len(content)
        if blobs >= INDEX_BLOBS:
            yield repo.save_unpacked(FileKind.INDEX, encode_index(part))
            part, blobs = [], 0
    if part:
        yield repo.save_unpacked(FileKind.INDEX, encode_index(part))


def _rewrite(repo: Repository, plan: PrunePlan, lock: Lock, report: Report) -> dict[bytes, list[PackedBlob]]:
    """Copy what is needed into new packs; every blob is opened and checked on its way."""
    packer = Packer(repo, remember=True)
    try:
        for done, (pack, use) in enumerate(plan.rewrite.items(), 1):
            lock.check()
            _copy(repo, packer, pack, use)
            report(
                {
                    "message_type": "verbose_status",
                    "action": f"rewritten {done}/{len(plan.rewrite)}",
                    "item": pack.hex(),
                }
            )
        packer.flush()
        return dict(packer.stored)
    finally:
        packer.close()


def _copy(repo: Repository, packer: Packer, pack: bytes, use: PackUse) -> None:
    if not use.wanted:
        return
    start = min(blob.offset for blob in use.wanted)
    end = max(blob.offset + blob.length for blob in use.wanted)
    data = memoryview(repo.backend.read_range(FileKind.PACK, pack.hex(), start, end - start))
    for blob in sorted(use.wanted, key=lambda each: each.offset):
        sealed = bytes(data[blob.offset - start : blob.offset - start + blob.length])
        uncompressed = blob.uncompressed_length
        try:
            plaintext = repo.open_blob(blob, sealed)
        except DamagedError:
            # Another copy may be whole.
            try:
                plaintext = repo.load_blob(blob.type, blob.id)
            except VaultError as error:
                raise DamagedError(f"{error}; nothing was deleted") from error
            sealed, uncompressed = _seal_again(repo, plaintext)
        if blob.type is BlobType.TREE and not uncompressed:
            sealed, uncompressed = _seal_again(repo, plaintext)
        packer.add(blob.type, blob.id, [sealed], uncompressed)


def _seal_again(repo: Repository, plaintext: bytes | bytearray | memoryview) -> tuple[bytes, int]:
    return bytes(repo.key.seal(repo.compressor.compress(plaintext))), len(plaintext)
