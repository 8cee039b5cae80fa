"""What workloads name and the target must have of its own: classes, schedulers, accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from migration_ops.cluster import Manifest, ObjectReference, reference_of
from migration_ops.cluster.podspec import config_maps, secrets
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding, Severity, finding
from migration_ops.migration.readiness_report.pods import PodDemand

CHECK = "prerequisites"
_BUILT_IN_PRIORITIES = frozenset({"system-cluster-critical", "system-node-critical"})
_USUAL_SCHEDULERS = frozenset({"", "default-scheduler"})


def check_prerequisites(
    objects: Sequence[Manifest], demands: Sequence[PodDemand], target: ClusterFacts
) -> list[ReadinessFinding]:
    """Find names that neither come along nor exist in the target.

    :param objects: the adapted objects.
    :param demands: the pods that they make.
    """
    findings = []
    for kind, severity, where, name in _named(objects, demands):
        group, word = kind
        if not target.knows(group, word):
            continue
        if name not in target.names(group, word) | _coming(objects, kind):
            offered = ", ".join(sorted(target.names(group, word))[:8]) or "none"
            reason = f"names {word} {name}, which the target doesn't have"
            remedy = f"make it there, take it along, or change the name with a rule; there are: {offered}"
            findings.append(finding(CHECK, severity, where, reason, remedy))
    for demand in demands:
        scheduler = demand.spec.get("schedulerName") or ""
        if scheduler not in _USUAL_SCHEDULERS:
            reason = f"wants scheduler {scheduler}; without it in the target its pods stay Pending"
            findings.append(
                finding(CHECK, "decision", demand.object, reason, "install it, or drop schedulerName")
            )
    return findings + _missing_configuration(objects, demands)


def check_target_references(
    demands: Sequence[PodDemand], objects: Sequence[Manifest], target: ClusterFacts
) -> list[ReadinessFinding]:
    """Find ServiceAccounts that pods run as and that neither come along nor exist.

    :param demands: the pods.
    :param objects: the adapted objects.
    """
    has = {
        (str(one["metadata"].get("namespace")), str(one["metadata"]["name"]))
        for one in [
            *target.kind("", "ServiceAccount"),
            *(item for item in objects if item["kind"] == "ServiceAccount"),
        ]
    }
    findings = []
    for demand in demands:
        name = demand.spec.get("serviceAccountName") or demand.spec.get("serviceAccount") or "default"
        if name != "default" and (demand.namespace, name) not in has:
            reason = (
                f"runs as ServiceAccount {name}, which neither comes along nor exists in {demand.namespace}"
            )
            findings.append(
                finding(CHECK, "blocker", demand.object, reason, "take it along, or make it there")
            )
    return findings


def _named(
    objects: Sequence[Manifest], demands: Sequence[PodDemand]
) -> Iterator[tuple[tuple[str, str], Severity, str, str]]:
    for item in objects:
        if ObjectReference.of(item).group_kind == ("networking.k8s.io", "Ingress"):
            name = (item.get("spec") or {}).get("ingressClassName")
            if name:
                # Without its class it is accepted all the same, and nothing serves it.
                yield ("networking.k8s.io", "IngressClass"), "decision", reference_of(item), name
    for demand in demands:
        priority = demand.spec.get("priorityClassName")
        if priority and priority not in _BUILT_IN_PRIORITIES:
            yield ("scheduling.k8s.io", "PriorityClass"), "blocker", demand.object, priority
        if runtime := demand.spec.get("runtimeClassName"):
            yield ("node.k8s.io", "RuntimeClass"), "blocker", demand.object, runtime


def _coming(objects: Sequence[Manifest], kind: tuple[str, str]) -> set[str]:
    return {str(one["metadata"]["name"]) for one in objects if ObjectReference.of(one).group_kind == kind}


def _missing_configuration(
    objects: Sequence[Manifest], demands: Sequence[PodDemand]
) -> list[ReadinessFinding]:
    """ConfigMaps and Secrets that pods can't start without and that don't come along."""
    has = {
        (one["kind"], str(one["metadata"].get("namespace")), str(one["metadata"]["name"]))
        for one in objects
        if one["kind"] in {"ConfigMap", "Secret"}
    }
    findings = []
    for demand in demands:
        optional = _optional_names(demand.spec)
        for kind, pairs in (("ConfigMap", config_maps(demand.spec)), ("Secret", secrets(demand.spec))):
            for name, use in pairs:
                made_there = (kind, name) == ("ConfigMap", "kube-root-ca.crt")
                if not name or made_there or (kind, name) in optional:
                    continue
                if (kind, demand.namespace, name) not in has:
                    reason = f"needs {kind} {name} ({use}), which doesn't come along"
                    severity: Severity = "warning" if use == "image pull secret" else "decision"
                    remedy = "take it along, or make sure that the target makes it"
                    findings.append(finding(CHECK, severity, demand.object, reason, remedy))
    return list(dict.fromkeys(findings))


def _optional_names(value: Any) -> set[tuple[str, str]]:
    """ConfigMaps and Secrets that the pod says it can do without."""
    found: set[tuple[str, str]] = set()
    if isinstance(value, dict):
        for key, below in value.items():
            if isinstance(below, dict) and below.get("optional"):
                kind = "ConfigMap" if key.lower().startswith("configmap") else "Secret"
                found.add((kind, str(below.get("name") or below.get("secretName"))))
            found |= _optional_names(below)
    elif isinstance(value, list):
        for one in value:
            found |= _optional_names(one)
    return found
