"""Volumes that are still attached to a node although no pod holds them: their last writes may not be out."""

from __future__ import annotations

from collections.abc import Sequence

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.kinds import Discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.pods import list_pods
from migration_ops.cluster.podspec import holds_volumes, mounted_claims


def attachments_of(cluster: Cluster, served: Discovery, claims: Sequence[tuple[str, str]]) -> list[str]:
    """Return, in words, the VolumeAttachments of some claims that no pod (of ours either) uses.

    :param cluster: the cluster.
    :param served: what it serves.
    :param claims: (namespace, name).
    """
    resource = served.find("storage.k8s.io", "VolumeAttachment")
    claim_kind = served.find("", "PersistentVolumeClaim")
    attached = list_objects(cluster, resource) if resource else []
    if not attached or claim_kind is None:
        return []
    namespaces = sorted({namespace for namespace, _ in claims})
    in_use = {
        (pod["metadata"]["namespace"], name)
        for pod in list_pods(cluster, served, namespaces)
        if holds_volumes(pod)
        for name in mounted_claims(pod)
    }
    wanted = set(claims) - in_use
    volumes = {
        (one.get("spec") or {}).get("volumeName"): f"{namespace}/{one['metadata']['name']}"
        for namespace in namespaces
        for one in list_objects(cluster, claim_kind, namespace)
        if (namespace, one["metadata"]["name"]) in wanted
    }
    found = []
    for attachment in attached:
        spec = attachment.get("spec") or {}
        claim = volumes.get((spec.get("source") or {}).get("persistentVolumeName"))
        if claim:
            found.append(f"volume of {claim} is attached to node {spec.get('nodeName')}")
    return found
