"""What a live cluster tells for a plan: whose it is, what runs there, what it stores where."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class ClusterFacts:
    """A cluster, as far as a plan needs to know it.

    :param provider: `eks`, `gke`, ...; empty if nothing tells.
    :param version: of Kubernetes.
    :param workloads: number of pods by namespace, platform namespaces left out.
    :param claims: `NAMESPACE/NAME` of claims by StorageClass; the class of a claim without one is empty.
    :param classes: names of its StorageClasses, the default one first.
    :param registries: number of containers by their image's registry and its first folders.
    """

    provider: str
    version: str
    workloads: dict[str, int] = field(default_factory=dict)
    claims: dict[str, list[str]] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    registries: dict[str, int] = field(default_factory=dict)


def look_at(cluster: Cluster, namespaces: Sequence[str] = ()) -> ClusterFacts:
    """Read from a cluster; nothing is changed, and what may not be read is left out.

    :param namespaces: the only ones that count; all but the platform's if there are none.
    """
    from migration_ops.cluster import Forbidden, Selection, discovery, storage_classes
    from migration_ops.cluster.listing import list_objects
    from migration_ops.migration.adaptation import provider_of

    selection = Selection()

    def all_of(kind: str) -> list[Manifest]:
        resource = discovery(cluster).find("", kind)
        if resource is None:
            return []
        with contextlib.suppress(Forbidden):
            return [
                item
                for item in list_objects(cluster, resource)
                if (name := item["metadata"]["namespace"]) in (namespaces or [name])
                and not selection.is_platform_namespace(name)
            ]
        return []

    pods, claims = all_of("Pod"), all_of("PersistentVolumeClaim")
    classes: list[str] = []
    with contextlib.suppress(Forbidden):
        classes = [str(one["metadata"]["name"]) for one in storage_classes(cluster)]
    return ClusterFacts(
        provider=provider_of(cluster),
        version=cluster.version(),
        workloads=dict(Counter(str(pod["metadata"]["namespace"]) for pod in pods)),
        claims=_by_class(claims),
        classes=classes,
        registries=dict(Counter(registry for pod in pods for registry in _registries(pod))),
    )


def _by_class(claims: Sequence[Manifest]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for claim in claims:
        name = (claim.get("spec") or {}).get("storageClassName") or ""
        found.setdefault(name, []).append(f"{claim['metadata']['namespace']}/{claim['metadata']['name']}")
    return found


def _registries(pod: Manifest) -> list[str]:
    """Prefixes of a pod's images: the registry's host, on public ones with the first folder."""
    from migration_ops.transform.images import full_name

    spec = pod.get("spec") or {}
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    names = [full_name(str(container.get("image") or "")) for container in containers]
    return [f"{name.partition('/')[0]}/" for name in names if "/" in name]
