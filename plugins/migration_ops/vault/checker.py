"""The check command: index against packs, snapshots against index, and on demand every stored byte."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from migration_ops.vault.backend import FileKind
from migration_ops.vault.errors import DamagedError, ObjectMissing, UsageError, VaultError
from migration_ops.vault.index import Index
from migration_ops.vault.lock import locked
from migration_ops.vault.pack import BlobType, PackedBlob, header_size, read_header
from migration_ops.vault.progress import Report, error_message, silent
from migration_ops.vault.reachable import mark_reachable
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot, decode_snapshot

# Names of packs with their sizes.
_Packs = list[tuple[str, int]]


@dataclass(frozen=True)
class CheckSummary:
    """What a check found.

    :param errors: what is damaged or missing.
    :param hints: what is only untidy: packs that no index names, blobs that are stored twice.
    :param broken_packs: ids of packs that do not hold what they should.
    """

    snapshots: int
    packs: int
    packs_read: int
    errors: tuple[str, ...]
    hints: tuple[str, ...]
    broken_packs: tuple[str, ...]
    suggest_repair_index: bool

    def as_document(self) -> dict[str, Any]:
        """The summary's JSON, with restic's names."""
        return {
            "message_type": "summary",
            "num_errors": len(self.errors),
            "broken_packs": list(self.broken_packs),
            "suggest_repair_index": self.suggest_repair_index,
            "suggest_prune": bool(self.hints),
            "snapshots": self.snapshots,
            "packs": self.packs,
            "packs_read": self.packs_read,
            "errors": list(self.errors[:100]),
        }


class _Findings:
    def __init__(self, report: Report) -> None:
        self._report = report
        self.errors: list[str] = []
        self.hints: list[str] = []
        self.broken_packs: set[str] = set()
        self.index_damaged = False

    def error(self, text: str) -> None:
        self.errors.append(text)
        self._report(error_message("", text, "check"))

    def hint(self, text: str) -> None:
        self.hints.append(text)
        self._report({"message_type": "verbose_status", "action": "hint", "item": text})


def check(repo: Repository, *, read_data: str | None = None, progress: Report | None = None) -> CheckSummary:
    """Look for damage.

    :param read_data: which packs to read as a whole: ``100%``, another share, ``2/10`` for a part, or a size
        as ``500M``; none if not given.
    :param progress: called with JSON messages.
    :raises UsageError: if `read_data` is not understood.
    """
    findings = _Findings(progress or silent)
    choose = _chooser(read_data)
    with locked(repo):
        index, names = _load_index(repo, findings)
        packs = dict(repo.backend.list(FileKind.PACK))
        contents = group_by_pack(index)
        _check_packs(packs, contents, findings)
        snapshots = _load_snapshots(repo, findings)
        mark_reachable(repo, snapshots, findings.error)
        chosen = choose(sorted(packs.items()))
        with ThreadPoolExecutor(max(2, repo.backend.connections), "check") as pool:
            for name, problems in pool.map(lambda each: _read_pack(repo, each[0], each[1], contents), chosen):
                for problem in problems:
                    findings.error(problem)
                    findings.broken_packs.add(name)
    return CheckSummary(
        len(snapshots),
        len(packs),
        len(chosen),
        tuple(findings.errors),
        tuple(findings.hints),
        tuple(sorted(findings.broken_packs)),
        findings.index_damaged or not names,
    )


def _load_index(repo: Repository, findings: _Findings) -> tuple[Index, list[str]]:
    index = Index()
    names = []
    for name, _ in repo.backend.list(FileKind.INDEX):
        try:
            index.load_file(name, repo.load_unpacked(FileKind.INDEX, name))
            names.append(name)
        except ObjectMissing:
            continue
        except VaultError as error:
            findings.index_damaged = True
            findings.error(f"{error}; `repair-index` makes the index anew")
    repo.use_index(index)
    return index, names


def group_by_pack(index: Index) -> dict[bytes, list[PackedBlob]]:
    """The blobs of each pack, in the order of their offsets; a pack that two index files name counts once."""
    contents: dict[bytes, dict[int, PackedBlob]] = {}
    for kind in BlobType:
        for pack, blob in index.places(kind):
            contents.setdefault(pack, {})[blob.offset] = blob
    return {pack: [blobs[offset] for offset in sorted(blobs)] for pack, blobs in contents.items()}


def pack_size(blobs: Sequence[PackedBlob]) -> int:
    """The size that a pack file must have."""
    return sum(blob.length for blob in blobs) + header_size(blobs)


def _check_packs(packs: dict[str, int], contents: dict[bytes, list[PackedBlob]], findings: _Findings) -> None:
    for pack, blobs in contents.items():
        name = pack.hex()
        if name not in packs:
            findings.index_damaged = True
            findings.broken_packs.add(name)
            findings.error(f"pack {name} is in the index, but the file is missing")
        elif packs[name] != pack_size(blobs):
            findings.broken_packs.add(name)
            findings.error(f"pack {name} has {packs[name]} bytes where the index says {pack_size(blobs)}")
        if len({blob.type for blob in blobs}) > 1:
            findings.hint(f"pack {name} mixes data and trees; `prune` sorts it out")
    for name in packs.keys() - {pack.hex() for pack in contents}:
        findings.hint(f"pack {name} is in no index; `prune` removes it")


def _load_snapshots(repo: Repository, findings: _Findings) -> list[Snapshot]:
    snapshots = []
    for name, _ in repo.backend.list(FileKind.SNAPSHOT):
        try:
            snapshots.append(decode_snapshot(name, repo.load_unpacked(FileKind.SNAPSHOT, name)))
        except ObjectMissing:
            continue
        except VaultError as error:
            findings.error(str(error))
    return snapshots


def _chooser(subset: str | None) -> Callable[[_Packs], _Packs]:
    """What chooses the packs to read.

    :raises UsageError: if `subset` is not understood.
    """
    if subset is None:
        return lambda _packs: []
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)%", subset):
        share = float(match[1]) / 100
        if not 0 < share <= 1:
            raise UsageError(f"--read-data-subset: {subset} is not between 0% and 100%")
        return lambda packs: _sample(packs, share)
    if match := re.fullmatch(r"(\d+)/(\d+)", subset):
        part, parts = int(match[1]), int(match[2])
        if not 1 <= part <= parts <= 256:
            raise UsageError(f"--read-data-subset: {subset} is no part of a whole; write 1/10 to 10/10")
        return lambda packs: [pack for pack in packs if int(pack[0][:2], 16) % parts == part - 1]
    if match := re.fullmatch(r"(\d+)([KMGT])", subset):
        wanted = int(match[1]) << (10 * " KMGT".index(match[2]))
        if not wanted:
            raise UsageError(f"--read-data-subset: {subset} would read nothing; write 500M or so")
        return lambda packs: _sample(packs, min(1, wanted / (sum(size for _, size in packs) or 1)))
    raise UsageError(f"--read-data-subset: {subset!r} is not understood; write 10%, 1/10 or 500M")


def _sample(packs: _Packs, share: float) -> _Packs:
    import random

    count = max(1, round(len(packs) * share))
    return packs if count >= len(packs) else sorted(random.sample(packs, count))


def _read_pack(
    repo: Repository, name: str, size: int, contents: dict[bytes, list[PackedBlob]]
) -> tuple[str, list[str]]:
    return name, list(_problems_of_pack(repo, name, size, contents.get(bytes.fromhex(name))))


def _problems_of_pack(
    repo: Repository, name: str, size: int, expected: list[PackedBlob] | None
) -> Iterator[str]:
    try:
        content = repo.backend.load(FileKind.PACK, name)
        if hashlib.sha256(content).hexdigest() != name:
            yield f"pack {name} is damaged: its content does not fit its name"
        blobs = read_header(repo.backend, repo.key, name, size)
    except VaultError as error:
        yield str(error)
        blobs, content = expected or [], b""
    if expected is None:
        return
    if content and blobs != expected:
        yield f"pack {name} is damaged: its header does not list what the index does"
    view = memoryview(content)
    for blob in expected if content else ():
        try:
            repo.open_blob(blob, view[blob.offset : blob.offset + blob.length])
        except DamagedError as error:
            yield f"{blob.type.word} blob {blob.id.hex()} in pack {name} is damaged: {error}"
