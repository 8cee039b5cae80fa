"""Whether clients reach what was started: Services lead to pods, load balancers have addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import NotFound, reference_of
from migration_ops.migration.switchover import addresses_of, services_without_endpoints

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

Manifest = dict[str, Any]

_RUNS_PODS = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod"}
)


def look_at_services(target: Cluster, objects: Sequence[Manifest]) -> tuple[dict[str, str], list[str]]:
    """Look at the Services of the target once.

    A load balancer that the cloud has not given an address yet is no difference: that may take minutes, and
    people decide by it whether to finish.

    :param objects: the adapted objects.
    :return: Services that should lead to pods and don't, a line by name; load balancers that still wait for
        an address.
    """
    services = [item for item in objects if item["kind"] == "Service"]
    unreached = _unreached(target, [item for item in services if has_pods(item, objects)])
    balanced = [item for item in services if (item.get("spec") or {}).get("type") == "LoadBalancer"]
    waiting = [
        f"{reference_of(item)} still waits for the address of its load balancer"
        for item in balanced
        if (live := _live(target, item)) is not None and not addresses_of(live)
    ]
    return {line: line for line in unreached}, waiting


def has_pods(service: Manifest, objects: Sequence[Manifest]) -> bool:
    """Whether a workload among the objects runs pods that the Service selects.

    :param objects: the adapted objects.
    """
    selector = (service.get("spec") or {}).get("selector") or {}
    return bool(selector) and any(
        selector.items() <= _pod_labels(item).items()
        for item in objects
        if item["kind"] in _RUNS_PODS
        and item["metadata"].get("namespace") == service["metadata"].get("namespace")
        and (item.get("spec") or {}).get("replicas") != 0
    )


def _unreached(target: Cluster, services: Sequence[Manifest]) -> list[str]:
    endpoints = [
        {**item, "kind": "Endpoints"}
        for namespace in sorted({str(item["metadata"]["namespace"]) for item in services})
        for item in target.get(f"/api/v1/namespaces/{namespace}/endpoints", what="list endpoints")["items"]
    ]
    return services_without_endpoints(services, endpoints)


def _live(target: Cluster, service: Manifest) -> Manifest | None:
    metadata = service["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}"
    try:
        found: Manifest = target.get(path, what=f"read {reference_of(service)}")
    except NotFound:
        return None
    return found


def _pod_labels(workload: Manifest) -> dict[str, str]:
    spec = workload.get("spec") or {}
    template = workload if workload["kind"] == "Pod" else spec.get("template") or {}
    labels: dict[str, str] = (template.get("metadata") or {}).get("labels") or {}
    return labels
