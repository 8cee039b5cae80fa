"""The pods that the adapted objects will make, and what each of them asks of a node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migration_ops.cluster import Manifest, ObjectReference
from migration_ops.cluster.podspec import pod_labels_of, pod_spec_of
from migration_ops.migration.readiness_report.facts import quantity
from migration_ops.migration.readiness_report.shapes import trusted

Resources = dict[str, float]


@dataclass(frozen=True)
class PodDemand:
    """Equal pods that one object makes.

    :param object: reference of the object in the target.
    :param count: how many run at a time.
    :param per_node: whether one runs on every node that takes it (DaemonSets); then `count` is 1.
    :param requests: what one pod asks for, by resource; `pods` is always 1.
    """

    object: str
    namespace: str
    labels: Mapping[str, str]
    spec: dict[str, Any]
    count: int
    per_node: bool = False
    requests: Resources = field(default_factory=dict)


def pod_demands(objects: Iterable[Manifest]) -> list[PodDemand]:
    """What will run, by workload; autoscaled workloads count with the least that their autoscaler keeps.

    :param objects: the adapted objects.
    """
    manifests = [trusted(one) for one in objects]
    least = _autoscaled(manifests)
    found = []
    for manifest in manifests:
        reference, spec = ObjectReference.of(manifest), pod_spec_of(manifest)
        if spec is None:
            continue
        count = _count(manifest)
        if count:
            count = max(count, least.get((reference.kind, reference.namespace, reference.name), 0))
        found.append(
            PodDemand(
                object=str(reference),
                namespace=reference.namespace,
                labels=pod_labels_of(manifest),
                spec=spec,
                count=count,
                per_node=reference.group_kind == ("apps", "DaemonSet"),
                requests=pod_requests(spec),
            )
        )
    return found


def pod_requests(spec: Mapping[str, Any], field_name: str = "requests") -> Resources:
    """What a pod asks for, as the scheduler counts it.

    The larger of the sum of its containers (with restartable init containers) and of any init container with
    those restartable ones that began before it, plus overhead. A request that is missing is its limit.

    :param field_name: `requests` or `limits`.
    """
    running: Resources = {}
    peak: Resources = {}
    for container in spec.get("initContainers") or []:
        wanted = _wanted(container, field_name)
        if container.get("restartPolicy") == "Always":
            running = added(running, wanted)
            peak = _larger(peak, running)
        else:
            peak = _larger(peak, added(running, wanted))
    for container in spec.get("containers") or []:
        running = added(running, _wanted(container, field_name))
    total = _larger(running, peak)
    overhead = {name: quantity(value) for name, value in (spec.get("overhead") or {}).items()}
    return added(total, overhead) | {"pods": 1.0}


def added(one: Mapping[str, float], other: Mapping[str, float], times: float = 1.0) -> Resources:
    """The sum of two amounts, the second taken several times."""
    return {name: one.get(name, 0.0) + times * other.get(name, 0.0) for name in {*one, *other}}


def used_by(pods: Sequence[Manifest], demands: Sequence[PodDemand]) -> dict[str, Resources]:
    """What the running pods of each node take, without those that the demands will replace.

    :param pods: unfinished pods of the target.
    """
    replaced: dict[str, list[PodDemand]] = {}
    for demand in demands:
        replaced.setdefault(demand.namespace, []).append(demand)
    used: dict[str, Resources] = {}
    for pod in pods:
        node = (pod.get("spec") or {}).get("nodeName")
        same_namespace = replaced.get(pod["metadata"].get("namespace", ""), ())
        if node and not any(_is_of(pod, demand) for demand in same_namespace):
            used[node] = added(used.get(node, {}), pod_requests(pod["spec"]))
    return used


def _is_of(pod: Manifest, demand: PodDemand) -> bool:
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return bool(demand.labels) and all(labels.get(key) == value for key, value in demand.labels.items())


def _count(manifest: Manifest) -> int:
    spec = manifest.get("spec") or {}
    match manifest["kind"]:
        case "Job":
            return 0 if spec.get("suspend") else int(spec.get("parallelism", 1))
        case "CronJob":
            return 0 if spec.get("suspend") else 1
        case "Pod" | "DaemonSet":
            return 1
        case _:
            return int(spec.get("replicas", 1))


def _autoscaled(manifests: Iterable[Manifest]) -> dict[tuple[str, str, str], int]:
    least = {}
    for manifest in manifests:
        if manifest["kind"] == "HorizontalPodAutoscaler":
            target = (manifest.get("spec") or {}).get("scaleTargetRef") or {}
            key = (target.get("kind", ""), manifest["metadata"].get("namespace", ""), target.get("name", ""))
            least[key] = int(manifest["spec"].get("minReplicas", 1))
    return least


def _wanted(container: Mapping[str, Any], field_name: str) -> Resources:
    resources = container.get("resources") or {}
    wanted = dict(resources.get(field_name) or {})
    if field_name == "requests":
        wanted = {**(resources.get("limits") or {}), **wanted}
    return {name: quantity(value) for name, value in wanted.items()}


def _larger(one: Resources, other: Resources) -> Resources:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in {*one, *other}}
