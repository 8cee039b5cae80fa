"""Giving a restored file its owner, attributes, times and mode: only what differs is set."""

from __future__ import annotations

import errno
import os
import stat

from migration_ops.vault.node import Node
from migration_ops.vault.source import below, read_xattrs

_NO_SUCH_SUPPORT = {errno.ENOTSUP, errno.EOPNOTSUPP}


def apply_metadata(node: Node, *, descriptor: int | None = None, folder: int = -1, name: bytes = b"") -> None:
    """Set what a node says of a file, in an order that loses nothing.

    Owner first (it clears setuid and capabilities), then attributes, times, and the mode last.

    :param descriptor: the open file or folder; otherwise the entry `name` of the open `folder`, no link
        followed.
    :raises OSError: if something can't be set.
    """
    if descriptor is not None:
        status = os.fstat(descriptor)
    else:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    is_link = stat.S_ISLNK(status.st_mode)
    if (status.st_uid, status.st_gid) != (node.uid, node.gid):
        _change_owner(node, descriptor, folder, name)
        status = (
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            if descriptor is None
            else os.fstat(descriptor)
        )
    _set_xattrs(node, descriptor if descriptor is not None else below(folder, name))
    if status.st_mtime_ns != node.mtime or status.st_atime_ns != node.atime:
        times = (node.atime, node.mtime)
        if descriptor is not None:
            os.utime(descriptor, ns=times)
        else:
            os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)
    if not is_link:
        status = (
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            if descriptor is None
            else os.fstat(descriptor)
        )
        if stat.S_IMODE(status.st_mode) != node.permissions:
            if descriptor is not None:
                os.fchmod(descriptor, node.permissions)
            else:
                os.chmod(below(folder, name), node.permissions)


def apply_to_new_file(node: Node, descriptor: int) -> None:
    """Like :func:`apply_metadata`, for a file just made with mode 0600 in a folder that gives nothing.

    What such a file is like is known, so that it need not be asked for.
    """
    if (node.uid, node.gid) != (os.geteuid(), os.getegid()):
        _change_owner(node, descriptor, -1, b"")
    if node.xattrs:
        _set_xattrs(node, descriptor)
    os.utime(descriptor, ns=(node.atime, node.mtime))
    if node.permissions != 0o600:
        os.fchmod(descriptor, node.permissions)


def _change_owner(node: Node, descriptor: int | None, folder: int, name: bytes) -> None:
    try:
        if descriptor is not None:
            os.fchown(descriptor, node.uid, node.gid)
        else:
            os.chown(name, node.uid, node.gid, dir_fd=folder, follow_symlinks=False)
    except PermissionError:
        # Only root gives files away; others restore what they may, as restic does.
        if os.geteuid() == 0:
            raise


def _set_xattrs(node: Node, path: bytes | int) -> None:
    present = read_xattrs(path)
    if present == node.xattrs:
        return
    follow = isinstance(path, int)
    have, wanted = dict(present), dict(node.xattrs)
    for name, value in node.xattrs:
        if have.get(name) == value:
            continue
        try:
            os.setxattr(path, name, value, follow_symlinks=follow)
        except OSError as error:
            if not (name.startswith("security.selinux") or (error.errno == errno.EPERM and os.geteuid())):
                raise
    for name in have.keys() - wanted.keys():
        if name.startswith("security.selinux"):
            continue
        try:
            os.removexattr(path, name, follow_symlinks=follow)
        except OSError as error:
            if error.errno not in _NO_SUCH_SUPPORT | {errno.ENODATA}:
                raise


def same_metadata(node: Node, other: Node) -> bool:
    """Whether two nodes ask for the same owner, attributes, times and mode."""
    return (
        node.mode == other.mode
        and node.mtime == other.mtime
        and node.atime == other.atime
        and node.uid == other.uid
        and node.gid == other.gid
        and node.xattrs == other.xattrs
    )
