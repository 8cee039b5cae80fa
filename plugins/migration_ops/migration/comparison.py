"""Whether an object in the cluster is what was asked for.

Servers add defaults, order some lists anew and write quantities in their own way; none of that is a
difference. What others added (rules, containers, a ConfigMap's keys) is told apart. Only places are named,
never values: some of them are secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from migration_ops.migration.additions import added_by_others

Manifest = dict[str, Any]
Path = tuple[str | int, ...]

_EMPTY: tuple[Any, ...] = (None, "", [], {}, False, 0)

_NOT_COMPARED = frozenset({"status", "metadata"})

_WITH_QUANTITIES = frozenset(
    {
        "averageValue", "capacity", "cpu", "default", "defaultRequest", "divisor", "hard", "limits", "max",
        "maxLimitRequestRatio", "memory", "min", "overhead", "requests", "sizeLimit", "storage", "target",
    }
)  # fmt: skip
"""Keys at or above a quantity. Elsewhere `1.10` is a text, and other than `1.1`."""

_KEPT = frozenset({"data", "binaryData"})
"""Maps in which an empty value is kept."""

_TRUE_BY_DEFAULT = frozenset(
    {"automountServiceAccountToken", "allowPrivilegeEscalation", "allocateLoadBalancerNodePorts"}
)

_ORDERED = frozenset({"command", "args", "initContainers"})


def differences(expected: Manifest, live: Manifest) -> list[str]:
    """JSON pointers to what the live object lacks or has otherwise.

    :param expected: the object as it was applied.
    :param live: the object as the server says it.
    """
    found = [
        path
        for key, value in expected.items()
        if key not in _NOT_COMPARED
        for path in _differ(value, live.get(key), (key,))
    ]
    for field in ("labels", "annotations"):
        wanted = (expected.get("metadata") or {}).get(field) or {}
        has = (live.get("metadata") or {}).get(field) or {}
        found += _differ(wanted, has, ("metadata", field))
    return list(map(_pointer, found))


def additions(expected: Manifest, live: Manifest) -> list[str]:
    """JSON pointers to what others added to the live object where it is complete as it was applied.

    :param expected: the object as it was applied.
    :param live: the object as the server says it, with its managed fields where the server keeps them.
    """
    return list(map(_pointer, added_by_others(expected, live)))


def _pointer(path: Path) -> str:
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


def _differ(expected: Any, live: Any, path: Path) -> Iterator[Path]:
    if expected in _EMPTY and live in _EMPTY:
        if (expected is False and path[-1] in _TRUE_BY_DEFAULT and live is None) or (
            live is None and len(path) == 2 and path[0] in _KEPT
        ):
            yield path
        return
    if isinstance(expected, dict) and isinstance(live, dict):
        for key, value in expected.items():
            yield from _differ(value, live.get(key), (*path, key))
    elif isinstance(expected, list) and isinstance(live, list):
        yield from _differ_lists(expected, live, path)
    elif expected != live and not (_may_be_quantity(path) and _is_same_quantity(expected, live)):
        yield path


def _may_be_quantity(path: Path) -> bool:
    return path[0] not in _KEPT and not _WITH_QUANTITIES.isdisjoint(map(str, path[-2:]))


def _differ_lists(expected: list[Any], live: list[Any], path: Path) -> Iterator[Path]:
    if len(expected) == len(live):
        for number, (wanted, has) in enumerate(zip(expected, live, strict=True)):
            found = list(_differ(wanted, has, (*path, number)))
            if found and (path[-1] in _ORDERED or not _is_among(wanted, live, path)):
                yield from found
        return
    for number, wanted in enumerate(expected):
        if not _is_among(wanted, live, path):
            yield (*path, number)


def _is_among(wanted: Any, items: list[Any], path: Path) -> bool:
    return any(not list(_differ(wanted, other, (*path, 0))) for other in items)


def _is_same_quantity(expected: Any, live: Any) -> bool:
    if isinstance(expected, bool) or isinstance(live, bool):
        return False
    return (amount := _amount(expected)) is not None and amount == _amount(live)


def _amount(value: Any) -> Decimal | None:
    try:
        return Decimal(parse_quantity(value)) if isinstance(value, str | int | float) else None
    except (ValueError, InvalidOperation):
        return None
