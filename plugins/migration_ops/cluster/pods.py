"""Waits for pods to be gone, and says who is still there and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import QuiesceTimeout
from migration_ops.cluster.exclusions import is_our_own
from migration_ops.cluster.kinds import Discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.podspec import holds_volumes, mounted_claims
from migration_ops.cluster.reference import Manifest, reference_of

POLL_SECONDS = 0.25


def list_pods(cluster: Cluster, served: Discovery, namespaces: Iterable[str]) -> list[Manifest]:
    """Return all pods of some namespaces.

    :param cluster: the cluster.
    :param served: what it serves.
    :param namespaces: where to look.
    """
    resource = served.find("", "Pod")
    if resource is None:
        return []
    listed = cluster.each(lambda name: list_objects(cluster, resource, name), sorted(set(namespaces)))
    return [pod for pods in listed for pod in pods]


def pods_holding(pods: Iterable[Manifest], claims: Sequence[tuple[str, str]]) -> list[Manifest]:
    """Return the pods that have any of the claims mounted; our own movers do not count.

    :param pods: pods of the claims' namespaces.
    :param claims: (namespace, name).
    """
    wanted = set(claims)
    return [
        pod
        for pod in pods
        if holds_volumes(pod)
        and not is_our_own(pod)
        and any((pod["metadata"]["namespace"], name) in wanted for name in mounted_claims(pod))
    ]


def wait_until_gone(look: Callable[[], list[str]], deadline: float, what: str) -> None:
    """Look again and again until nothing is left.

    :param look: returns what is still there, in words.
    :param deadline: of `time.monotonic`.
    :param what: what is waited for, for the message.
    :raises QuiesceTimeout: when something is still there.
    """
    while remaining := look():
        if time.monotonic() > deadline:
            message = f"{what}: still there: {'; '.join(remaining[:10])}"
            if len(remaining) > 10:
                message += f"; and {len(remaining) - 10} more"
            raise QuiesceTimeout(message)
        time.sleep(POLL_SECONDS)


def why_still_there(pod: Manifest) -> str:
    """Say of a pod why it may not be gone.

    :param pod: the Pod.
    """
    metadata = pod["metadata"]
    deleted = metadata.get("deletionTimestamp")
    if not deleted:
        owner = next((one for one in metadata.get("ownerReferences") or [] if one.get("controller")), None)
        kept = f"kept by {owner['kind']} {owner['name']}" if owner else "has no controller"
        return f"{reference_of(pod)} runs on ({kept})"
    # The time of deletion already includes the grace period.
    late = (datetime.now(UTC) - datetime.fromisoformat(deleted)).total_seconds()
    finalizers = ", ".join(metadata.get("finalizers") or [])
    if finalizers:
        return f"{reference_of(pod)} is held by finalizers {finalizers}"
    if late > 30:
        node = (pod.get("spec") or {}).get("nodeName", "?")
        return f"{reference_of(pod)} should be gone since {late:.0f} s: is node {node} alive?"
    return f"{reference_of(pod)} is shutting down"
