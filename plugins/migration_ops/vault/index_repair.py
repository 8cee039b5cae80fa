"""Making the index anew from the packs' own headers, when index files are lost or damaged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from migration_ops.vault.backend import FileKind
from migration_ops.vault.errors import VaultError
from migration_ops.vault.index import encode_index
from migration_ops.vault.lock import locked
from migration_ops.vault.pack import PackedBlob, read_header
from migration_ops.vault.packer import INDEX_BLOBS
from migration_ops.vault.progress import Report, error_message, silent
from migration_ops.vault.repository import Repository


def repair_index(repo: Repository, *, progress: Report | None = None) -> dict[str, Any]:
    """Read every pack's header, write a complete index, delete the old index files.

    Packs with a damaged header are named and left out; their files stay.

    :returns: how many packs were indexed, and how many are damaged.
    """
    report = progress or silent
    damaged = indexed = 0

    def header(pack: tuple[str, int]) -> list[PackedBlob] | VaultError:
        try:
            return read_header(repo.backend, repo.key, *pack)
        except VaultError as error:
            return error

    with locked(repo, exclusive=True):
        old = [name for name, _ in repo.backend.list(FileKind.INDEX)]
        packs = list(repo.backend.list(FileKind.PACK))
        written: set[str] = set()
        part: list[tuple[bytes, list[PackedBlob]]] = []
        blobs = 0
        with ThreadPoolExecutor(max(2, repo.backend.connections), "index") as pool:
            for (name, _), content in zip(packs, pool.map(header, packs), strict=True):
                if isinstance(content, VaultError):
                    damaged += 1
                    report(error_message(name, content, "repair-index"))
                    continue
                indexed += 1
                part.append((bytes.fromhex(name), content))
                blobs += len(content)
                if blobs >= INDEX_BLOBS:
                    written.add(repo.save_unpacked(FileKind.INDEX, encode_index(part)))
                    part, blobs = [], 0
        if part:
            written.add(repo.save_unpacked(FileKind.INDEX, encode_index(part)))
        for name in old:
            if name not in written:
                repo.backend.remove(FileKind.INDEX, name)
        repo.forget_index()
    return {"message_type": "summary", "packs": indexed, "damaged": damaged, "index_files": len(written)}
