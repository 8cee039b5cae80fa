"""The format's texts, byte for byte: names, times, nodes, trees, index files."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migration_ops.vault.clock import NANOSECONDS, format_time, parse_time, utc_offset_of
from migration_ops.vault.errors import DamagedError
from migration_ops.vault.index import Index, encode_index
from migration_ops.vault.names import json_key, json_string, quote, unquote
from migration_ops.vault.node import Node, decode_node, encode_node, go_mode, permissions
from migration_ops.vault.pack import BlobType, PackedBlob
from migration_ops.vault.tree import TreeBuilder, decode_tree, encode_tree, pair_nodes

names = st.binary(min_size=1, max_size=60).filter(lambda name: b"/" not in name and b"\0" not in name)


@given(st.binary())
@example(b"\xed\xa0\x80")
@example(b"\xf4\x90\x80\x80")
def test_any_name_survives_quoting_and_json(name: bytes) -> None:
    assert unquote(quote(name)) == name
    assert unquote(json.loads(f'"{json_key(name)}"')) == name


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        (b"plain", "plain"),
        (b"tab\tbell\a", "tab\\tbell\\a"),
        (b'quote"back\\', 'quote\\"back\\\\'),
        (b"\xff\x7f\x00", "\\xff\\x7f\\x00"),
        ("ü😀".encode(), "ü😀"),
        ("\u00a0\u200b\u2028\ue000".encode(), "\\u00a0\\u200b\\u2028\\ue000"),
        ("\U000e0001".encode(), "\\U000e0001"),
    ],
)
def test_names_are_quoted_as_go_quotes_them(name: bytes, quoted: str) -> None:
    assert quote(name) == quoted


def test_json_is_escaped_as_go_escapes_it() -> None:
    escaped = json_string('<a>&"\\\n\t\x01\u2028\ufffd')
    assert escaped == '"\\u003ca\\u003e\\u0026\\"\\\\\\n\\t\\u0001\\u2028\ufffd"'
    assert json_string("\udcff") == '"\\ufffd"'


@pytest.mark.parametrize("text", ["\\q", "\\x1", "\\U00110000", "\\"])
def test_an_unknown_escape_is_damage(text: str) -> None:
    with pytest.raises(DamagedError):
        unquote(text)


@given(st.integers(-62167219200, 253402300799), st.integers(0, NANOSECONDS - 1))
def test_any_time_survives(seconds: int, fraction: int) -> None:
    moment = seconds * NANOSECONDS + fraction
    assert parse_time(format_time(moment)) == moment


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_dates_are_those_of_the_calendar(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC, microsecond=0)
    seconds = int((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    assert format_time(seconds * NANOSECONDS) == aware.strftime("%Y").zfill(4) + aware.strftime(
        "-%m-%dT%H:%M:%SZ"
    )


def test_times_of_other_zones_are_read() -> None:
    assert parse_time("2026-01-31T08:00:00.5+08:00") == parse_time("2026-01-31T00:00:00.500Z")
    assert utc_offset_of("2026-01-31T08:00:00.5+08:00") == 8 * 3600
    assert utc_offset_of("2026-01-31T08:00:00-01:30") == -5400


@pytest.mark.parametrize("text", ["", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T00:00:00", "x"])
def test_what_is_no_time_is_damage(text: str) -> None:
    with pytest.raises(DamagedError):
        parse_time(text)


def test_years_beyond_four_digits_are_clamped() -> None:
    assert format_time(10**30) == "9999-12-31T23:59:59Z"
    assert format_time(-(10**30)) == "0000-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("unix", "go"),
    [
        (0o040755, 2147484141),
        (0o120777, 134218239),
        (0o100644, 420),
        (0o104755, 8389101),
        (0o041777, 2148532735),
    ],
)
def test_modes_are_gos(unix: int, go: int) -> None:
    assert go_mode(unix) == go
    assert permissions(go) == unix & 0o7777


ids = st.binary(min_size=32, max_size=32)
nodes = st.builds(
    Node,
    name=names,
    type=st.just("file"),
    mode=st.integers(0, 0o777),
    mtime=st.integers(-(10**18), 10**19),
    atime=st.integers(-(10**18), 10**19),
    ctime=st.integers(-(10**18), 10**19),
    uid=st.integers(0, 2**32 - 1),
    gid=st.integers(0, 2**32 - 1),
    user=st.text(st.characters(codec="utf-8"), max_size=10),
    inode=st.integers(0, 2**64 - 1),
    size=st.integers(0, 2**63 - 1),
    links=st.integers(0, 100),
    xattrs=st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.binary()), max_size=3
    ).map(tuple),
    content=st.lists(ids, max_size=3),
)


@given(nodes)
def test_any_node_survives_its_encoding(node: Node) -> None:
    raw = encode_node(node)
    again = decode_node(json.loads(raw))
    assert again == node
    assert encode_node(again) == raw


def test_a_node_is_encoded_with_its_members_in_order_and_empty_ones_left_out() -> None:
    node = Node(b"n", "file", 0o644, mtime=1, atime=1, ctime=1, uid=0, gid=0, size=0, links=1, content=[])
    assert encode_node(node) == (
        b'{"name":"n","type":"file","mode":420,"mtime":"1970-01-01T00:00:00.000000001Z",'
        b'"atime":"1970-01-01T00:00:00.000000001Z","ctime":"1970-01-01T00:00:00.000000001Z",'
        b'"uid":0,"gid":0,"links":1,"content":[]}'
    )


def test_a_link_target_that_is_no_utf8_is_kept_twice() -> None:
    node = Node(b"l", "symlink", 0o777 | 1 << 27, links=1, link_target=b"\xffx")
    raw = encode_node(node)
    assert b'"linktarget":"\\ufffdx","linktarget_raw":"/3g="' in raw
    assert decode_node(json.loads(raw)).link_target == b"\xffx"


@pytest.mark.parametrize("member", ["name", "mtime", "uid", "type"])
def test_a_node_without_what_it_must_have_is_damage(member: str) -> None:
    document = json.loads(encode_node(Node(b"n", "file", content=[])))
    del document[member]
    with pytest.raises(DamagedError):
        decode_node(document)


@pytest.mark.parametrize("plaintext", [b"", b"{}", b'{"nodes":1}', b"[]", b'{"nodes":[{"name":1}]}'])
def test_what_is_no_tree_is_damage(plaintext: bytes) -> None:
    with pytest.raises(DamagedError):
        list(decode_tree(plaintext))


@given(st.sets(names, max_size=30))
def test_a_large_tree_built_in_parts_is_the_tree(some: set[bytes]) -> None:
    import migration_ops.vault.tree as tree_module
    from migration_ops.vault.compression import decompress
    from migration_ops.vault.index import blob_id_of

    encoded = [encode_node(Node(name, "file", content=[])) for name in sorted(some)]
    before, tree_module._JOIN_BYTES = tree_module._JOIN_BYTES, 300
    try:
        builder = TreeBuilder()
        for raw in encoded:
            builder.add(raw)
        tree_id, size, plaintext, compressed = builder.finish()
    finally:
        tree_module._JOIN_BYTES = before
    whole = encode_tree(encoded)
    assert (tree_id, size) == (blob_id_of(whole), len(whole))
    assert whole == (plaintext if plaintext is not None else decompress(b"".join(compressed), size))


def test_nodes_of_two_trees_are_paired_by_name() -> None:
    def tree(text: str) -> list[Node]:
        return [Node(letter.encode(), "file") for letter in text]

    pairs = pair_nodes(iter(tree("abd")), iter(tree("bce")))
    shown = [(new and new.name, old and old.name) for new, old in pairs]
    assert shown == [(b"a", None), (b"b", b"b"), (None, b"c"), (b"d", None), (None, b"e")]


packed = st.builds(
    PackedBlob,
    st.sampled_from(BlobType),
    ids,
    st.integers(0, 2**31),
    st.integers(32, 2**31),
    st.integers(0, 2**31),
)


@given(st.lists(st.tuples(ids, st.lists(packed, min_size=1, max_size=4)), max_size=5))
def test_an_index_file_says_what_was_put_in(packs: list[tuple[bytes, list[PackedBlob]]]) -> None:
    text = encode_index(packs)
    for form in (text, json.dumps(json.loads(text), indent=1).encode()):
        index = Index()
        index.load_file("x", form)
        for pack, blobs in packs:
            for blob in blobs:
                assert any(
                    place.pack == pack and place.blob == blob for place in index.find_all(blob.type, blob.id)
                )


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"packs":[{"id":"00","blobs":[]}]}', b'{"packs":[{"blobs":[]}]}\n']
)
def test_what_is_no_index_is_damage_and_adds_nothing(text: bytes) -> None:
    index = Index()
    with pytest.raises(DamagedError):
        index.load_file("x", text)
    assert len(index) == 0
