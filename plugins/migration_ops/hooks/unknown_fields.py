"""Extra fields of a connection that nobody reads: mostly misspelt ones, whose values would be missed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any


def unknown_field(extras: Mapping[str, Any], known: Collection[str]) -> str:
    """Say which field isn't known and what was probably meant; an empty text if all are known.

    :param extras: a connection's extra fields; empty ones are passed over, as forms may leave them behind.
    :param known: the fields that are read.
    """
    for name, value in extras.items():
        if name not in known and value not in (None, ""):
            close = get_close_matches(name, known, n=1)
            remedy = f"was {close[0]} meant?" if close else f"known are {', '.join(known)}"
            return f"its extra field {name} isn't known; {remedy}"
    return ""
