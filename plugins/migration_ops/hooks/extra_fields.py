"""Extra fields of a connection: an object, and no field that nobody reads, whose value would be missed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any


def extra_fields(connection: Any) -> dict[str, Any]:
    """Return a connection's extra fields, none if it has none.

    :param connection: an Airflow connection.
    :raises ValueError: if they aren't a JSON object; Airflow itself would take them for none.
    """
    if not connection.extra:
        return {}
    try:
        found = json.loads(connection.extra)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - a value that somebody typed
            f"connection {connection.conn_id}: extra has to be a JSON object, such as "
            '{"region": "cn-hangzhou"}'
        )
    return dict(connection.extra_dejson)  # read once more, so that Airflow masks what is secret


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
