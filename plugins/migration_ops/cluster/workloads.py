"""Finds what runs in the chosen namespaces, and sorts it into the waves in which it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import QuiesceError
from migration_ops.cluster.exclusions import is_our_own
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.labels import LabelSelector
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.podspec import claim_names, pod_labels_of, pod_spec_of
from migration_ops.cluster.readiness_rules import RULES
from migration_ops.cluster.reference import (
    Manifest,
    ObjectReference,
    controller_of,
    reference_of,
    split_api_version,
)
from migration_ops.cluster.suspension import GITOPS, SUSPENSIONS, noted_state

TRIGGERS_WAVE = 0
"""CronJobs, autoscalers and GitOps: they would start again what is stopped, so they are stopped first."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that runs pods or makes others run them.

    :param manifest: the object as it was read.
    :param resource: its kind.
    :param wave: in which wave it is stopped.
    """

    manifest: Manifest
    resource: ApiResource
    wave: int = TRIGGERS_WAVE

    @property
    def is_ready(self) -> bool:
        """Whether it did its work when it was read."""
        rule = RULES.get(self.reference.group_kind)
        return rule is None or rule(self.manifest) is None

    @property
    def reference(self) -> ObjectReference:
        """The object's name."""
        return ObjectReference.of(self.manifest)

    @property
    def selector(self) -> LabelSelector | None:
        """Selects this workload's pods."""
        selector = (self.manifest.get("spec") or {}).get("selector")
        if selector is None:
            return None
        if self.reference.kind == "ReplicationController":
            return LabelSelector.of_map(selector)
        return LabelSelector.of_manifest(selector)


@dataclass(frozen=True, slots=True)
class Running:
    """What was found in the namespaces.

    :param workloads: everything that can be stopped, without its wave.
    :param bare_pods: running pods without a controller.
    :param warnings: what may start again by itself.
    """

    workloads: list[Workload]
    bare_pods: list[Manifest]
    warnings: list[str] = field(default_factory=list)


def find_running(
    cluster: Cluster,
    served: Discovery,
    namespaces: Sequence[str],
    chosen: Callable[[Manifest], bool] = lambda _: True,
) -> Running:
    """Find everything that runs in some namespaces, and the GitOps objects that deploy into them.

    :param cluster: the cluster.
    :param served: what it serves.
    :param namespaces: where to look.
    :param chosen: tells whether a workload belongs to the migration.
    """
    tasks = [
        (resource, namespace)
        for group, kind in SUSPENSIONS
        if (resource := served.find(group, kind)) is not None
        for namespace in ([None] if (group, kind) in GITOPS else namespaces)
    ]
    pods = served.find("", "Pod")
    workloads: list[Workload] = []
    warnings: list[str] = []
    found = cluster.each(lambda task: list_objects(cluster, task[0], task[1]), tasks)
    for (resource, _), objects in zip(tasks, found, strict=True):
        for manifest in objects:
            group_kind = (resource.group, resource.kind)
            if group_kind in GITOPS:
                if _deploys_into(manifest, namespaces):
                    workloads.append(Workload(manifest, resource))
            elif _is_stopped_itself(manifest) and (chosen(manifest) or noted_state(manifest)):
                workloads.append(Workload(manifest, resource))
                if warning := _kept_by_operator(manifest):
                    warnings.append(warning)
    bare = [
        pod
        for listed in (
            cluster.each(lambda name: list_objects(cluster, pods, name), namespaces) if pods else ()
        )
        for pod in listed
        if _is_bare(pod) and chosen(pod)
    ]
    return Running(workloads, bare, warnings)


