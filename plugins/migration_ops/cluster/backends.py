"""Whether the Services behind webhooks and API services answer yet.

A webhook whose backend is away refuses every object that it watches, an API service without backend breaks
discovery and the deletion of namespaces: both are applied only when something stands behind them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from migration_ops.cluster.closure import needs_of
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import NotFound
from migration_ops.cluster.reference import Manifest, ObjectReference

WATCHERS = frozenset(
    {
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("apiregistration.k8s.io", "APIService"),
    }
)


def backends_of(manifest: Manifest) -> list[tuple[str, str]]:
    """Return (namespace, name) of the Services without which an object would block others.

    :param manifest: a webhook configuration or API service; any other object has none.
    """
    if ObjectReference.of(manifest).group_kind not in WATCHERS:
        return []
    if "webhooks" in manifest:
        strict = [one for one in manifest["webhooks"] or [] if one.get("failurePolicy") != "Ignore"]
        manifest = {**manifest, "webhooks": strict}
    return [(need.namespace, need.name) for need in needs_of(manifest) if need.kind == "Service"]


def wait_for_backends(
    cluster: Cluster, manifests: Iterable[Manifest], timeout_seconds: float
) -> dict[str, str]:
    """Wait until the backends of webhooks and API services have ready endpoints.

    :param cluster: the cluster.
    :param manifests: what is to be applied.
    :param timeout_seconds: for all of them together.
    :return: the references of those without backend, with the reason.
    """
    waiting = {str(ObjectReference.of(one)): backends_of(one) for one in manifests}
    deadline = time.monotonic() + timeout_seconds
    while True:
        missing = {
            name: [
                f"{space}/{service}" for space, service in backends if not _answers(cluster, space, service)
            ]
            for name, backends in waiting.items()
        }
        missing = {name: services for name, services in missing.items() if services}
        if not missing or time.monotonic() > deadline:
            return {
                name: f"its backend {', '.join(services)} has no ready endpoint; it would block everything "
                "that it watches. Apply again when the backend is up"
                for name, services in missing.items()
            }
        time.sleep(1)


def _answers(cluster: Cluster, namespace: str, service: str) -> bool:
    path = f"/api/v1/namespaces/{namespace}"
    try:
        endpoints = cluster.get(f"{path}/endpoints/{service}", what=f"read endpoints {namespace}/{service}")
    except NotFound:
        return _leads_outside(cluster, f"{path}/services/{service}")
    return any(subset.get("addresses") for subset in endpoints.get("subsets") or [])


def _leads_outside(cluster: Cluster, path: str) -> bool:
    """Whether a Service is only a name for something outside of the cluster."""
    try:
        service = cluster.get(path, what="read the service of a webhook")
    except NotFound:
        return False
    return bool((service.get("spec") or {}).get("type") == "ExternalName")
