"""Storage classes within custom resources: claim templates, fields that hold a class, and other mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from migration_ops.transform.adapters.storage import (
    fit_size,
    fit_spec,
    map_class_name,
    map_class_of_claim,
    target_classes,
)
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, group_of, is_builtin_group, mapping_at, pointer
from migration_ops.transform.paths import compiled
from migration_ops.transform.registry import adapter

_CLASS_FIELD = "storageClassName"
_MAYBE_CLASS_FIELD = "storageClass"
"""Also what object stores call how often something is read (`STANDARD`)."""

_ABOUT_STORAGE = re.compile(r"stor|volume|pvc|disk|claim|persist", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_SIZES = ("size", "storage")


@adapter("map-storage-class-fields")
def map_storage_class_fields(draft: Draft, _base: Parts, context: Context) -> None:
    """Map the classes that a custom resource names.

    Fields are known by the parameter `storage_class_fields` (`group/Kind` to JSONPaths), by their name, or by
    standing in a claim's spec. A class of the source that is named elsewhere is left to a person.

    :param draft: the object.
    :param _base: unused: paths are of whole objects.
    :param context: knows mapping, fields and classes.
    """
    group = group_of(draft.manifest["apiVersion"])
    if is_builtin_group(group):
        return
    fields = (context.param("storage_class_fields") or {}).get(f"{group}/{draft.manifest['kind']}", ())
    known = {parts for text in fields for parts, _ in compiled(text).find(draft.manifest)}
    named = _classes_of_source(context)
    for place, mapping in list(_mappings(draft.manifest)):
        if _is_claim_spec(mapping):
            map_class_of_claim(draft, place, context)
            fit_spec(draft, place, context)
            known.add((*place, _CLASS_FIELD))
            continue
        for key, value in list(mapping.items()):
            field = (*place, key)
            if not isinstance(value, str) or not value:
                continue
            if field in known or _names_class(key, value, named):
                map_class_name(draft, field, context)
                for size in _SIZES:
                    if isinstance(mapping.get(size), str):
                        fit_size(draft, (*place, size), draft.get(field), context)
            elif field not in known and value in named:
                _report(draft, field, mapping, value)


def _names_class(key: str, value: str, named: frozenset[str]) -> bool:
    if key == _CLASS_FIELD:
        return True
    return key == _MAYBE_CLASS_FIELD and (value in named or _NAME.fullmatch(value) is not None)


def _report(draft: Draft, field: Parts, mapping: dict[str, Any], value: str) -> None:
    """Ask about a class's name in a field that may or may not mean the class."""
    texts = [*field, mapping.get("name", "")]
    if any(_ABOUT_STORAGE.search(str(text)) for text in texts):
        draft.find(
            "decision",
            f"{pointer(field)} is {value}, as a StorageClass of the source is called; it stays as it is",
            "if the class is meant, name the field in the parameter storage_class_fields",
            ("name it in storage_class_fields", "leave it"),
        )


def _classes_of_source(context: Context) -> frozenset[str]:
    """The source's classes: those that came along, and those that the plan maps by name."""
    plan = {name for name in context.parameters.storage_classes if name and not re.search(r"[*?\[]", name)}
    return (frozenset(context.storage_classes_of_source) | plan) - target_classes(context)


def _is_claim_spec(mapping: dict[str, Any]) -> bool:
    requests = mapping_at(mapping, "resources", "requests")
    return "storage" in requests and "containers" not in mapping and "image" not in mapping


def _mappings(manifest: dict[str, Any]) -> Iterator[tuple[Parts, dict[str, Any]]]:
    """Give every mapping below an object, in document order, without recursion: it may be deep."""
    waiting: list[tuple[Parts, Any]] = [
        ((key,), value)
        for key, value in reversed(manifest.items())
        if key not in {"apiVersion", "kind", "metadata", "status"}
    ]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            yield place, value
            waiting += [((*place, key), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [((*place, index), inner) for index, inner in reversed(list(enumerate(value)))]
