"""What a hook of the plan changed in an object for the time of the stop, written on the object itself.

The object comes to the target as it was before the hook, and is put back so when the source is resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from migration_ops.cluster.reference import Manifest, annotations_of

HOOKED = "migration-ops.io/before-hook"
"""Annotation with the plan's name and the merge patch that undoes what its hooks changed."""

Patch = dict[str, Any]


def undo_of(manifest: Manifest, patch: Mapping[str, Any]) -> Patch:
    """Return the merge patch that undoes another one.

    :param manifest: the object before the patch.
    :param patch: a JSON merge patch (RFC 7386).
    """
    undo: Patch = {}
    for key, value in patch.items():
        current = manifest.get(key)
        if isinstance(value, Mapping) and (isinstance(current, dict) or key in {"labels", "annotations"}):
            undo[key] = undo_of(current or {}, value)  # others may have annotated it since
        else:
            undo[key] = current
    return undo


def noted_patch(manifest: Manifest, patch: Mapping[str, Any], plan: str) -> Patch:
    """Return a hook's patch with the note of what it changes; what was noted before stays noted.

    :param manifest: the object as it is.
    :param patch: what the hook says.
    :param plan: the plan's name.
    """
    undo = _over(undo_of(manifest, patch), noted_undo(manifest, plan) or {})
    note = orjson.dumps({"plan": plan, "undo": undo}, option=orjson.OPT_SORT_KEYS).decode()
    return _over(dict(patch), {"metadata": {"annotations": {HOOKED: note}}})


def noted_undo(manifest: Manifest, plan: str | None = None) -> Patch | None:
    """Return the merge patch that undoes a plan's hooks; ``None`` if none changed the object.

    :param manifest: the object as it is.
    :param plan: only this plan's; any plan's if it is not given.
    """
    text = annotations_of(manifest).get(HOOKED)
    try:
        note = orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return None
    if not isinstance(note, dict) or not isinstance(note.get("undo"), dict):
        return None
    return note["undo"] if plan in {None, note.get("plan")} else None


def undo_patch(undo: Patch) -> Patch:
    """Return a noted patch that takes the note away, too.

    :param undo: of `noted_undo`.
    """
    return _over(undo, {"metadata": {"annotations": {HOOKED: None}}})


def _over(first: Patch, second: Mapping[str, Any]) -> Patch:
    """The one patch with what the other says over it; unlike in a document, null stays."""
    merged = dict(first)
    for key, value in second.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged
