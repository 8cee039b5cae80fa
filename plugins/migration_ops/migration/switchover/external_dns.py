"""Keeps ExternalDNS of the target from switching the names over before the migration is finished.

ExternalDNS ignores an object whose `controller` annotation has another value than `dns-controller` (its
reference of annotations). That also holds for Ingresses without any annotation of it, whose hosts it takes
from the rules. Since v0.22 its annotations have a new prefix; both are set.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from migration_ops.cluster import Manifest
from migration_ops.cluster.reference import annotations_of

PREFIXES = ("external-dns.alpha.kubernetes.io/", "external-dns.kubernetes.io/")
HOSTNAME, CONTROLLER = "hostname", "controller"
HELD = "migration-ops.io/dns-held-back"
_HOLDER = "migration-ops.io"
_HOSTED = frozenset({"Service", "Ingress", "Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "VirtualService"})


def hold_back(objects: Sequence[Manifest]) -> list[Manifest]:
    """The objects, those that ExternalDNS would publish marked so that it doesn't.

    What an annotation was before is kept in `HELD`; objects that are held back already stay as they are.

    :param objects: the adapted objects; not changed.
    """
    return [_held(item) if _is_published(item) else item for item in objects]


def release_patch(item: Manifest) -> dict[str, Any] | None:
    """The merge patch that lets ExternalDNS have an object; nothing if it isn't held back.

    :param item: the object as it is in the target.
    """
    annotations = annotations_of(item)
    if HELD not in annotations:
        return None
    former = dict(pair.split("=", 1) for pair in annotations[HELD].split(",") if "=" in pair)
    restored: dict[str, str | None] = {
        prefix + CONTROLLER: former.get(prefix + CONTROLLER) for prefix in PREFIXES
    }
    return {"metadata": {"annotations": restored | {HELD: None}}}


def _is_published(item: Manifest) -> bool:
    annotations = annotations_of(item)
    if item["kind"] not in _HOSTED or HELD in annotations:
        return False
    if any(annotations.get(prefix + CONTROLLER, "dns-controller") != "dns-controller" for prefix in PREFIXES):
        return False  # somebody else's already
    named = any(prefix + HOSTNAME in annotations for prefix in PREFIXES)
    return named or item["kind"] != "Service"


def _held(item: Manifest) -> Manifest:
    marked = copy.deepcopy(item)
    annotations = marked["metadata"].setdefault("annotations", {})
    former = [
        f"{prefix}{CONTROLLER}={annotations[prefix + CONTROLLER]}"
        for prefix in PREFIXES
        if prefix + CONTROLLER in annotations
    ]
    for prefix in PREFIXES:
        annotations[prefix + CONTROLLER] = _HOLDER
    annotations[HELD] = ",".join(former) or "true"
    return marked
