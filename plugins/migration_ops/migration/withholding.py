"""Keeps Secrets' values out of reports, whoever wrote them into a message.

Reports take only named fields, none of which should hold a secret; but a probe's output or a server's refusal
may quote one. So every text is searched for the values of the Secrets that move, plain and in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from migration_ops.cluster import Manifest

WITHHELD = "(secret)"
_SHORTEST = 6
"""Shorter values would blacken half of every text, and aren't secrets that could be kept."""

_LONG_LINE = 16

# Fields that hold names, times and words of our own: a secret's value may be in them by chance.
_NEVER_SECRET = (
    frozenset(
        {"version", "kind", "outcome", "severity", "began", "ended", "made", "check", "checked", "origin"}
    )
    | {"object", "plan", "run", "point", "source", "target", "namespace", "claim", "storage_class", "name"}
    | {"rule", "path", "step", "dominant"}
)


def secret_values(objects: Iterable[Manifest], shortest: int = _SHORTEST) -> set[str]:
    """The values of Secrets among objects, as texts that might appear somewhere.

    A value that is also a name, namespace or label of some object (a user called like the application) is no
    secret.

    :param objects: captured or adapted objects.
    :param shortest: number of characters from which on a value counts.
    """
    found: set[str] = set()
    names: set[str] = set()
    for item in objects:
        metadata = item.get("metadata") or {}
        names |= {str(metadata.get("name")), str(metadata.get("namespace"))}
        names |= {str(value) for value in (metadata.get("labels") or {}).values()}
        if item.get("kind") != "Secret":
            continue
        for encoded in (item.get("data") or {}).values():
            found |= _texts(str(encoded))
        for plain in (item.get("stringData") or {}).values():
            found |= _texts(base64.b64encode(str(plain).encode()).decode())
    return {value for value in found - names if len(value) >= shortest}


def withhold(document: Any, values: Collection[str]) -> Any:
    """A JSON document with every occurrence of the values replaced.

    :param values: of `secret_values`.
    """
    whole = "\0".join(_strings(document))
    # The longest first: one value may be a part of another.
    ordered = sorted((value for value in values if value in whole), key=len, reverse=True)

    def clean(part: Any) -> Any:
        if isinstance(part, str):
            for value in ordered:
                part = part.replace(value, WITHHELD)
            return part
        if isinstance(part, dict):
            return {key: value if key in _NEVER_SECRET else clean(value) for key, value in part.items()}
        return [clean(one) for one in part] if isinstance(part, list) else part

    return clean(document) if ordered else document


def _strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from _strings(value)
    elif isinstance(part, list):
        for value in part:
            yield from _strings(value)


def _texts(encoded: str) -> set[str]:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return {encoded}
    plain = raw.decode("utf-8", errors="replace")
    # A value is usually quoted without the newline at its end, and a file of several lines line by line.
    lines = {line.strip() for line in plain.splitlines() if len(line.strip()) >= _LONG_LINE}
    return {encoded, plain, plain.strip()} | lines
