"""Names of any bytes inside JSON: Go's ``strconv.Quote`` and ``encoding/json``, byte for byte.

A tree's id is the hash of its JSON, so two programs that write one tree must write the same bytes.
"""

from __future__ import annotations

import re

from migration_ops.vault.errors import DamagedError

# ASCII that needs no escape in either encoding.
_SIMPLE = re.compile(rb"[ !#-%'-;=?-\[\]-~]*\Z")
_SIMPLE_TEXT = re.compile(r"[ !#-%'-;=?-\[\]-~]*\Z")
_QUOTED = {
    7: "\\a",
    8: "\\b",
    12: "\\f",
    10: "\\n",
    13: "\\r",
    9: "\\t",
    11: "\\v",
    0x5C: "\\\\",
    0x22: '\\"',
}
_UNQUOTED = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 0x5C, '"': 0x22, "'": 0x27}
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))?"
)
_JSON = {
    0x22: '\\"', 0x5C: "\\\\", 10: "\\n", 13: "\\r", 9: "\\t", 8: "\\b", 12: "\\f",
    0x3C: "\\u003c", 0x3E: "\\u003e", 0x26: "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029",
    **{code: f"\\u{code:04x}" for code in range(32) if code not in (8, 9, 10, 12, 13)},
    # Bytes that are no UTF-8 arrive as lone surrogates; Go writes this for them.
    **dict.fromkeys(range(55296, 57344), "\\ufffd"),
}  # fmt: skip


def quote(name: bytes) -> str:
    r"""A file name as Go's ``strconv.Quote`` writes it, without the quotes around it."""
    if _SIMPLE.match(name):
        return name.decode("ascii")
    parts = []
    # surrogateescape gives exactly the bytes that Go calls invalid, one by one.
    for character in name.decode("utf-8", "surrogateescape"):
        code = ord(character)
        if code in _QUOTED:
            parts.append(_QUOTED[code])
        elif 0xDC80 <= code <= 0xDCFF:
            parts.append(f"\\x{code - 0xDC00:02x}")
        elif code < 0x20 or code == 0x7F:
            parts.append(f"\\x{code:02x}")
        elif character.isprintable():
            parts.append(character)
        else:
            parts.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return "".join(parts)


def json_key(name: bytes) -> str:
    """A file name quoted and escaped, as it stands between the quotes of a tree's JSON."""
    if _SIMPLE.match(name):
        return name.decode("ascii")
    return json_string(quote(name))[1:-1]


def unquote(text: str) -> bytes:
    """The bytes of a quoted name.

    :raises DamagedError: if it holds an escape that Go does not know.
    """
    if "\\" not in text:
        return text.encode("utf-8", "surrogatepass")
    parts = []
    position = 0
    for match in _ESCAPE.finditer(text):
        parts.append(text[position : match.start()].encode("utf-8", "surrogatepass"))
        position = match.end()
        letter, byte, short, long, octal = match.groups()
        if letter is not None:
            parts.append(bytes((_UNQUOTED[letter],)))
        elif byte is not None:
            parts.append(bytes((int(byte, 16),)))
        elif octal is not None and int(octal, 8) < 256:
            parts.append(bytes((int(octal, 8),)))
        elif (short or long) is not None and int(short or long, 16) < 0x110000:
            parts.append(chr(int(short or long, 16)).encode("utf-8", "surrogatepass"))
        else:
            raise DamagedError(f"the name {text!r} has an unknown escape")
    parts.append(text[position:].encode("utf-8", "surrogatepass"))
    return b"".join(parts)


def json_string(text: str) -> str:
    """A JSON string with its quotes, escaped as Go does."""
    if _SIMPLE_TEXT.match(text):
        return f'"{text}"'
    return f'"{text.translate(_JSON)}"'


def json_bytes_string(raw: bytes) -> str:
    """A JSON string of bytes that are usually UTF-8; others become an escaped U+FFFD each, as in Go."""
    return json_string(raw.decode("utf-8", "surrogateescape"))
