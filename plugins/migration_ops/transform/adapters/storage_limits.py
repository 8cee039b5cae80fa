"""Limits for claims in namespaces: names of classes, and sizes that the target's smallest disks exceed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from migration_ops.transform.adapters.storage import GIBIBYTE, smallest_gib
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at
from migration_ops.transform.parameters import look_up
from migration_ops.transform.registry import adapter

OF_CLASS = ".storageclass.storage.k8s.io/"
HARD: Parts = ("spec", "hard")


@adapter("map-quota-classes")
def map_quota_classes(draft: Draft, _base: Parts, context: Context) -> None:
    """Map the classes that a ResourceQuota names, and tell where claims outgrow it.

    :param draft: the ResourceQuota.
    :param _base: unused.
    :param context: knows the mapping, and the claims.
    """
    for key, amount in list(mapping_at(draft.manifest, *HARD).items()):
        name, marker, resource = key.partition(OF_CLASS)
        mapped = look_up(name, context.storage_classes) if marker else None
        if mapped is None or mapped == name:
            continue
        new = (*HARD, f"{mapped}{OF_CLASS}{resource}")
        draft.remove((*HARD, key))
        if draft.get(new) is None:
            draft.set(new, amount)
        else:
            draft.find(
                "warning",
                f"several classes that it limits become {mapped}; {amount} for {name} is left out",
                f"write one limit for {mapped} that is enough for all",
            )
    total = _bytes(mapping_at(draft.manifest, *HARD).get("requests.storage"))
    needed = sum((_grown(claim, context) for claim in _claims(draft, context)), Decimal(0))
    if total is not None and needed > total:
        draft.find(
            "decision",
            f"it admits claims of {draft.get((*HARD, 'requests.storage'))} together; with the target's "
            f"smallest disks they ask for {int(needed // GIBIBYTE)}Gi",
            "raise requests.storage, or map the classes to ones with smaller disks",
            ("raise it", "other classes"),
        )


@adapter("check-claim-limits")
def check_claim_limits(draft: Draft, _base: Parts, context: Context) -> None:
    """Tell where a LimitRange refuses claims as large as the target's smallest disk.

    :param draft: the LimitRange.
    :param _base: unused.
    :param context: knows the classes, and the claims.
    """
    largest = max((_grown(claim, context) for claim in _claims(draft, context)), default=Decimal(0))
    for limit in items_at(draft.manifest, "spec", "limits"):
        text = mapping_at(limit, "max").get("storage")
        most = _bytes(text)
        if limit.get("type") == "PersistentVolumeClaim" and most is not None and largest > most:
            draft.find(
                "decision",
                f"it admits claims up to {text}; with the target's smallest disks one asks for "
                f"{int(largest // GIBIBYTE)}Gi, and is refused",
                "raise max.storage, or map the class to one with smaller disks",
                ("raise it", "another class"),
            )


def _claims(draft: Draft, context: Context) -> list[dict[str, Any]]:
    namespace = draft.manifest["metadata"].get("namespace", "")
    return [
        mapping_at(item, "spec")
        for item in context.objects
        if item["kind"] == "PersistentVolumeClaim" and item["metadata"].get("namespace", "") == namespace
    ]


def _grown(spec: dict[str, Any], context: Context) -> Decimal:
    """Give a claim's size in the target, in bytes."""
    name = str(spec.get("storageClassName") or "")
    mapped = look_up(name, context.storage_classes) or name
    requested = _bytes(mapping_at(spec, "resources", "requests").get("storage")) or Decimal(0)
    return max(requested, Decimal((smallest_gib(mapped, context) or 0) * GIBIBYTE))


def _bytes(text: Any) -> Decimal | None:
    from kubernetes.utils.quantity import parse_quantity

    try:
        size = Decimal(parse_quantity(str(text)))
    except (ValueError, ArithmeticError):
        return None
    return size if size.is_finite() else None
