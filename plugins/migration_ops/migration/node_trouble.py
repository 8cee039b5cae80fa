"""Nodes that are away just now and keep the application's pods from being ready: they may come back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import Forbidden, NotFound

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

Manifest = dict[str, Any]


def nodes_in_trouble(cluster: Cluster, namespaces: Iterable[str]) -> str:
    """Name the nodes that aren't ready and hold pods that aren't either; nothing if there is none.

    Other nodes don't matter: one that has been dead for days must not make anybody wait.

    :raises ClusterUnreachable: if the API server is away for longer than it is waited for.
    """
    names = set()
    for namespace in namespaces:
        pods = cluster.get(f"/api/v1/namespaces/{namespace}/pods", what=f"list pods of {namespace}")["items"]
        names |= {str(pod["spec"]["nodeName"]) for pod in pods if _waits_on_a_node(pod)}
    away = sorted(name for name in names if not _is_ready(cluster, name))
    return f"not ready: node {', '.join(away)}" if away else ""


def _waits_on_a_node(pod: Manifest) -> bool:
    return bool((pod.get("spec") or {}).get("nodeName")) and (
        "deletionTimestamp" in pod["metadata"] or not _condition(pod)
    )


def _is_ready(cluster: Cluster, node: str) -> bool:
    """Also a node that is gone or that we may not look at is nothing to wait for."""
    try:
        return _condition(cluster.get(f"/api/v1/nodes/{node}", what=f"read node {node}"))
    except (Forbidden, NotFound):
        return True


def _condition(item: Manifest) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
