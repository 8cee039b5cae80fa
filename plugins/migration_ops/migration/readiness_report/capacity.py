"""Whether the target's nodes have room for all pods at once.

Pods are packed first-fit decreasing: the largest first, each on the first node that takes it and has room
(D. S. Johnson, "Near-optimal bin packing algorithms", 1973: at most 11/9 of the best packing plus a
constant). What this packing places, the cluster can hold. What it can't place is certain only when the pod
fits on no node even alone, or when the sum of all requests is more than what is free; otherwise it is said as
a warning, since another packing might exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migration_ops.cluster import Manifest
from migration_ops.cluster.labels import LabelSelector
from migration_ops.migration.readiness_report.facts import quantity
from migration_ops.migration.readiness_report.finding import ReadinessFinding, Severity, finding
from migration_ops.migration.readiness_report.pods import PodDemand, Resources, added, used_by
from migration_ops.migration.readiness_report.scheduling import is_usable, why_not

CHECK = "capacity"
_REMEDY = "add nodes to the target, or lower requests or replicas with a rule"


@dataclass
class _Room:
    """One node while it is filled."""

    node: Manifest
    free: Resources
    holds: list[PodDemand] = field(default_factory=list)

    def takes(self, demand: PodDemand) -> bool:
        """Whether one more pod fits."""
        fits = all(self.free.get(name, 0.0) >= amount for name, amount in demand.requests.items() if amount)
        return fits and not (_keeps_apart(demand) and demand in self.holds)

    def put(self, demand: PodDemand) -> None:
        """Take the pod's requests away."""
        self.free = added(self.free, demand.requests, -1.0)
        self.holds.append(demand)


def check_capacity(
    demands: Sequence[PodDemand],
    nodes: Sequence[Manifest],
    pods: Sequence[Manifest],
    *,
    scales: bool = False,
) -> list[ReadinessFinding]:
    """Pack all pods on the target's nodes and name what finds no room.

    :param demands: what will run.
    :param nodes: the target's nodes.
    :param pods: what runs there already.
    :param scales: whether the target adds nodes by itself; then nothing here is a blocker.
    """
    used = used_by(pods, demands)
    rooms = [
        _Room(node, added(_allocatable(node), used.get(node["metadata"]["name"], {}), -1.0))
        for node in nodes
        if is_usable(node)
    ]
    if not rooms:
        return []  # `placement` says so
    findings = [
        finding(CHECK, "warning", demand.object, f"no room on {', '.join(missing)}", _REMEDY)
        for demand in demands
        if demand.per_node and (missing := _everywhere(demand, rooms))
    ]
    before = [dict(room.free) for room in rooms]
    size = _Size(rooms)
    unplaced: dict[str, int] = {}
    for demand in sorted((d for d in demands if not d.per_node), key=size.of, reverse=True):
        left = demand.count
        for room in rooms:  # equal pods: what a node doesn't take once, it doesn't take at all
            if left and room.takes(demand) and why_not(room.node, demand.spec) is None:
                while left and room.takes(demand):
                    room.put(demand)
                    left -= 1
        if left:
            unplaced[demand.object] = left
    findings += [
        _no_room(demand, unplaced[demand.object], rooms, before, demands, scales=scales)
        for demand in demands
        if demand.object in unplaced and any(why_not(room.node, demand.spec) is None for room in rooms)
    ]
    return findings


def adds_nodes_itself(config_maps: Sequence[str], nodes: Sequence[Manifest]) -> bool:
    """Whether an autoscaler or virtual nodes make room when it is needed.

    :param config_maps: names of the ConfigMaps in the target's kube-system.
    """
    virtual = any((node["metadata"].get("labels") or {}).get("type") == "virtual-kubelet" for node in nodes)
    return virtual or "cluster-autoscaler-status" in config_maps


def _no_room(
    demand: PodDemand,
    missing: int,
    rooms: Sequence[_Room],
    before: Sequence[Resources],
    demands: Sequence[PodDemand],
    *,
    scales: bool,
) -> ReadinessFinding:
    wanted = ", ".join(f"{amount:g} {name}" for name, amount in sorted(_shown(demand.requests).items()))
    alone = any(
        why_not(room.node, demand.spec) is None
        and all(free.get(name, 0.0) >= amount for name, amount in demand.requests.items() if amount)
        for room, free in zip(rooms, before, strict=True)
    )
    short = _short_of(before, demands)
    severity: Severity = "blocker"
    if not alone:
        reason = f"no node has {wanted} free for one pod of it"
    elif _keeps_apart(demand):
        reason = f"its anti-affinity wants a node for each of {demand.count} pods; {missing} get none"
    elif short:
        lacking = ", ".join(f"{amount:g} {name}" for name, amount in sorted(short.items()))
        reason = f"{missing} of {demand.count} pods ({wanted} each) find no room: {lacking} too little in all"
    else:
        severity = "warning"
        reason = (
            f"{missing} of {demand.count} pods ({wanted} each) may find no room: what is free is scattered"
        )
    if scales:
        return finding(
            CHECK, "info", demand.object, reason, "the target adds nodes by itself; this takes time"
        )
    return finding(CHECK, severity, demand.object, reason, _REMEDY)


def _everywhere(demand: PodDemand, rooms: Sequence[_Room]) -> list[str]:
    """Put one pod on each node that takes it; returns the nodes without room."""
    missing = []
    for room in rooms:
        if why_not(room.node, demand.spec) is None:
            if room.takes(demand):
                room.put(demand)
            else:
                missing.append(str(room.node["metadata"]["name"]))
    return missing


def _short_of(before: Sequence[Resources], demands: Sequence[PodDemand]) -> Resources:
    """By how much all requests together exceed what is free."""
    wanted: Resources = {}
    for demand in demands:
        if not demand.per_node:
            wanted = added(wanted, demand.requests, float(demand.count))
    free: Resources = {}
    for one in before:
        free = added(free, one)
    return {
        name: amount - free.get(name, 0.0) for name, amount in wanted.items() if amount > free.get(name, 0.0)
    }


def _keeps_apart(demand: PodDemand) -> bool:
    """Whether no two of these pods may share a node."""
    affinity: Mapping[str, Any] = (demand.spec.get("affinity") or {}).get("podAntiAffinity") or {}
    for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or []:
        selector = LabelSelector.of_manifest(term.get("labelSelector"))
        if (
            term.get("topologyKey") == "kubernetes.io/hostname"
            and selector
            and selector.matches(demand.labels)
        ):
            return True
    ports = [port for one in demand.spec.get("containers") or [] for port in one.get("ports") or []]
    return any(port.get("hostPort") for port in ports)


class _Size:
    """How large a pod is: its greatest share of all that is free."""

    def __init__(self, rooms: Sequence[_Room]) -> None:
        self._free: Resources = {}
        for room in rooms:
            self._free = added(self._free, room.free)

    def of(self, demand: PodDemand) -> float:
        return max(
            (amount / self._free[name] for name, amount in demand.requests.items() if self._free.get(name)),
            default=0.0,
        )


def _allocatable(node: Manifest) -> Resources:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return {name: quantity(value) for name, value in allocatable.items()}


def _shown(requests: Mapping[str, float]) -> dict[str, float]:
    return {name: amount for name, amount in requests.items() if amount and name != "pods"}