def into_waves(workloads: Iterable[Workload], waves: Sequence[Sequence[str]] | None) -> list[Workload]:
    """Give each workload its wave, 0 for triggers, then 1 and up.

    :param workloads: as found.
    :param waves: patterns ``kind/name`` or ``namespace/kind/name`` per wave; what no pattern names is stopped
        after them. Without waves: what mounts no claim, then the rest: on resume, databases come first.
    :raises QuiesceError: when a pattern names nothing, which is likely a typing error in the plan.
    """
    workloads = list(workloads)
    unused = {pattern for wave in waves or () for pattern in wave}
    placed: list[Workload] = []
    for workload in workloads:
        number = _wave_number(workload, waves, unused)
        placed.append(Workload(workload.manifest, workload.resource, number))
    if unused:
        message = (
            f"quiesce.waves names {', '.join(sorted(unused))}, which matches no workload; "
            f"there are {', '.join(sorted(_pattern_name(one) for one in workloads)) or 'none'}"
        )
        raise QuiesceError(message)
    return sorted(placed, key=lambda one: (one.wave, one.reference))


def _wave_number(workload: Workload, waves: Sequence[Sequence[str]] | None, unused: set[str]) -> int:
    namespace, name = workload.reference.namespace, _pattern_name(workload)
    named = 0
    for number, wave in enumerate(waves or (), start=1):
        for pattern in wave:
            if fnmatchcase(name, pattern.lower()) or fnmatchcase(f"{namespace}/{name}", pattern.lower()):
                unused.discard(pattern)
                named = named or number
    if not SUSPENSIONS[workload.reference.group_kind].runs_pods:
        return TRIGGERS_WAVE
    if named:
        return named
    if waves:
        return len(waves) + 1
    return 2 if mounts_claims(workload.manifest) else 1


def _pattern_name(workload: Workload) -> str:
    return f"{workload.reference.kind.lower()}/{workload.reference.name}"


def mounts_claims(manifest: Manifest) -> bool:
    """Tell whether a workload's pods mount any claim.

    :param manifest: the workload.
    """
    spec = manifest.get("spec") or {}
    return bool(spec.get("volumeClaimTemplates") or claim_names(pod_spec_of(manifest) or {}))


def pods_of(workloads: Sequence[Workload], pods: Iterable[Manifest]) -> list[Manifest]:
    """Return the pods that belong to some workloads.

    :param workloads: the workloads.
    :param pods: all pods of their namespaces.
    """
    selectors = [(one.reference.namespace, one.selector) for one in workloads]
    return [
        pod
        for pod in pods
        if controller_of(pod) is not None
        and any(
            namespace == pod["metadata"]["namespace"]
            and selector is not None
            and selector.matches(pod_labels_of(pod))
            for namespace, selector in selectors
        )
    ]


def _is_stopped_itself(manifest: Manifest) -> bool:
    """Children of a known workload stop with their parent; a CronJob's running Jobs do not."""
    if is_our_own(manifest):
        return False
    owner = controller_of(manifest)
    if owner is None or manifest["kind"] == "Job":
        return True
    group, _ = split_api_version(owner["apiVersion"])
    return (group, owner["kind"]) not in SUSPENSIONS


def _kept_by_operator(manifest: Manifest) -> str | None:
    owner = controller_of(manifest)
    if owner is None or (split_api_version(owner["apiVersion"])[0], owner["kind"]) in SUSPENSIONS:
        return None
    return (
        f"{reference_of(manifest)} is kept by {owner['kind']} {owner['name']}, "
        "whose operator may start it again; pause that in a hook of the plan"
    )


def _is_bare(pod: Manifest) -> bool:
    running = (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
    mirror = "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {})
    return running and not mirror and controller_of(pod) is None and not is_our_own(pod)


def _deploys_into(manifest: Manifest, namespaces: Sequence[str]) -> bool:
    """Whether a GitOps object keeps objects in one of the namespaces as they are in git."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    places = {
        (spec.get("destination") or {}).get("namespace"),
        spec.get("targetNamespace"),
        spec.get("storageNamespace"),
    }
    places |= {one.get("namespace") for one in status.get("resources") or []}
    # Flux writes its inventory as NAMESPACE_NAME_GROUP_KIND.
    inventory = (status.get("inventory") or {}).get("entries") or []
    places |= {one.get("id", "").split("_")[0] for one in inventory}
    if manifest["kind"] == "HelmRelease" and not spec.get("targetNamespace"):
        places.add(manifest["metadata"].get("namespace"))
    return any(place in namespaces for place in places if place)
