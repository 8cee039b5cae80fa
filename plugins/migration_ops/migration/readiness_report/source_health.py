"""Whether the source is well enough to be moved: what is broken before can't be told from what we broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migration_ops.cluster import Claim, Manifest, ObjectReference, reference_of
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.migration.readiness_report.scheduling import is_usable

CHECK = "source-health"


def check_source_pods(source: ClusterFacts, namespaces: set[str]) -> list[ReadinessFinding]:
    """Find pods of the migration's namespaces that don't work now.

    :param namespaces: the source's chosen namespaces.
    """
    findings = []
    for pod in source.kind("", "Pod"):
        if pod["metadata"].get("namespace") not in namespaces:
            continue
        if problem := _problem(pod):
            reason = f"doesn't work in the source: {problem}"
            remedy = "mend it first, or know that it will not work in the target either"
            findings.append(finding(CHECK, "warning", reference_of(pod), reason, remedy))
    return findings


def check_source_nodes(source: ClusterFacts, claims: Sequence[Claim]) -> list[ReadinessFinding]:
    """Find nodes that hold volumes and don't take movers.

    :param claims: the volumes that move.
    """
    nodes = {str(one["metadata"]["name"]): one for one in source.kind("", "Node")}
    held: dict[str, list[str]] = {}
    for claim in claims:
        if claim.node:
            held.setdefault(claim.node, []).append(f"{claim.namespace}/{claim.name}")
    findings = []
    for name, volumes in sorted(held.items()):
        node = nodes.get(name)
        if node is None or is_usable(node) or (node.get("spec") or {}).get("unschedulable"):
            continue  # movers tolerate a cordon
        reason = f"isn't ready and holds {', '.join(volumes[:5])}"
        remedy = "bring it back: the volumes can only be read there"
        findings.append(finding(CHECK, "blocker", f"v1/Node//{name}", reason, remedy))
    return findings


def check_stopped(stopped: Mapping[str, str], namespaces: set[str]) -> list[ReadinessFinding]:
    """Find workloads that an open cutover has stopped already.

    :param stopped: the plan that stopped it, by the object's reference (a capture shows such objects as they
        were before).
    :param namespaces: the source's chosen namespaces.
    """
    findings = []
    for name, plan in sorted(stopped.items()):
        if ObjectReference.parse(name).namespace in namespaces:
            reason = f"was stopped by a cutover of plan {plan}"
            remedy = "finish that cutover, or roll it back or resume the source, before another begins"
            findings.append(finding(CHECK, "decision", name, reason, remedy))
    return findings


def _problem(pod: Manifest) -> str | None:
    if pod["metadata"].get("deletionTimestamp"):
        return None
    status = pod.get("status") or {}
    for one in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting: dict[str, Any] = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"container {one['name']} waits: {waiting['reason']}"
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"isn't scheduled: {condition.get('message') or condition.get('reason')}"
        if (
            condition["type"] == "Ready"
            and condition["status"] == "False"
            and status.get("phase") == "Running"
        ):
            return f"isn't ready: {condition.get('message') or condition.get('reason')}"
    return None
