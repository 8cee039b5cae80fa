"""Our labels and annotations on objects of the target, and the former state that they can carry."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from typing import Any

import orjson

from migration_ops.cluster.exclusions import is_our_own
from migration_ops.cluster.reference import Manifest, annotations_of, controller_of, labels_of

FIELD_MANAGER = "migration-ops"

PLAN_LABEL = "migration-ops.io/plan"
RUN_LABEL = "migration-ops.io/run"
UPDATED_BY = "migration-ops.io/updated-by"
UPDATED_LABEL = "migration-ops.io/updated-by-run"
"""Makes updated objects findable with one list per kind; the annotation says which plan it was."""

FORMER = "migration-ops.io/former"
"""What an object was before we changed it: base64 of zlib of JSON. Rollback needs nothing else."""

FORMER_LIMIT_BYTES = 180_000
"""Kubernetes allows 256 KiB of annotations per object; a larger former state is only in the result."""


_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")


def label_value(text: str) -> str:
    """Return a name as a label can hold it: itself where that is allowed, else shortened, with a digest.

    Airflow's run ids hold ``:`` and ``+``, which labels may not.

    :param text: a plan's or run's name.
    """
    if _LABEL_VALUE.match(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:53].rstrip("-._")
    return f"{readable}-{digest}" if readable else digest


def made_by(metadata: dict[str, Any], plan: str, run: str | None = None) -> bool:
    """Tell whether an object was made by this plan (and run).

    :param metadata: the object's metadata.
    :param plan: the plan's name.
    :param run: the run's name; any run of the plan when not given.
    """
    labels = metadata.get("labels") or {}
    same_plan = labels.get(PLAN_LABEL) == label_value(plan)
    return same_plan and (run is None or labels.get(RUN_LABEL) == label_value(run))


def marked_by_others(manifest: Manifest, label: str) -> bool:
    """Tell whether a label of ours was written by somebody else, who copied an object of ours.

    Nobody is known for an object whose ``managedFields`` were taken away: then the label is believed.

    :param manifest: the object, with ``managedFields``.
    :param label: e.g. `PLAN_LABEL`.
    """
    writers = {
        entry.get("manager")
        for entry in manifest["metadata"].get("managedFields") or []
        if f"f:{label}" in (((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels") or {})
    }
    return bool(writers) and FIELD_MANAGER not in writers


def is_copy(manifest: Manifest, label: str) -> bool:
    """Tell whether somebody else copied an object of ours, labels and all.

    What goes with its owner anyway, endpoints, and what movers and probes are made of are no copies, though
    others write their labels.

    :param manifest: the object, with ``managedFields``.
    :param label: e.g. `PLAN_LABEL`.
    """
    follows = controller_of(manifest) is not None or manifest.get("kind") in {"Endpoints", "EndpointSlice"}
    ours = is_our_own(manifest) or labels_of(manifest).get("app.kubernetes.io/managed-by") == FIELD_MANAGER
    return marked_by_others(manifest, label) and not follows and not ours


def applied_at(metadata: dict[str, Any]) -> str | None:
    """Return when we last changed something of an object by applying it, as the server noted it.

    :param metadata: the object's metadata, with ``managedFields``.
    """
    for entry in metadata.get("managedFields") or []:
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            return str(entry.get("time"))
    return None


def mark_made(manifest: Manifest, plan: str, run: str) -> None:
    """Label an object as made by a run.

    :param manifest: changed in place.
    :param plan: the plan's name.
    :param run: the run's name.
    """
    marks = {PLAN_LABEL: label_value(plan), RUN_LABEL: label_value(run)}
    manifest["metadata"].setdefault("labels", {}).update(marks)


def mark_updated(manifest: Manifest, plan: str, run: str, former: str | None) -> None:
    """Note on an object that somebody else made what it was before.

    :param manifest: changed in place.
    :param plan: the plan's name.
    :param run: the run's name.
    :param former: what `pack_former` returned.
    """
    manifest["metadata"].setdefault("labels", {})[UPDATED_LABEL] = label_value(run)
    notes = {UPDATED_BY: f"{plan}/{run}"} | ({FORMER: former} if former else {})
    manifest["metadata"].setdefault("annotations", {}).update(notes)


def updated_by(manifest: Manifest, plan: str, run: str) -> bool:
    """Tell whether a run changed this object of somebody else.

    :param manifest: the object as it is.
    :param plan: the plan's name.
    :param run: the run's name.
    """
    return annotations_of(manifest).get(UPDATED_BY) == f"{plan}/{run}"


def former_of(manifest: Manifest, plan: str, run: str) -> Manifest | None:
    """Return what an object was before a run changed it, also when later runs changed it again.

    :param manifest: the object as it is.
    :param plan: the plan's name.
    :param run: the run's name.
    """
    state: Manifest | None = manifest
    while state is not None and not updated_by(state, plan, run):
        state = unpack_former(state)
    return unpack_former(state) if state is not None else None


def keep_maker(manifest: Manifest, current: Manifest) -> None:
    """Leave on an object who made it: what is not sent again, server-side apply takes away.

    Labels that somebody copied stay his: what we wrote would be undone as ours.

    :param manifest: what will be sent; changed in place.
    :param current: the object as it is.
    """
    if is_copy(current, PLAN_LABEL):
        return
    there = labels_of(current)
    kept = {key: there[key] for key in (PLAN_LABEL, RUN_LABEL) if key in there}
    if kept:
        manifest["metadata"].setdefault("labels", {}).update(kept)


def remember(current: Manifest) -> tuple[Manifest, str | None]:
    """Return the state to put back after a change, and the same packed (``None``: too large).

    What earlier runs remembered is part of it as long as there is room, so that they can be undone, too.

    :param current: the object as it is.
    """
    former = former_state(current, marks=True)
    packed = pack_former(former)
    if packed is None or len(packed) > FORMER_LIMIT_BYTES // 2:  # history never crowds out other annotations
        former = former_state(current)
        packed = pack_former(former)
    return former, packed


def former_state(manifest: Manifest, *, marks: bool = False) -> Manifest:
    """Return what of an object must be remembered to put it back: all but what the server sets.

    :param manifest: the object as it is.
    :param marks: with what earlier runs noted on it.
    """
    metadata = {
        key: value
        for key, value in manifest["metadata"].items()
        if key in {"name", "namespace", "labels", "annotations", "finalizers", "ownerReferences"}
    }
    for field in ("labels", "annotations"):
        if notes := metadata.get(field):
            ours = set() if marks else {FORMER, UPDATED_BY, UPDATED_LABEL}
            metadata[field] = {key: value for key, value in notes.items() if key not in ours}
            if not metadata[field]:
                del metadata[field]
    rest = {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}
    return rest | {"metadata": metadata}


def pack_former(former: Manifest) -> str | None:
    """Encode a former state for the annotation; ``None`` when it is too large for one.

    :param former: what `former_state` returned.
    """
    packed = base64.b64encode(zlib.compress(orjson.dumps(former), 9)).decode()
    return packed if len(packed) <= FORMER_LIMIT_BYTES else None


def unpack_former(manifest: Manifest) -> Manifest | None:
    """Return the former state that an object carries, or ``None``.

    :param manifest: the object as it is.
    """
    packed = annotations_of(manifest).get(FORMER)
    if not packed:
        return None
    try:
        former = orjson.loads(zlib.decompress(base64.b64decode(packed, validate=True)))
    except (binascii.Error, zlib.error, orjson.JSONDecodeError):
        return None
    return former if isinstance(former, dict) else None


def run_selector(plan: str, run: str | None = None) -> str:
    """Return the label selector of everything that a plan (and run) made.

    :param plan: the plan's name.
    :param run: the run's name; any run when not given.
    """
    return f"{PLAN_LABEL}={label_value(plan)}" + (f",{RUN_LABEL}={label_value(run)}" if run else "")
