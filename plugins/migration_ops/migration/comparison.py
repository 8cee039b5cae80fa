"""Whether an object in the cluster is what was asked for.

Servers add defaults, order some lists anew and write quantities in their own way; none of that is a
difference. Only places are named, never values: some of them are secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from kubernetes.utils.quantity import parse_quantity

Manifest = dict[str, Any]

_NOT_COMPARED = frozenset({"status", "metadata"})


def differences(expected: Manifest, live: Manifest) -> list[str]:
    """JSON pointers to what the live object lacks or has otherwise.

    :param expected: the object as it was applied.
    :param live: the object as the server says it.
    """
    found = [
        path
        for key, value in expected.items()
        if key not in _NOT_COMPARED
        for path in _differ(value, live.get(key), f"/{key}")
    ]
    for field in ("labels", "annotations"):
        wanted = (expected.get("metadata") or {}).get(field) or {}
        has = (live.get("metadata") or {}).get(field) or {}
        found += _differ(wanted, has, f"/metadata/{field}")
    return found


def _differ(expected: Any, live: Any, path: str) -> Iterator[str]:
    if expected in (None, "", [], {}, False, 0) and live in (None, "", [], {}, False, 0):
        return
    if isinstance(expected, dict) and isinstance(live, dict):
        for key, value in expected.items():
            yield from _differ(
                value, live.get(key), f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"
            )
    elif isinstance(expected, list) and isinstance(live, list):
        yield from _differ_lists(expected, live, path)
    elif expected != live and not _is_same_quantity(expected, live):
        yield path


def _differ_lists(expected: list[Any], live: list[Any], path: str) -> Iterator[str]:
    if len(expected) == len(live):
        for number, (wanted, has) in enumerate(zip(expected, live, strict=True)):
            found = list(_differ(wanted, has, f"{path}/{number}"))
            if found and not any(not list(_differ(wanted, other, "")) for other in live):
                yield from found
        return
    for number, wanted in enumerate(expected):
        if not any(not list(_differ(wanted, other, "")) for other in live):
            yield f"{path}/{number}"


def _is_same_quantity(expected: Any, live: Any) -> bool:
    if isinstance(expected, bool) or isinstance(live, bool):
        return False
    return (amount := _amount(expected)) is not None and amount == _amount(live)


def _amount(value: Any) -> Decimal | None:
    try:
        return Decimal(parse_quantity(value)) if isinstance(value, str | int | float) else None
    except (ValueError, InvalidOperation):
        return None
