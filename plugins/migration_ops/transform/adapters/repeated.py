"""Entries of a list that repeat its key: old API servers took them, server-side apply refuses them."""

from __future__ import annotations

import re
from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, containers, items_at, pointer
from migration_ops.transform.registry import adapter


@adapter("merge-repeated-entries")
def merge_repeated(draft: Draft, base: Parts, _context: Context) -> None:
    """Keep of variables of one name the last, as a kubelet does, and merge the names of one host's address.

    :param draft: the object.
    :param base: the pod template.
    :param _context: unused.
    """
    for place in list(containers(draft.manifest, base)):
        _variables(draft, (*place, "env"))
    _aliases(draft, (*base, "spec", "hostAliases"))


def _variables(draft: Draft, parts: Parts) -> None:
    listed = items_at(draft.manifest, *parts)
    names = [one.get("name") for one in listed]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        entries = [one for one in listed if one.get("name") == name]
        same = all(one == entries[-1] for one in entries)
        before = [one for one in listed if one.get("name") != name or one is entries[-1]]
        kept = before if same else _with_earlier_values(listed, name)
        draft.set(parts, kept)
        listed = kept
        draft.find(
            "info" if same else "warning",
            f"{pointer(parts)} lists {name} more than once; the last one counts, as for a kubelet",
            "" if same else "look whether the last value is the one that is meant",
        )


def _with_earlier_values(listed: list[dict[str, Any]], name: Any) -> list[dict[str, Any]]:
    """Leave out all but the last one; what refers to an earlier one in between gets that one's value."""
    last = max(number for number, one in enumerate(listed) if one.get("name") == name)
    reference = re.compile(rf"(?<!\$)\$\({re.escape(str(name))}\)")
    kept: list[dict[str, Any]] = []
    earlier: str | None = None
    for number, one in enumerate(listed):
        if one.get("name") == name and number < last:
            earlier = str(one["value"]) if "value" in one else None
            continue
        value = one.get("value")
        if number < last and earlier is not None and isinstance(value, str):
            parts = reference.split(value)
            kept.append(one | {"value": earlier.join(parts)})
            continue
        kept.append(one)
    return kept


def _aliases(draft: Draft, parts: Parts) -> None:
    listed = items_at(draft.manifest, *parts)
    merged: dict[Any, dict[str, Any]] = {}
    for one in listed:
        address = one.get("ip")
        if address not in merged:
            merged[address] = one | {"hostnames": list(one.get("hostnames") or [])}
            continue
        names = merged[address]["hostnames"]
        names += [name for name in one.get("hostnames") or [] if name not in names]
    if len(merged) == len(listed):
        return
    addresses = [one.get("ip") for one in listed]
    repeated = dict.fromkeys(str(one) for one in addresses if addresses.count(one) > 1)
    draft.set(parts, list(merged.values()))
    draft.find("info", f"{pointer(parts)} lists {', '.join(repeated)} more than once; its names are merged")
