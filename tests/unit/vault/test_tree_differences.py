"""Two trees are compared as the bytes that they are, and only what differs is read."""

from __future__ import annotations

import pytest

from migration_ops.vault import tree as trees
from migration_ops.vault.errors import DamagedError
from migration_ops.vault.node import Node, encode_node
from migration_ops.vault.tree import (
    decode_differences,
    decode_tree,
    encode_tree,
    node_parts,
    raw_nodes,
    split_nodes,
)

ODD_NAMES = [b'","type":"file"', b'a"},{"name":"b', b"back\\", b"plain", b"\xff\xfe", "ümläut".encode()]


def _file(name: bytes, mtime: int = 1, xattrs: tuple[tuple[str, bytes], ...] = ()) -> Node:
    return Node(name, "file", 0o644, mtime, mtime, mtime, content=[bytes(32)], size=5, links=1, xattrs=xattrs)


def _folder(name: bytes, subtree: bytes = bytes(32)) -> Node:
    return Node(name, "dir", 1 << 31 | 0o755, 1, 1, 1, subtree=subtree)


def _tree(*nodes: Node) -> bytes:
    return encode_tree(encode_node(node) for node in sorted(nodes, key=lambda node: node.name))


def _names(old: bytes, new: bytes) -> tuple[list[bytes], list[bytes], int, int]:
    added, removed, files, folders = decode_differences(new, old)
    return [node.name for node in added], [node.name for node in removed], files, folders


@pytest.mark.parametrize("xattrs", [(), (("user.a", b"1"), ("user.b", b"2"))])
def test_what_is_the_same_is_counted_and_not_read(xattrs: tuple[tuple[str, bytes], ...]) -> None:
    same = [_file(name) for name in ODD_NAMES] + [
        _folder(b"folder"),
        _file(b"with attributes", xattrs=xattrs),
    ]
    old = _tree(*same, _file(b"changed"), _file(b"gone"), _folder(b"other", b"1" * 32))
    new = _tree(*same, _file(b"changed", 2), _file(b"new"), _folder(b"other", b"2" * 32))
    assert _names(old, new) == ([b"changed", b"new", b"other"], [b"changed", b"gone", b"other"], 7, 1)


def test_equal_and_empty_trees_have_no_differences() -> None:
    tree = _tree(_file(b"a"), _folder(b"b"))
    assert _names(tree, tree) == ([], [], 1, 1)
    assert _names(_tree(), tree) == ([b"a", b"b"], [], 0, 0)
    assert _names(tree, _tree()) == ([], [b"a", b"b"], 0, 0)
    assert _names(_tree(), _tree()) == ([], [], 0, 0)


def test_a_tree_with_spaces_is_understood_too() -> None:
    tree = _tree(_file(b"a"))
    spaced = tree.replace(b'":', b'": ')
    assert split_nodes(spaced) is None
    assert _names(spaced, tree) == ([], [], 1, 0)


@pytest.mark.parametrize("xattrs", [(), (("user.a", b"1"), ("user.b", b"2"))])
def test_a_large_tree_is_parsed_part_by_part(
    monkeypatch: pytest.MonkeyPatch, xattrs: tuple[tuple[str, bytes], ...]
) -> None:
    monkeypatch.setattr(trees, "_PART_BYTES", 1000)
    nodes = [_file(name, xattrs=xattrs) for name in ODD_NAMES] + [
        _file(b"usual %04d" % number, xattrs=xattrs) for number in range(100)
    ]
    tree = _tree(*nodes)
    parts = list(node_parts(tree))
    assert len(parts) > 10
    assert [document for part in parts for document in part] == raw_nodes(tree)
    assert list(decode_tree(tree)) == sorted(nodes, key=lambda node: node.name)


def test_the_order_of_names_is_checked_from_part_to_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "_PART_BYTES", 1000)
    nodes = [encode_node(_file(b"%04d" % (number % 50))) for number in range(100)]
    with pytest.raises(DamagedError, match="not in order"):
        list(decode_tree(encode_tree(nodes)))


def test_a_difference_that_leads_out_of_the_folder_is_refused() -> None:
    old, new = _tree(_file(b"a")), _tree(_file(b"a"), _file(b"../b"))
    with pytest.raises(DamagedError, match="no folder can hold"):
        _names(old, new)
