"""Hard links of a restore: names that share a file in the snapshot share one on the disk, no others do."""

from __future__ import annotations

import os
from collections import deque

from migration_ops.vault.content_writer import WINDOWS
from migration_ops.vault.node import Node
from migration_ops.vault.restored_folder import OpenFolder
from migration_ops.vault.target_folder import open_path, remove, status_of

Link = tuple[OpenFolder, Node, list[bytes]]


def are_same_links(node: Node, old: Node) -> bool:
    """Whether two nodes of one path have no other names, or share them with the same files."""
    if node.links <= 1 and old.links <= 1:
        return True
    return (node.links, node.inode, node.device_id) == (old.links, old.inode, old.device_id)


class HardLinks:
    """The groups of names that share a file, as the walk meets them.

    :param root: descriptor of the target.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        # (inode, device) of the snapshot -> path of the name that was met first.
        self._first: dict[tuple[int, int], list[bytes]] = {}
        # Inode on the disk -> the group that it now belongs to.
        self._taken: dict[int, tuple[int, int]] = {}
        self._planned: list[Link] = []
        self._under_way: deque[list[Link]] = deque()

    def plan(self, folder: OpenFolder, node: Node) -> bool:
        """Plan a link to the name of the group that was met first.

        :returns: False if this is the first itself, whose content must be restored.
        """
        first = self._first.get((node.inode, node.device_id)) if node.links > 1 else None
        if first is None:
            return False
        folder.pending += 1
        self._planned.append((folder, node, first))
        return True

    def note_first(self, folder: OpenFolder, node: Node) -> None:
        """Remember the name whose content is restored, if it has others."""
        if node.links > 1:
            self._first[node.inode, node.device_id] = [*folder.path.split(b"/")[1:], node.name]

    def may_change_in_place(self, node: Node, old: Node | None, status: os.stat_result) -> bool:
        """Whether an existing file may be changed in place: nobody else must see that through another link.

        A file with several names on the disk may, if it is the same group of names in both snapshots. Should
        a name have changed to another group, that name's own visit finds the inode taken and makes a file of
        its own.

        :param old: the base's node, if the file is what it says.
        """
        if node.links <= 1 or status.st_nlink == 1:
            return status.st_nlink == 1
        if old is None or not are_same_links(node, old) or status.st_nlink != node.links:
            return False
        key = (node.inode, node.device_id)
        return self._taken.setdefault(status.st_ino, key) == key

    def next_window(self, *, last: bool) -> list[Link]:
        """The links whose first name is written by now.

        That is so for what was planned so many windows ago as may be under way; at the end, for all.
        """
        self._under_way.append(self._planned)
        self._planned = []
        ready: list[Link] = []
        while self._under_way and (last or len(self._under_way) > WINDOWS):
            ready += self._under_way.popleft()
        return ready

    def make(self, link: Link) -> None:
        """Make a planned link, unless the name is one already.

        :raises OSError: if it can't be made.
        """
        folder, node, first = link
        source = open_path(self._root, first[:-1])
        try:
            wanted = os.stat(first[-1], dir_fd=source, follow_symlinks=False)
            status = status_of(node.name, folder.descriptor)
            if status is not None:
                if (status.st_ino, status.st_dev) == (wanted.st_ino, wanted.st_dev):
                    return
                remove(node.name, folder.descriptor)
            os.link(
                first[-1], node.name, src_dir_fd=source, dst_dir_fd=folder.descriptor, follow_symlinks=False
            )
        finally:
            os.close(source)
