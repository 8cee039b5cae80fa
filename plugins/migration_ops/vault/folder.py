"""A folder that is being backed up: its nodes in order, some of them still without their content."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator

from migration_ops.vault.node import Node
from migration_ops.vault.parent import ParentTree
from migration_ops.vault.tree import TreeBuilder

# Below which entries of a folder which ones are wanted; None for all.
Targets = dict[bytes, "Targets | None"]


class Slot:
    """The place of a node in its folder; filled when the node is complete, or given up."""

    __slots__ = ("filled", "folder", "raw")

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.raw: bytes | None = None
        self.filled = False


class Folder:
    """One folder of the walk.

    :param descriptor: the open folder; everything in it is reached through it.
    :param path: for messages and patterns.
    :param node: the folder's own node; None for the root of the snapshot.
    :param slot: its place in the folder above.
    :param names: the entries to visit, in order.
    :param targets: below which of these entries only some paths are wanted.
    """

    __slots__ = (
        "_waiting", "builder", "descriptor", "known", "names", "node", "old_subtree", "parent", "path",
        "slot", "targets", "walked",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - one caller a kind
        self,
        descriptor: int,
        path: bytes,
        node: Node | None,
        slot: Slot | None,
        parent: ParentTree | None,
        names: Iterator[bytes],
        targets: Targets | None = None,
    ) -> None:
        self.descriptor = descriptor
        self.path = path
        self.node = node
        self.slot = slot
        self.parent = parent
        self.names = names
        self.targets = targets or {}
        self.known = False
        self.old_subtree: bytes | None = None
        self.builder = TreeBuilder()
        self.walked = False
        self._waiting: deque[Slot] = deque()

    def add(self, raw: bytes) -> None:
        """Append a complete node."""
        if self._waiting:
            slot = Slot(self)
            slot.raw, slot.filled = raw, True
            self._waiting.append(slot)
        else:
            self.builder.add(raw)

    def reserve(self) -> Slot:
        """Append a node that will be complete later."""
        slot = Slot(self)
        self._waiting.append(slot)
        return slot

    def fill(self, slot: Slot, raw: bytes | None) -> None:
        """Complete a reserved node, or give it up with None."""
        slot.raw, slot.filled = raw, True
        waiting = self._waiting
        while waiting and waiting[0].filled:
            node = waiting.popleft().raw
            if node is not None:
                self.builder.add(node)

    @property
    def complete(self) -> bool:
        """Whether all nodes are there."""
        return self.walked and not self._waiting

    def close(self) -> None:
        """The walk has seen all entries."""
        self.walked = True
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
