"""Nodes: what a tree says of one file, folder, link or device, and their exact JSON."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from migration_ops.vault.clock import format_time, parse_time
from migration_ops.vault.errors import MALFORMED, DamagedError, what_is_wrong
from migration_ops.vault.names import json_bytes_string, json_string, quote, unquote

# Bits of Go's fs.FileMode above the permissions.
_GO_SPECIAL = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))
_TYPES = {
    stat.S_IFREG: ("file", 0),
    stat.S_IFDIR: ("dir", 1 << 31),
    stat.S_IFLNK: ("symlink", 1 << 27),
    stat.S_IFBLK: ("dev", 1 << 26),
    stat.S_IFCHR: ("chardev", 1 << 26 | 1 << 21),
    stat.S_IFIFO: ("fifo", 1 << 25),
    stat.S_IFSOCK: ("socket", 1 << 24),
}
_WITH_LINKS = {"file", "symlink", "dev", "chardev"}


def go_mode(st_mode: int) -> int:
    """A stat mode as Go's ``fs.FileMode``."""
    mode = st_mode & 0o777 | _TYPES.get(stat.S_IFMT(st_mode), ("", 0))[1]
    if st_mode & 0o7000:
        for unix, go in _GO_SPECIAL:
            if st_mode & unix:
                mode |= go
    return mode


def permissions(mode: int) -> int:
    """The lower twelve bits of a stat mode, from a Go mode."""
    bits = mode & 0o777
    for unix, go in _GO_SPECIAL:
        if mode & go:
            bits |= unix
    return bits


def type_of(st_mode: int) -> str:
    """The format's word for the type in a stat mode."""
    return _TYPES.get(stat.S_IFMT(st_mode), ("irregular", 0))[0]


@dataclass(slots=True)
class Node:
    """One entry of a tree. Times are nanoseconds since 1970, ids are 32 bytes.

    :param mode: Go's ``fs.FileMode``.
    :param content: ids of a file's data blobs in their order; None for everything that is no file.
    """

    name: bytes
    type: str
    mode: int = 0
    mtime: int = 0
    atime: int = 0
    ctime: int = 0
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    inode: int = 0
    device_id: int = 0
    size: int = 0
    links: int = 0
    link_target: bytes | None = None
    xattrs: tuple[tuple[str, bytes], ...] = ()
    device: int = 0
    content: list[bytes] | None = None
    subtree: bytes | None = None
    error: str = ""

    @property
    def permissions(self) -> int:
        """The lower twelve bits of a stat mode."""
        return permissions(self.mode)


def encode_xattrs(xattrs: tuple[tuple[str, bytes], ...]) -> str:
    """The JSON member for extended attributes, with its comma, or nothing if there are none."""
    if not xattrs:
        return ""
    items = ",".join(
        f'{{"name":{json_string(name)},"value":"{base64.b64encode(value).decode()}"}}'
        for name, value in xattrs
    )
    return f',"extended_attributes":[{items}]'


def encode_head(node: Node) -> str:
    """The JSON of a node up to ``extended_attributes``: all that is known before its content is."""
    mtime = format_time(node.mtime)
    atime = mtime if node.atime == node.mtime else format_time(node.atime)
    ctime = mtime if node.ctime == node.mtime else format_time(node.ctime)
    head = f'{{"name":{json_string(quote(node.name))},"type":"{node.type}"'
    if node.mode:
        head += f',"mode":{node.mode}'
    head += f',"mtime":"{mtime}","atime":"{atime}","ctime":"{ctime}","uid":{node.uid},"gid":{node.gid}'
    if node.user:
        head += f',"user":{json_string(node.user)}'
    if node.group:
        head += f',"group":{json_string(node.group)}'
    if node.inode:
        head += f',"inode":{node.inode}'
    if node.device_id:
        head += f',"device_id":{node.device_id}'
    if node.size and node.type == "file":
        head += f',"size":{node.size}'
    if node.links and node.type in _WITH_LINKS:
        head += f',"links":{node.links}'
    if node.link_target is not None:
        head += _encode_link_target(node.link_target)
    return head + encode_xattrs(node.xattrs) if node.xattrs else head


