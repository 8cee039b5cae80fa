"""Folders of the target while a restore writes into them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from migration_ops.vault.metadata import apply_metadata
from migration_ops.vault.node import Node
from migration_ops.vault.source import read_xattrs


def _gives_nothing(folder: int) -> bool:
    status = os.fstat(folder)
    return not status.st_mode & stat.S_ISGID and status.st_gid == os.getegid() and not read_xattrs(folder)


class OpenFolder:
    """A folder of the target that stays open until all in it is done.

    :param descriptor: the open folder; -1 if it does not exist in a dry run.
    :param path: for messages.
    :param node: what the folder itself shall become; None to leave it as it is.
    :param above: the folder that holds it.
    :param fresh: whether this restore made it, so that nothing is in it yet.
    """

    __slots__ = ("above", "descriptor", "fresh", "node", "path", "pending", "plain", "walked")

    def __init__(
        self, descriptor: int, path: bytes, node: Node | None, above: OpenFolder | None, *, fresh: bool
    ) -> None:
        self.descriptor = descriptor
        self.path = path
        self.node = node
        self.above = above
        self.fresh = fresh
        # Entries of it that are under way; the walk itself is noted apart.
        self.pending = 0
        self.walked = False
        # Whether new files in it get nothing from it: no default ACL, no group by setgid.
        self.plain = fresh and descriptor >= 0 and _gives_nothing(descriptor)
        if above is not None:
            above.pending += 1

    def close(self) -> None:
        """Close the folder."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class OpenFolders:
    """All of them, and their end: a folder gets its metadata when everything in it is done.

    Only the thread that walks calls this.

    :param failed: told the path and the reason when a folder's metadata can't be set.
    """

    def __init__(self, failed: Callable[[bytes, Exception], None]) -> None:
        self._failed = failed
        self._open: set[OpenFolder] = set()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, folder: OpenFolder) -> None:
        """Take over a folder whose walk begins."""
        self._open.add(folder)

    def leave(self, folder: OpenFolder) -> None:
        """Note that a folder was walked to its end."""
        folder.walked = True
        self._end_if_done(folder)

    def settle(self, folders: Iterable[OpenFolder]) -> None:
        """Note that an entry of each of some folders is done."""
        for folder in folders:
            folder.pending -= 1
            self._end_if_done(folder)

    def _end_if_done(self, folder: OpenFolder) -> None:
        here: OpenFolder | None = folder
        while here is not None and here.walked and not here.pending:
            try:
                if here.node is not None:
                    apply_metadata(here.node, descriptor=here.descriptor)
            except OSError as error:
                self._failed(here.path, error)
            finally:
                self._open.discard(here)
                here.close()
            here = here.above
            if here is not None:
                here.pending -= 1

    def close(self) -> None:
        """Close what a restore that ended early left open."""
        while self._open:
            self._open.pop().close()
