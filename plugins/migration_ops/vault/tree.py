"""Trees: the sorted nodes of one folder as a JSON blob."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import orjson

from migration_ops.vault.errors import MALFORMED, DamagedError, what_is_wrong
from migration_ops.vault.names import unquote
from migration_ops.vault.node import Node, decode_node

_OPEN, _CLOSE = b'{"nodes":[', b"]}\n"
_NAME = b'{"name":"'
_IS_FILE, _IS_FOLDER = b'","type":"file"', b'","type":"dir"'
_JOIN_BYTES = 1 << 20
_PART_BYTES = 1 << 20
# Attributes have names too, but no types behind them. Names with a quote in them are no place to part at.
_NEXT_NODE = re.compile(rb'\},\{"name":"[^"\\]*","type":"')


class TreeBuilder:
    """Collects encoded nodes in the order of their names.

    A folder of a million files makes a tree of some 300 MB; parts of a megabyte are compressed as they come,
    so that it never lies in memory as a whole.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._compressor: Any = None
        self._compressed: list[bytes] = []
        self._nodes: list[bytes] = []
        self._collected = 0
        self._size = 0
        self._begun = False

    def add(self, node: bytes) -> None:
        """Append an encoded node; the caller keeps the order of names."""
        self._nodes.append(node)
        self._collected += len(node)
        if self._collected > _JOIN_BYTES:
            self._drain(last=False)

    def _drain(self, *, last: bool) -> bytes:
        text = (b"," if self._begun and self._nodes else b"" if self._begun else _OPEN) + b",".join(
            self._nodes
        )
        if last:
            text += _CLOSE
        self._begun = True
        self._nodes = []
        self._collected = 0
        self._size += len(text)
        self._hash.update(text)
        if last and self._compressor is None:
            return text
        if self._compressor is None:
            import zstandard

            self._compressor = zstandard.ZstdCompressor(level=3).compressobj()
        self._compressed.append(self._compressor.compress(text))
        if last:
            self._compressed.append(self._compressor.flush())
        return b""

    def finish(self) -> tuple[bytes, int, bytes | None, list[bytes]]:
        """Complete the tree.

        :returns: id, size of the plaintext, and either the plaintext or (None and) the compressed parts.
        """
        plaintext = self._drain(last=True)
        if self._compressed:
            return self._hash.digest(), self._size, None, self._compressed
        return self._hash.digest(), self._size, plaintext, []


def encode_tree(nodes: Iterable[bytes]) -> bytes:
    """A whole small tree from encoded nodes."""
    return _OPEN + b",".join(nodes) + _CLOSE