_modes: dict[int, str] = {}
_owners: dict[tuple[int, int], str] = {}


def file_facts(
    status: os.stat_result, device_id: int, owner_names: Callable[[int, int], tuple[str, str]]
) -> str:
    """What :func:`encode_head` gives for a file without attributes behind its name, in a third of the time.

    :param owner_names: tells user and group names of ids.
    """
    st_mode, uid, gid = status.st_mode, status.st_uid, status.st_gid
    mode = _modes.get(st_mode)
    if mode is None:
        number = go_mode(st_mode)
        mode = _modes[st_mode] = f',"type":"file","mode":{number},' if number else ',"type":"file",'
    owner = _owners.get((uid, gid))
    if owner is None:
        user, group = owner_names(uid, gid)
        owner = f'"uid":{uid},"gid":{gid}'
        owner += f',"user":{json_string(user)}' if user else ""
        owner += f',"group":{json_string(group)}' if group else ""
        _owners[uid, gid] = owner
    mtime_ns, ctime_ns, size = status.st_mtime_ns, status.st_ctime_ns, status.st_size
    mtime = format_time(mtime_ns)
    ctime = mtime if ctime_ns == mtime_ns else format_time(ctime_ns)
    device = f',"device_id":{device_id}' if device_id else ""
    length = f',"size":{size}' if size else ""
    return (
        f'{mode}"mtime":"{mtime}","atime":"{mtime}","ctime":"{ctime}",{owner},"inode":{status.st_ino}'
        f'{device}{length},"links":{status.st_nlink}'
    )


def _encode_link_target(target: bytes) -> str:
    text = f',"linktarget":{json_bytes_string(target)}'
    try:
        target.decode()
    except UnicodeDecodeError:
        text += f',"linktarget_raw":"{base64.b64encode(target).decode()}"'
    return text


def encode_content(content: list[bytes]) -> str:
    """The JSON list of a file's blobs."""
    if not content:
        return "[]"
    return '["' + '","'.join([blob.hex() for blob in content]) + '"]'


def encode_node(node: Node) -> bytes:
    """The exact JSON of a node."""
    text = encode_head(node)
    if node.device:
        text += f',"device":{node.device}'
    text += ',"content":null' if node.content is None else f',"content":{encode_content(node.content)}'
    if node.subtree is not None:
        text += f',"subtree":"{node.subtree.hex()}"'
    if node.error:
        text += f',"error":{json_string(node.error)}'
    return (text + "}").encode("utf-8", "surrogatepass")


def decode_node(document: dict[str, Any]) -> Node:
    """Read a node from its JSON object.

    :raises DamagedError: if something in it is not of the kind that it must be.
    """
    try:
        raw_target = document.get("linktarget_raw")
        target = document.get("linktarget")
        content = document.get("content")
        subtree = document.get("subtree")
        xattrs = document.get("extended_attributes")
        mtime_text = document["mtime"]
        mtime = parse_time(mtime_text)
        atime_text, ctime_text = document.get("atime", mtime_text), document.get("ctime", mtime_text)
        unhex = bytes.fromhex
        return Node(
            unquote(document["name"]),
            document["type"],
            document.get("mode", 0),
            mtime,
            mtime if atime_text == mtime_text else parse_time(atime_text),
            mtime if ctime_text == mtime_text else parse_time(ctime_text),
            document["uid"],
            document["gid"],
            document.get("user", ""),
            document.get("group", ""),
            document.get("inode", 0),
            document.get("device_id", 0),
            document.get("size", 0),
            document.get("links", 0),
            base64.b64decode(raw_target) if raw_target else None if target is None else target.encode(),
            tuple((item["name"], base64.b64decode(item.get("value") or "")) for item in xattrs)
            if xattrs
            else (),
            document.get("device", 0),
            None if content is None else [unhex(blob) for blob in content],
            None if subtree is None else unhex(subtree),
            document.get("error", ""),
        )
    except MALFORMED as error:
        raise DamagedError(
            f"a node named {document.get('name')!r} is damaged: {what_is_wrong(error)}"
        ) from error
