"""Deciding what prune does with each pack: keep, rewrite or delete. The rules are restic's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from migration_ops.vault.checker import group_by_pack, pack_size
from migration_ops.vault.errors import DamagedError, UsageError
from migration_ops.vault.index import Index
from migration_ops.vault.pack import BlobType, PackedBlob
from migration_ops.vault.reachable import ReachableBlobs

_SMALLEST_PACK = 4 * 1024 * 1024
_FEWEST_SMALL_PACKS = 10


@dataclass
class PackUse:
    """How much of a pack is needed.

    :param wanted: the blobs that are kept from here, each of which is kept from one pack only.
    """

    blobs: list[PackedBlob]
    wanted: list[PackedBlob]
    size: int

    @property
    def used(self) -> int:
        """Bytes of wanted blobs."""
        return sum(blob.length for blob in self.wanted)

    @property
    def unused(self) -> int:
        """Bytes of the others."""
        return sum(blob.length for blob in self.blobs) - self.used

    @property
    def must_be_rewritten_if_possible(self) -> bool:
        """Trees lie together and are compressed, and types are not mixed."""
        types = {blob.type for blob in self.blobs}
        return len(types) > 1 or any(
            blob.type is BlobType.TREE and not blob.uncompressed_length for blob in self.wanted
        )


@dataclass
class PrunePlan:
    """What to do.

    :param unindexed: packs that no index names: they are of no use to anybody.
    :param remove: packs without anything needed.
    :param rewrite: packs whose needed blobs move to new packs.
    :param keep: packs that stay.
    """

    unindexed: dict[str, int] = field(default_factory=dict)
    remove: dict[bytes, PackUse] = field(default_factory=dict)
    rewrite: dict[bytes, PackUse] = field(default_factory=dict)
    keep: dict[bytes, PackUse] = field(default_factory=dict)


def parse_max_unused(text: str) -> Callable[[int], float]:
    """How many unused bytes are tolerated, given the used ones.

    :raises UsageError: if the text is no share, size or ``unlimited``.
    """
    if text == "unlimited":
        return lambda _used: float("inf")
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)%", text):
        share = float(match[1]) / 100
        if share > 1:
            raise UsageError(f"--max-unused: {text} is more than everything; write 5% or unlimited")
        if share == 1:
            return lambda _used: float("inf")
        return lambda used: share / (1 - share) * used
    if match := re.fullmatch(r"(\d+)([KMGT]?)(?:i?B)?", text, re.IGNORECASE):
        size = int(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ")
        return lambda _used: size
    raise UsageError(f"--max-unused: {text!r} is not understood; write 5%, 200M or unlimited")


def make_plan(
    index: Index, reachable: ReachableBlobs, packs: dict[str, int], max_unused: Callable[[int], float]
) -> PrunePlan:
    """Look at every pack.

    :param packs: the pack files that are there, with their sizes.
    :raises DamagedError: if a pack that is needed is missing or has another size: nothing must be deleted
        then.
    """
    contents = group_by_pack(index)
    uses = _judge(contents, reachable)
    plan = PrunePlan()
    plan.unindexed = {name: size for name, size in packs.items() if bytes.fromhex(name) not in contents}
    candidates: list[tuple[bytes, PackUse]] = []
    target = _small_pack_limit(list(uses.values()))
    small: list[tuple[bytes, PackUse]] = []
    for pack, use in uses.items():
        name = pack.hex()
        if not use.wanted:
            plan.remove[pack] = use
            continue
        if name not in packs:
            raise DamagedError(
                f"pack {name} is needed but missing; nothing was pruned. `check` says what it held"
            )
        if packs[name] != use.size:
            raise DamagedError(
                f"pack {name} has {packs[name]} bytes where the index says {use.size}; nothing was pruned."
                " Run `check`"
            )
        is_tree = use.wanted[0].type is BlobType.TREE
        if use.must_be_rewritten_if_possible or (is_tree and use.unused):
            plan.rewrite[pack] = use
        elif use.unused:
            candidates.append((pack, use))
        elif use.size < target:
            small.append((pack, use))
        else:
            plan.keep[pack] = use
    (plan.rewrite if len(small) >= _FEWEST_SMALL_PACKS else plan.keep).update(small)
    tolerated = max_unused(sum(use.used for use in uses.values()))
    left = sum(use.unused for _, use in candidates)
    for pack, use in sorted(candidates, key=lambda each: each[1].unused / each[1].size, reverse=True):
        if left > tolerated or use.size < target:
            plan.rewrite[pack] = use
            left -= use.unused
        else:
            plan.keep[pack] = use
    return plan


def _judge(contents: dict[bytes, list[PackedBlob]], reachable: ReachableBlobs) -> dict[bytes, PackUse]:
    """Decide for every needed blob from which pack it is kept; packs with most needed bytes first."""
    needed = {
        pack: [blob for blob in blobs if reachable.has(blob.type, blob.id)]
        for pack, blobs in contents.items()
    }
    taken: set[tuple[BlobType, bytes]] = set()
    uses = {}
    order = sorted(
        contents,
        key=lambda pack: sum(blob.length for blob in needed[pack]) / pack_size(contents[pack]),
        reverse=True,
    )
    for pack in order:
        wanted = []
        for blob in needed[pack]:
            if (blob.type, blob.id) not in taken:
                taken.add((blob.type, blob.id))
                wanted.append(blob)
        uses[pack] = PackUse(contents[pack], wanted, pack_size(contents[pack]))
    return uses


def _small_pack_limit(uses: list[PackUse]) -> float:
    if not uses:
        return 0.0
    sizes = sorted(use.size for use in uses)
    return max(_SMALLEST_PACK, sizes[len(sizes) * 3 // 100]) * 0.8
