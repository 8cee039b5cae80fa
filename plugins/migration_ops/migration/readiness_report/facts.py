"""What the checks look at: one reading of a cluster, after which every check is a pure function."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import ApiError, ApiResource, Cluster, Discovery, discovery
from migration_ops.cluster.listing import list_objects

if TYPE_CHECKING:
    from migration_ops.cluster import Manifest

GroupKind = tuple[str, str]

_UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"

_EVERYWHERE: tuple[GroupKind, ...] = (
    ("", "Node"),
    ("", "Pod"),
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("networking.k8s.io", "IngressClass"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("node.k8s.io", "RuntimeClass"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("apiregistration.k8s.io", "APIService"),
    ("argoproj.io", "Application"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"),
)
_IN_NAMESPACES: tuple[GroupKind, ...] = (
    ("", "ResourceQuota"),
    ("", "LimitRange"),
    ("", "ServiceAccount"),
    ("", "PersistentVolumeClaim"),
    ("", "Service"),
    ("", "Endpoints"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("keda.sh", "ScaledObject"),
    ("keda.sh", "ScaledJob"),
)


@dataclass(frozen=True)
class ClusterFacts:
    """One cluster as read.

    :param served: what it serves.
    :param objects: by group and kind; kinds that aren't served or may not be read are missing.
    :param clock_skew_seconds: how far its clock is ahead of ours.
    :param unreadable: kinds that could not be read, with the server's reason.
    """

    name: str
    version: str
    identity: str
    served: Discovery
    objects: Mapping[GroupKind, Sequence[Manifest]] = field(default_factory=dict)
    clock_skew_seconds: float = 0.0
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def kind(self, group: str, kind: str) -> Sequence[Manifest]:
        """The objects of a kind; none if it isn't served or wasn't read."""
        return self.objects.get((group, kind), ())

    def names(self, group: str, kind: str) -> set[str]:
        """The names of a cluster-scoped kind's objects."""
        return {str(one["metadata"]["name"]) for one in self.kind(group, kind)}

    def knows(self, group: str, kind: str) -> bool:
        """Whether a kind was read: without that nothing can be said about what is missing."""
        return (group, kind) in self.objects

    def namespace(self, name: str) -> Manifest | None:
        """A namespace, if it exists."""
        return next((one for one in self.kind("", "Namespace") if one["metadata"]["name"] == name), None)


def read_facts(cluster: Cluster, namespaces: Iterable[str]) -> ClusterFacts:
    """Read a cluster once; kinds that may not be read are noted, not fatal.

    :param namespaces: the migration's namespaces in this cluster; those that don't exist yet are fine.
    :raises ClusterError: if the API server can't be reached.
    """
    served = discovery(cluster, refresh=True)
    objects: dict[GroupKind, list[Manifest]] = {}
    unreadable: dict[str, str] = {}
    tasks: list[tuple[ApiResource, str | None]] = [
        (resource, None) for key in _EVERYWHERE if (resource := served.find(*key)) is not None
    ]
    _read(cluster, tasks, objects, unreadable)
    wanted = set(namespaces) | _backend_namespaces(objects)
    tasks = [
        (resource, name)
        for key in _IN_NAMESPACES
        if (resource := served.find(*key)) is not None
        for name in sorted(wanted)
    ]
    _read(cluster, tasks, objects, unreadable)
    return ClusterFacts(
        name=cluster.name,
        version=cluster.version(),
        identity=cluster.identity(),
        served=served,
        objects=objects,
        clock_skew_seconds=cluster.clock_skew_seconds(),
        unreadable=unreadable,
    )


def _read(
    cluster: Cluster,
    tasks: Sequence[tuple[ApiResource, str | None]],
    objects: dict[GroupKind, list[Manifest]],
    unreadable: dict[str, str],
) -> None:
    def read(task: tuple[ApiResource, str | None]) -> list[Manifest] | str:
        resource, namespace = task
        selector = _UNFINISHED if (resource.group, resource.kind) == ("", "Pod") else ""
        try:
            return list_objects(cluster, resource, namespace, field_selector=selector)
        except ApiError as error:
            return str(error)

    for (resource, namespace), found in zip(tasks, cluster.each(read, tasks), strict=True):
        if isinstance(found, str):
            unreadable[resource.qualified + (f" in {namespace}" if namespace else "")] = found
        else:
            objects.setdefault((resource.group, resource.kind), []).extend(found)


def _backend_namespaces(objects: Mapping[GroupKind, Sequence[Manifest]]) -> set[str]:
    """Where the Services behind webhooks and aggregated APIs live."""
    found: set[str] = set()
    for (_, kind), manifests in objects.items():
        for manifest in manifests:
            if kind.endswith("WebhookConfiguration"):
                services = [
                    (hook.get("clientConfig") or {}).get("service") for hook in manifest.get("webhooks") or []
                ]
            elif kind == "APIService":
                services = [(manifest.get("spec") or {}).get("service")]
            else:
                continue
            found |= {str(service["namespace"]) for service in services if service}
    return found


def quantity(value: Any) -> float:
    """A Kubernetes quantity (`500m`, `2Gi`) as a number; nothing counts as 0.

    :raises ValueError: if it isn't one.
    """
    return _parsed(str(value)) if value not in (None, "") else 0.0


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> float:
    from kubernetes.utils.quantity import parse_quantity

    return float(parse_quantity(text))
