"""What a live cluster tells for a plan: whose it is, what is in its namespaces, what it stores where."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migration_ops.migration.errors import ReadinessError

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

Manifest = dict[str, Any]

_PODS, _WORKLOADS, _CLAIMS = "pods", "workloads", "claims"
# What is counted as what; kinds that a cluster doesn't serve are no loss.
_KINDS = (
    ("", "Pod", _PODS),
    ("apps", "Deployment", _WORKLOADS),
    ("apps", "StatefulSet", _WORKLOADS),
    ("apps", "DaemonSet", _WORKLOADS),
    ("apps", "ReplicaSet", _WORKLOADS),
    ("", "ReplicationController", _WORKLOADS),
    ("batch", "CronJob", _WORKLOADS),
    ("batch", "Job", _WORKLOADS),
    ("argoproj.io", "Rollout", _WORKLOADS),
    ("apps.kruise.io", "CloneSet", _WORKLOADS),
    ("apps.kruise.io", "StatefulSet", _WORKLOADS),
    ("", "PersistentVolumeClaim", _CLAIMS),
)
# Of these only the number counts.
_OTHERS = (("", "Service", "services"), ("", "ConfigMap", "configmaps"))
_EVERYWHERE = frozenset({("Service", "kubernetes"), ("ConfigMap", "kube-root-ca.crt")})
_SHARED_MODES = frozenset({"ReadWriteMany", "ReadOnlyMany"})


@dataclass(frozen=True)
class NamespaceFacts:
    """What a namespace holds.

    :param holds: how many `pods`, `workloads` (without those that another one makes), `claims`, `services`
        and `configmaps` it has; what there is none of, or couldn't be read, is left out.
    :param is_ending: whether it is being deleted.
    """

    holds: dict[str, int] = field(default_factory=dict)
    is_ending: bool = False

    def text(self) -> str:
        """What it holds, in words."""
        found = [f"{count} {word if count > 1 else word[:-1]}" for word, count in self.holds.items() if count]
        return ", ".join(found) or "no pod, workload, claim, service or config map"


@dataclass(frozen=True)
class ClusterFacts:
    """A cluster, as far as a plan needs to know it.

    :param provider: `eks`, `gke`, ...; empty if nothing tells.
    :param version: of Kubernetes.
    :param namespaces: by name, platform namespaces left out.
    :param claims: `NAMESPACE/NAME` of claims by StorageClass; the class of a claim without one is empty.
    :param shared_classes: StorageClasses with a claim that several nodes mount.
    :param classes: names of its StorageClasses, the default one first.
    :param registries: number of images by their registry, on gcr.io by project.
    :param platform: namespaces that are left out, as their names are those of a platform; without
        Kubernetes' own.
    :param unread: what may not be read, each in a few words.
    """

    provider: str
    version: str
    namespaces: dict[str, NamespaceFacts] = field(default_factory=dict)
    claims: dict[str, list[str]] = field(default_factory=dict)
    shared_classes: frozenset[str] = frozenset()
    classes: list[str] = field(default_factory=list)
    registries: dict[str, int] = field(default_factory=dict)
    platform: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def look_at(cluster: Cluster, namespaces: Sequence[str] = ()) -> ClusterFacts:
    """Read from a cluster; nothing is changed, and what may not be read is told.

    :param namespaces: the only ones that count, each read for itself; all but the platform's if there are
        none.
    :raises ReadinessError: if one of them isn't there.
    :raises ClusterError: if the cluster can't be read for another reason than a right that is missing.
    """
    from migration_ops.transform import recognise_provider

    reader = _Reader(cluster, tuple(dict.fromkeys(namespaces)))
    there = reader.namespaces()
    found: dict[str, list[Manifest]] = defaultdict(list)
    for group, kind, word in _KINDS:
        found[word] += [item for item in reader.objects(group, kind) if word == _PODS or not _is_made(item)]
    for group, kind, word in _OTHERS:
        found[word] = [
            item
            for item in reader.objects(group, kind, metadata_only=True)
            if (kind, item["metadata"]["name"]) not in _EVERYWHERE
        ]
    telling = [*reader.of_cluster("", "Node"), *(classes := reader.classes())]
    counts = {word: Counter(_namespace(item) for item in items) for word, items in found.items()}
    names = sorted({*there, *(name for counted in counts.values() for name in counted)})
    images = {image for word in (_PODS, _WORKLOADS) for item in found[word] for image in _images(item)}
    return ClusterFacts(
        provider=recognise_provider(telling) or "",
        version=cluster.version(),
        namespaces={
            name: NamespaceFacts(
                {word: counted[name] for word, counted in counts.items() if counted[name]},
                is_ending=there.get(name, False),
            )
            for name in names
        },
        claims=_by_class(found[_CLAIMS]),
        shared_classes=frozenset(_class_of(claim) for claim in found[_CLAIMS] if _is_shared(claim)),
        classes=[str(one["metadata"]["name"]) for one in classes],
        registries=dict(Counter(_registry(image) for image in images)),
        platform=tuple(reader.platform),
        unread=tuple(reader.unread),
    )


def look_at_target(cluster: Cluster) -> ClusterFacts:
    """What a plan needs to know of a target: its version and StorageClasses."""
    reader = _Reader(cluster, ())
    classes = [str(one["metadata"]["name"]) for one in reader.classes()]
    return ClusterFacts("", cluster.version(), classes=classes, unread=tuple(reader.unread))


class _Reader:
    """Reads what may be read, and notes what may not."""

    def __init__(self, cluster: Cluster, wanted: tuple[str, ...]) -> None:
        from migration_ops.cluster import Selection

        self._cluster = cluster
        self._wanted = wanted
        self._selection = Selection(namespaces_include=(*wanted, "*"))
        self.unread: list[str] = []
        self.platform: list[str] = []

    def namespaces(self) -> dict[str, bool]:
        """Those that count, each with whether it is being deleted."""
        from migration_ops.cluster.selection import KUBERNETES_OWN

        items = [self._one(name) for name in self._wanted] or self.of_cluster("", "Namespace")
        found = {str(item["metadata"]["name"]): item for item in items}
        self.platform = sorted(filter(self._selection.is_platform_namespace, found.keys() - KUBERNETES_OWN))
        return {
            name: (item.get("status") or {}).get("phase") == "Terminating"
            for name, item in found.items()
            if not self._selection.is_platform_namespace(name)
        }

    def _one(self, name: str) -> Manifest:
        from migration_ops.cluster import Forbidden, NotFound

        if self._selection.is_platform_namespace(name):
            raise ReadinessError(f"namespace {name} is Kubernetes' own and stays; name an application's")
        try:
            found: Manifest = self._cluster.get(f"/api/v1/namespaces/{name}", what=f"read namespace {name}")
        except NotFound:
            raise ReadinessError(self._no_such(name)) from None
        except Forbidden:
            self.unread.append(f"whether there is a namespace {name}")
            return {"metadata": {"name": name}}
        return found

    def _no_such(self, name: str) -> str:
        from migration_ops.cluster import ClusterError

        text = f"there is no namespace {name} in {self._cluster.name}"
        try:
            listed = self.of_cluster("", "Namespace")
        except ClusterError:
            listed = []
        known = [str(item["metadata"]["name"]) for item in listed]
        known = [each for each in known if not self._selection.is_platform_namespace(each)]
        return f"{text}; there are {', '.join(known)}" if known else f"{text}; check its spelling"

    def objects(self, group: str, kind: str, *, metadata_only: bool = False) -> list[Manifest]:
        """All of a kind in the namespaces that count."""
        from migration_ops.cluster import Forbidden, discovery
        from migration_ops.cluster.listing import list_objects

        resource = discovery(self._cluster).find(group, kind)
        if resource is None:
            return []
        found: list[Manifest] = []
        for namespace in self._wanted or (None,):
            try:
                found += list_objects(self._cluster, resource, namespace, metadata_only=metadata_only)
            except Forbidden:
                self.unread.append(f"{resource.qualified} in {namespace or 'all namespaces'}")
        return [one for one in found if not self._selection.is_platform_namespace(_namespace(one))]

    def of_cluster(self, group: str, kind: str) -> list[Manifest]:
        """All of a kind that has no namespace."""
        from migration_ops.cluster import Forbidden, discovery
        from migration_ops.cluster.listing import list_objects

        resource = discovery(self._cluster).find(group, kind)
        try:
            return list_objects(self._cluster, resource) if resource else []
        except Forbidden:
            self.unread.append(resource.plural if resource else kind)
            return []

    def classes(self) -> list[Manifest]:
        """StorageClasses, the default one first."""
        from migration_ops.cluster import is_default_class

        found = self.of_cluster("storage.k8s.io", "StorageClass")
        return sorted(found, key=lambda one: (not is_default_class(one), one["metadata"]["name"]))


def _namespace(item: Manifest) -> str:
    return str(item["metadata"]["namespace"])


def _is_made(item: Manifest) -> bool:
    """Whether another object makes it, as a Deployment makes its ReplicaSets."""
    return any(owner.get("controller") for owner in item["metadata"].get("ownerReferences") or [])


def _by_class(claims: Sequence[Manifest]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for claim in claims:
        found.setdefault(_class_of(claim), []).append(f"{_namespace(claim)}/{claim['metadata']['name']}")
    return found


def _class_of(claim: Manifest) -> str:
    return str((claim.get("spec") or {}).get("storageClassName") or "")


def _is_shared(claim: Manifest) -> bool:
    return bool(_SHARED_MODES & set((claim.get("spec") or {}).get("accessModes") or []))


def _images(item: Manifest) -> Iterator[str]:
    """Full names of the images of a pod, or of what makes pods."""
    from migration_ops.cluster.podspec import pod_spec_of
    from migration_ops.transform.images import full_name

    spec = pod_spec_of(item) or {}
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        if container.get("image"):
            yield full_name(str(container["image"]))


def _registry(image: str) -> str:
    """An image's registry; gcr.io holds what everybody may pull beside what nobody else may."""
    host, _, rest = image.partition("/")
    return f"{host}/{rest.partition('/')[0]}/" if host == "gcr.io" and "/" in rest else f"{host}/"
