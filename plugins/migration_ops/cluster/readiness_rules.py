"""When an object of each kind does its work: pure functions that return what is missing, or ``None``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from migration_ops.cluster.reference import Manifest


def _parts(manifest: Manifest) -> tuple[dict[str, Any], dict[str, Any]]:
    return manifest.get("spec") or {}, manifest.get("status") or {}


def _seen(manifest: Manifest) -> bool:
    status = manifest.get("status") or {}
    return bool(status.get("observedGeneration", 0) >= manifest["metadata"].get("generation", 0))


def _deployment(manifest: Manifest) -> str | None:
    spec, status = _parts(manifest)
    wanted = spec.get("replicas", 1)
    if not _seen(manifest):
        return "its controller has not seen it yet"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted or available < wanted or status.get("replicas", 0) > max(wanted, updated):
        return f"{available} of {wanted} replicas are available, {updated} up to date"
    return None


def _stateful_set(manifest: Manifest) -> str | None:
    spec, status = _parts(manifest)
    wanted = spec.get("replicas", 1)
    if not _seen(manifest):
        return "its controller has not seen it yet"
    ready = status.get("readyReplicas", 0)
    on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
    if ready < wanted:
        return f"{ready} of {wanted} replicas are ready"
    if not on_delete and not partition and wanted and status.get("updatedReplicas", wanted) < wanted:
        return f"{status.get('updatedReplicas', 0)} of {wanted} replicas are up to date"
    return None


def _replica_set(manifest: Manifest) -> str | None:
    spec, status = _parts(manifest)
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    return None if ready >= wanted and _seen(manifest) else f"{ready} of {wanted} replicas are ready"


def _daemon_set(manifest: Manifest) -> str | None:
    _, status = _parts(manifest)
    if not _seen(manifest):
        return "its controller has not seen it yet"
    wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    return None if ready >= wanted else f"{ready} of {wanted} nodes run it"


def _job(manifest: Manifest) -> str | None:
    spec, status = _parts(manifest)
    for condition in status.get("conditions") or []:
        if condition["type"] == "Failed" and condition["status"] == "True":
            return f"failed: {condition.get('message') or condition.get('reason')}"
    # A Job that runs is as it should be: it may run for days.
    started = status.get("active") or status.get("succeeded") or status.get("completionTime")
    suspended = spec.get("suspend") or spec.get("parallelism") == 0
    return None if started or suspended else "has not started a pod"


def _pod(manifest: Manifest) -> str | None:
    _, status = _parts(manifest)
    if status.get("phase") == "Succeeded":
        return None
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or [])
    return None if ready else f"is {status.get('phase', 'Pending')} and not ready"


def _claim(manifest: Manifest) -> str | None:
    _, status = _parts(manifest)
    phase = status.get("phase", "Pending")
    return None if phase == "Bound" else f"is {phase}"


def _definition(manifest: Manifest) -> str | None:
    _, status = _parts(manifest)
    established = any(
        one["type"] == "Established" and one["status"] == "True" for one in status.get("conditions") or []
    )
    return None if established else "is not established"


def _api_service(manifest: Manifest) -> str | None:
    _, status = _parts(manifest)
    for condition in status.get("conditions") or []:
        if condition["type"] == "Available":
            return None if condition["status"] == "True" else f"is not available: {condition.get('message')}"
    return "is not available yet"


RULES: dict[tuple[str, str], Callable[[Manifest], str | None]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("", "ReplicationController"): _replica_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _claim,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
}