def raw_nodes(plaintext: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a tree's nodes.

    :raises DamagedError: if it is no tree.
    """
    try:
        nodes = orjson.loads(plaintext)["nodes"]
        if nodes is None:
            return []
        if not isinstance(nodes, list):
            raise DamagedError("its nodes are no list")
        if not all(isinstance(node, dict) for node in nodes):
            raise DamagedError("one of its nodes is no object")
    except (DamagedError, *MALFORMED) as error:
        raise DamagedError(f"a tree is damaged: {what_is_wrong(error)}") from error
    return nodes


def node_parts(plaintext: bytes) -> Iterator[list[dict[str, Any]]]:
    """The JSON objects of a tree's nodes, a MiB at a time: parsed, they take six times as much.

    :raises DamagedError: if it is no tree.
    """
    start, end = len(_OPEN), len(plaintext) - len(_CLOSE)
    if end < 2 * _PART_BYTES or not (plaintext.startswith(_OPEN) and plaintext.endswith(_CLOSE)):
        yield raw_nodes(plaintext)
        return
    while start < end:
        found = _NEXT_NODE.search(plaintext, start + _PART_BYTES)
        stop = end if found is None else found.start() + 1
        yield raw_nodes(_OPEN + plaintext[start:stop] + _CLOSE)
        start = stop + 1


def decode_tree(plaintext: bytes) -> Iterator[Node]:
    """Read a tree's nodes and refuse names that would lead out of its folder.

    :raises DamagedError: if a name is empty, ``.``, ``..`` or has a slash, or if names are not in strict
        order.
    """
    yield from decode_nodes(chain.from_iterable(node_parts(plaintext)))


def decode_differences(new: bytes, old: bytes) -> tuple[Iterator[Node], Iterator[Node], int, int]:
    """Read those nodes of two trees that are not the same in both.

    In a large folder hardly any node differs, and comparing costs a small part of decoding.

    :returns: the nodes of the new and of the old tree, and how many files and folders are the same.
    :raises DamagedError: as :func:`decode_tree`, for the nodes that are read.
    """
    added, removed = split_nodes(new), split_nodes(old)
    if added is None or removed is None:
        return _decode_parsed_differences(new, old)
    there, here = set(removed), set(added)
    differing = _join_nodes([piece for piece in added if piece not in there])
    gone = _join_nodes([piece for piece in removed if piece not in here])
    return (
        decode_tree(differing),
        decode_tree(gone),
        new.count(_IS_FILE) - differing.count(_IS_FILE),
        new.count(_IS_FOLDER) - differing.count(_IS_FOLDER),
    )


def split_nodes(plaintext: bytes) -> list[bytes] | None:
    """The JSON of each node of a tree behind the quote that begins its name, without parsing anything.

    A quote within a string is escaped, so what is looked for can't be a part of one.

    :returns: None if the tree can't be taken apart so: attributes have members called "name" too, and other
        programs may write spaces.
    """
    if (
        not plaintext.startswith(_OPEN + _NAME)
        or not plaintext.endswith(b"}" + _CLOSE)
        or b'"extended_attributes"' in plaintext
    ):
        return None
    return plaintext[len(_OPEN + _NAME) : -len(b"}" + _CLOSE)].split(b"}," + _NAME)


def _join_nodes(pieces: list[bytes]) -> bytes:
    """The tree of some nodes that were split."""
    return _OPEN + (_NAME + (b"}," + _NAME).join(pieces) + b"}" if pieces else b"") + _CLOSE


def _decode_parsed_differences(new: bytes, old: bytes) -> tuple[Iterator[Node], Iterator[Node], int, int]:
    before = {document.get("name"): document for document in raw_nodes(old)}
    same: set[Any] = set()
    files = folders = 0
    differing = []
    for document in raw_nodes(new):
        name = document.get("name")
        if before.get(name) == document:
            same.add(name)
            files += document.get("type") == "file"
            folders += document.get("type") == "dir"
        else:
            differing.append(document)
    return (
        decode_nodes(differing),
        decode_nodes(d for name, d in before.items() if name not in same),
        files,
        folders,
    )


def check_names(documents: Iterable[dict[str, Any]], last: bytes = b"") -> bytes:
    """Make sure that the names of a tree are in strict order, whoever decodes its nodes.

    :param last: the name before them.
    :returns: the last of them.
    :raises DamagedError: if they are not in order.
    """
    for document in documents:
        try:
            name = unquote(document["name"])
        except MALFORMED as error:
            raise DamagedError(f"a tree is damaged: {what_is_wrong(error)}") from error
        if name <= last:
            raise DamagedError(f"a tree's names are not in order: {name!r} comes after {last!r}")
        last = name
    return last


def decode_nodes(documents: Iterable[dict[str, Any]]) -> Iterator[Node]:
    """Read nodes of a tree, or some of them, as :func:`decode_tree` does."""
    last = b""
    for document in documents:
        node = decode_node(document)
        name = node.name
        if not name or name in (b".", b"..") or b"/" in name or b"\0" in name:
            raise DamagedError(f"a tree names an entry {name!r}, which no folder can hold")
        if name <= last:
            raise DamagedError(f"a tree's names are not in order: {name!r} comes after {last!r}")
        last = name
        if node.type == "dir" and node.subtree is None:
            raise DamagedError(f"the folder {name!r} of a tree has no subtree")
        yield node


def pair_nodes(new: Iterator[Node], old: Iterator[Node]) -> Iterator[tuple[Node | None, Node | None]]:
    """Pair the nodes of two trees by name; both are in order."""
    left, right = next(new, None), next(old, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.name < right.name):
            yield left, None
            left = next(new, None)
        elif left is None or right.name < left.name:
            yield None, right
            right = next(old, None)
        else:
            yield left, right
            left, right = next(new, None), next(old, None)
