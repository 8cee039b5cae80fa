"""Entries of a volume that have no content: symlinks, fifos and devices."""

from __future__ import annotations

import os
import stat

from migration_ops.vault.errors import DamagedError
from migration_ops.vault.node import Node


def is_same_kind(folder: int, node: Node, status: os.stat_result) -> bool:
    """Whether an existing entry of an open folder already is what a node says."""
    mode = status.st_mode
    if node.type == "symlink":
        return stat.S_ISLNK(mode) and os.readlink(node.name, dir_fd=folder) == node.link_target
    if node.type == "fifo":
        return stat.S_ISFIFO(mode)
    if node.type in ("dev", "chardev"):
        is_kind = stat.S_ISBLK(mode) if node.type == "dev" else stat.S_ISCHR(mode)
        return is_kind and status.st_rdev == node.device
    return False


def make(folder: int, node: Node) -> None:
    """Make an entry in an open folder.

    :raises DamagedError: if the node is of no type that can be made.
    """
    if node.type == "symlink":
        os.symlink(node.link_target or b"", node.name, dir_fd=folder)
    elif node.type == "fifo":
        os.mkfifo(node.name, 0o600, dir_fd=folder)
    elif node.type in ("dev", "chardev"):
        kind = stat.S_IFBLK if node.type == "dev" else stat.S_IFCHR
        os.mknod(node.name, kind | 0o600, node.device, dir_fd=folder)
    else:
        raise DamagedError(f"an entry of the type {node.type!r} can't be restored")
