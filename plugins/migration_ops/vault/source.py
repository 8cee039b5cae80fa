"""Reading the metadata of a volume's files into nodes."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator

from migration_ops.vault.node import Node, go_mode, type_of

_NO_XATTRS = {errno.ENOTSUP, errno.ENODATA, errno.ENOENT, errno.EPERM}
_users: dict[int, str] = {}
_groups: dict[int, str] = {}
# Holes that are shorter are read as zeros: a blob for each would cost more than it saves.
_SHORTEST_HOLE = 64 * 1024


def user_name(uid: int) -> str:
    """Name of a user id on this machine, or nothing."""
    name = _users.get(uid)
    if name is None:
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = ""
        _users[uid] = name
    return name


def group_name(gid: int) -> str:
    """Name of a group id on this machine, or nothing."""
    name = _groups.get(gid)
    if name is None:
        try:
            name = grp.getgrgid(gid).gr_name
        except KeyError:
            name = ""
        _groups[gid] = name
    return name


def owner_names(uid: int, gid: int) -> tuple[str, str]:
    """Names of a file's user and group."""
    return user_name(uid), group_name(gid)


def read_xattrs(path: bytes | int) -> tuple[tuple[str, bytes], ...]:
    """Extended attributes of a file or link itself, ACLs and capabilities among them.

    :param path: a path, or the descriptor of an open file.
    :raises OSError: if the file system gives an attribute's name but not its value.
    """
    follow = isinstance(path, int)
    try:
        names = os.listxattr(path, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return ()
        raise
    if not names:
        return ()
    found = []
    for name in names:
        try:
            found.append((name, os.getxattr(path, name, follow_symlinks=follow)))
        except OSError as error:
            if error.errno not in _NO_XATTRS:
                raise
    return tuple(found)


def below(descriptor: int, name: bytes) -> bytes:
    """A short path to an entry of an open folder, for the calls that take no descriptor of a folder.

    It names the very folder that was opened, even if that was moved or replaced meanwhile, and depth does
    not matter.
    """
    return b"/proc/self/fd/%d/%b" % (descriptor, name)


class DeviceNumbers:
    """Numbers of file systems, in the order in which a walk meets them.

    They only serve to tell hard links of several file systems apart. The real number changes whenever a
    volume is attached elsewhere, and would make every tree a new one.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def number(self, status: os.stat_result) -> int:
        """What to store for an entry; 0 if it can't have other names."""
        if status.st_nlink == 1 or stat.S_ISDIR(status.st_mode):
            return 0
        return self._numbers.setdefault(status.st_dev, len(self._numbers) + 1)


def node_of(name: bytes, status: os.stat_result, device_id: int = 0) -> Node:
    """The node of a file, without xattrs, link target and content.

    :param device_id: what to store as the number of the file system, of :class:`DeviceNumbers`.
    """
    mode = status.st_mode
    kind = type_of(mode)
    mtime = status.st_mtime_ns
    return Node(
        name,
        kind,
        go_mode(mode),
        mtime,
        mtime,  # restic stores atime only when asked to; it would change every tree that was read
        status.st_ctime_ns,
        status.st_uid,
        status.st_gid,
        user_name(status.st_uid),
        group_name(status.st_gid),
        status.st_ino,
        device_id if status.st_nlink > 1 else 0,
        status.st_size if kind == "file" else 0,
        status.st_nlink if kind not in ("dir", "fifo", "socket") else 0,
        device=status.st_rdev if kind in ("dev", "chardev") else 0,
    )


def has_holes(descriptor: int, status: os.stat_result) -> bool:
    """Whether a file has a hole (and not just blocks that its file system compresses)."""
    if status.st_blocks * 512 >= status.st_size:
        return False
    try:
        return os.lseek(descriptor, 0, os.SEEK_HOLE) < status.st_size
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)


def extents(descriptor: int, size: int, *, sparse: bool) -> Iterator[tuple[bool, int, int]]:
    """The data and holes of a file in their order: whether it is data, start and end.

    :param sparse: whether to look for holes at all.
    """
    if not sparse or size == 0:
        if size:
            yield True, 0, size
        return
    data_start, shortest = 0, 4096
    position = 0
    while position < size:
        try:
            hole = min(os.lseek(descriptor, position, os.SEEK_HOLE), size)
        except OSError:
            hole = size
        try:
            data = min(os.lseek(descriptor, hole, os.SEEK_DATA), size) if hole < size else size
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            data = size
        if data - hole >= shortest:
            if hole > data_start:
                yield True, data_start, hole
            yield False, hole, data
            data_start, shortest = data, _SHORTEST_HOLE
        position = data
    if data_start < size:
        yield True, data_start, size


def device_size(descriptor: int) -> int:
    """Size of an open block device in bytes."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)


def open_source(name: bytes, folder: int) -> int:
    """Open an entry of an open folder: no symlink followed, no wait for a fifo's writer, no new atime."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, flags, dir_fd=folder)


def is_device(mode: int) -> bool:
    """Whether a stat mode is a block device's."""
    return stat.S_ISBLK(mode)
