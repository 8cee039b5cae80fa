"""Pods that no node of the target takes, whatever is free there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from migration_ops.cluster import Manifest
from migration_ops.migration.readiness_report.facts import quantity
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.migration.readiness_report.pods import PodDemand
from migration_ops.migration.readiness_report.scheduling import is_usable, why_not

CHECK = "placement"
_COUNTED_ELSEWHERE = frozenset({"cpu", "memory", "pods", "ephemeral-storage"})


def check_placement(demands: Sequence[PodDemand], nodes: Sequence[Manifest]) -> list[ReadinessFinding]:
    """Find selectors, affinities, taints and extended resources that leave a pod without a node.

    :param demands: what will run.
    :param nodes: the target's nodes.
    """
    findings = [
        finding(CHECK, "warning", f"v1/Node//{one['metadata']['name']}", *_UNUSABLE)
        for one in nodes
        if not is_usable(one)
    ]
    usable = [one for one in nodes if is_usable(one)]
    if not usable:
        reason = f"none of the {len(nodes)} nodes is ready and takes pods"
        return [*findings, finding(CHECK, "blocker", "target", reason, "add nodes, or make them ready")]
    for demand in demands:
        if not demand.count:
            continue
        special = any(amount and name not in _COUNTED_ELSEWHERE for name, amount in demand.requests.items())
        if not special and any(why_not(node, demand.spec) is None for node in usable):
            continue
        reasons = [why_not(node, demand.spec) for node in usable]
        if all(reasons):
            counted = Counter(str(reason) for reason in reasons)
            text = "; ".join(f"{reason} ({number} nodes)" for reason, number in counted.most_common(3))
            findings.append(
                finding(
                    CHECK,
                    "warning" if demand.per_node else "blocker",
                    demand.object,
                    f"no node of the target takes its pods: {text}",
                    "label or untaint nodes of the target, or drop the requirement with a rule",
                )
            )
            continue
        findings += _extended(demand, [node for node, no in zip(usable, reasons, strict=True) if not no])
    return findings


_UNUSABLE = ("isn't ready or is cordoned", "bring it back before the cutover if it is meant to carry load")


def _extended(demand: PodDemand, nodes: Sequence[Manifest]) -> list[ReadinessFinding]:
    found = []
    for name, amount in sorted(demand.requests.items()):
        if name in _COUNTED_ELSEWHERE or not amount:
            continue
        offered = max(quantity((node["status"].get("allocatable") or {}).get(name)) for node in nodes)
        if offered < amount:
            reason = (
                f"asks for {amount:g} {name} and no node that takes its pods offers more than {offered:g}"
            )
            remedy = "add nodes with it (device plugin, GPU), or map the resource's name with a rule"
            found.append(finding(CHECK, "blocker", demand.object, reason, remedy))
    return found
