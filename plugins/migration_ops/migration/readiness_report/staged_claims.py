"""Claims that were staged already: whether they still fit the source's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migration_ops.cluster import Manifest
from migration_ops.cluster.marks import made_by
from migration_ops.cluster.reference import annotations_of
from migration_ops.migration.readiness_report.facts import quantity
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.migration.volumes import STAGED_SNAPSHOT

CHECK = "staged-claims"


def check_staged_claims(
    plan: str, objects: Sequence[Manifest], claims: Sequence[Manifest], classes: Sequence[Manifest]
) -> list[ReadinessFinding]:
    """Find staged claims whose source grew, changed its modes, or vanished.

    :param plan: the plan's name: claims of others are another check's affair.
    :param objects: the adapted objects.
    :param claims: the target's claims.
    :param classes: the target's StorageClasses.
    """
    wanted = {_name(one): one for one in objects if one["kind"] == "PersistentVolumeClaim"}
    growing = {str(one["metadata"]["name"]) for one in classes if one.get("allowVolumeExpansion")}
    findings = []
    for claim in claims:
        if not made_by(claim["metadata"], plan):
            continue
        where = "v1/PersistentVolumeClaim/" + "/".join(_name(claim))
        new = wanted.get(_name(claim))
        if new is not None:
            findings += _compare(where, claim, new, growing)
        elif STAGED_SNAPSHOT in annotations_of(claim):
            reason = "was staged, and its source is gone or isn't chosen any more"
            findings.append(
                finding(CHECK, "warning", where, reason, "delete it in the target if nobody needs it")
            )
    return findings


def _compare(where: str, claim: Manifest, new: Manifest, growing: set[str]) -> list[ReadinessFinding]:
    has, asks = _spec(claim), _spec(new)
    findings = []
    if _size(has) < _size(asks):
        reason = f"has {_text(has)}, its source grew to {_text(asks)}"
        storage_class = str(has.get("storageClassName") or "")
        if storage_class in growing:
            findings.append(finding(CHECK, "info", where, f"{reason}: staging lets it grow"))
        else:
            reason += f", and class {storage_class} doesn't let claims grow"
            remedy = "delete it in the target: the next staging makes it anew; leave it if the data fits"
            findings.append(finding(CHECK, "warning", where, reason, remedy))
    for field in ("volumeMode", "storageClassName", "accessModes"):
        if has.get(field) and asks.get(field) and has[field] != asks[field]:
            reason = f"was staged with {field} {has[field]}, and should have {asks[field]} now"
            remedy = "a claim can't change that: delete it in the target, and the next staging makes it anew"
            findings.append(finding(CHECK, "warning", where, reason, remedy))
    return findings


def _name(claim: Manifest) -> tuple[str, str]:
    return str(claim["metadata"].get("namespace")), str(claim["metadata"]["name"])


def _spec(claim: Manifest) -> Mapping[str, Any]:
    return claim.get("spec") or {}


def _text(spec: Mapping[str, Any]) -> str:
    return str(((spec.get("resources") or {}).get("requests") or {}).get("storage") or "0")


def _size(spec: Mapping[str, Any]) -> float:
    return quantity(_text(spec))
