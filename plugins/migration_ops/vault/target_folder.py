"""Touching the target of a restore: through descriptors of opened folders, never through a symlink."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Sequence

_FALLOC_KEEP_SIZE, _FALLOC_PUNCH_HOLE = 1, 2
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PAGE = 4096
_ZERO_PAGE = bytes(_PAGE)


def open_folder(name: bytes, above: int) -> int:
    """Open a real folder inside of an opened one.

    :raises OSError: if it is none; a symlink to a folder is none.
    """
    return os.open(name, _FOLDER_FLAGS, dir_fd=above)


def enter_folder(name: bytes, above: int) -> tuple[int, bool]:
    """Open a folder; make it if it is missing, after removing whatever else has its name.

    :returns: the descriptor, and whether the folder is new.
    """
    try:
        return open_folder(name, above), False
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        os.unlink(name, dir_fd=above)
    os.mkdir(name, 0o700, dir_fd=above)
    return open_folder(name, above), True


def open_path(root: int, parts: Sequence[bytes]) -> int:
    """Open a folder far below another, step by step."""
    descriptor = os.dup(root)
    for part in parts:
        try:
            deeper = open_folder(part, descriptor)
        finally:
            os.close(descriptor)
        descriptor = deeper
    return descriptor


def status_of(name: bytes, above: int) -> os.stat_result | None:
    """The status of an entry itself; None if it is not there."""
    try:
        return os.stat(name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return None


def remove(name: bytes, above: int) -> int:
    """Remove an entry with all that is in it; links are not followed, depth does not matter.

    :returns: how many entries were removed.
    """
    status = status_of(name, above)
    if status is None:
        return 0
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(name, dir_fd=above)
        return 1
    removed = 0
    stack = [(name, above, open_folder(name, above))]
    try:
        while stack:
            current, parent, descriptor = stack[-1]
            for entry in os.listdir(descriptor):
                raw = os.fsencode(entry)
                if stat.S_ISDIR(os.stat(raw, dir_fd=descriptor, follow_symlinks=False).st_mode):
                    stack.append((raw, descriptor, open_folder(raw, descriptor)))
                    break
                os.unlink(raw, dir_fd=descriptor)
                removed += 1
            else:
                stack.pop()
                os.close(descriptor)
                os.rmdir(current, dir_fd=parent)
                removed += 1
    finally:
        for _, _, descriptor in stack:
            os.close(descriptor)
    return removed


def punch_hole(descriptor: int, offset: int, length: int) -> None:
    """Make a range of an existing file or block device read as zeros, without blocks if that is possible."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    if libc.fallocate(descriptor, _FALLOC_PUNCH_HOLE | _FALLOC_KEEP_SIZE, offset, length) == 0:
        return
    zeros = bytes(min(length, 1 << 20))
    end = offset + length
    while offset < end:
        offset += os.pwrite(descriptor, zeros[: end - offset], offset)


def sync_file_system(descriptor: int) -> None:
    """Bring everything that was written to a file system to its disk."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def write_fully(descriptor: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    """Write all of some bytes at an offset."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        offset += written
        view = view[written:]


def write_sparsely(
    descriptor: int, data: bytes | bytearray | memoryview, offset: int, *, fresh: bool
) -> None:
    """Write bytes into a sparse file: whole pages of zeros become holes.

    :param fresh: whether the range is a hole already.
    """
    view = memoryview(data)
    if _ZERO_PAGE not in bytes(view):
        write_fully(descriptor, view, offset)
        return
    size = len(view)
    position = 0
    while position < size:
        first_page_end = min(size, (offset + position) // _PAGE * _PAGE + _PAGE - offset)
        end = first_page_end
        zero = not any(view[position:end])
        while end < size and (not any(view[end : min(size, end + _PAGE)])) == zero:
            end = min(size, end + _PAGE)
        if not zero:
            write_fully(descriptor, view[position:end], offset + position)
        elif not fresh:
            punch_hole(descriptor, offset + position, end - position)
        position = end
