"""Says what a quiesce stops: what is chosen, and whatever else mounts a volume that must stand still."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.kinds import Discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.podspec import claim_names, mounted_claims, pod_spec_of
from migration_ops.cluster.reference import Manifest, reference_of
from migration_ops.cluster.selection import Selection
from migration_ops.cluster.suspension import noted_state
from migration_ops.cluster.workloads import Running, find_running

ClaimName = tuple[str, str]
"""Namespace and name."""


def claims_in(cluster: Cluster, served: Discovery, namespaces: Sequence[str]) -> list[ClaimName]:
    """Return all claims of some namespaces.

    :param cluster: the cluster.
    :param served: what it serves.
    :param namespaces: where to look.
    """
    resource = served.find("", "PersistentVolumeClaim")
    if resource is None:
        return []
    return [
        (namespace, one["metadata"]["name"])
        for namespace in namespaces
        for one in list_objects(cluster, resource, namespace, metadata_only=True)
    ]


def find_to_stop(
    cluster: Cluster,
    served: Discovery,
    namespaces: Sequence[str],
    selection: Selection | None,
    claims: Collection[ClaimName],
) -> Running:
    """Find what has to stop in some namespaces.

    What is not chosen and is stopped only since it mounts one of the claims is named in the warnings.

    :param cluster: the source.
    :param served: what it serves.
    :param namespaces: where to look.
    :param selection: chooses by labels and names; everything when not given.
    :param claims: volumes that must stand still.
    """
    chosen, volumes = _chooser(selection), frozenset(claims)
    running = find_running(
        cluster, served, namespaces, lambda one: chosen(one) or bool(mounted_of(one, volumes))
    )
    warnings = [
        f"{reference_of(one)} is not chosen, but mounts {', '.join(mounted)}: it is stopped all the same"
        for one in (*(workload.manifest for workload in running.workloads), *running.bare_pods)
        if not chosen(one) and not noted_state(one) and (mounted := mounted_of(one, volumes))
    ]
    return replace(running, warnings=running.warnings + warnings)


def mounted_of(manifest: Manifest, claims: Collection[ClaimName]) -> list[str]:
    """Return which of some claims an object's pods mount, as ``namespace/name``.

    :param manifest: a pod or a workload.
    :param claims: the claims in question.
    """
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    if manifest.get("kind") == "Pod":
        names = set(mounted_claims(manifest))
    else:
        names = set(claim_names(pod_spec_of(manifest) or {}))
    # A StatefulSet's claims are TEMPLATE-SET-NUMBER.
    templates = tuple(
        f"{one['metadata']['name']}-{metadata['name']}-" for one in spec.get("volumeClaimTemplates") or []
    )
    return sorted(
        f"{namespace}/{name}"
        for namespace, name in claims
        if namespace == metadata.get("namespace")
        and (name in names or (name.startswith(templates) and name.rpartition("-")[2].isdecimal()))
    )


def _chooser(selection: Selection | None) -> Callable[[Manifest], bool]:
    if selection is None:
        return lambda _: True

    def chosen(manifest: Manifest) -> bool:
        metadata = manifest["metadata"]
        return selection.takes_labels(metadata.get("labels") or {}) and selection.takes_name(metadata["name"])

    return chosen
