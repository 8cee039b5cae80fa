"""Names in the plan that mean nothing in the clusters: a wave, a hook or a probe that would find nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from migration_ops.cluster import Capture, Manifest
from migration_ops.cluster.podspec import pod_spec_of
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.finding import ReadinessFinding, Severity, finding

CHECK = "plan"


def check_waves(plan: Plan, capture: Capture) -> list[ReadinessFinding]:
    """Find entries of `quiesce.waves` that name no workload.

    :param capture: the source as captured.
    """
    workloads = _workloads(one.manifest for one in capture.objects)
    return [
        finding(
            CHECK,
            "warning",
            f"quiesce.waves[{number}]",
            f"{pattern} names no workload of the source",
            "correct the name; what no wave names is stopped after them",
        )
        for number, wave in enumerate(plan.quiesce.waves or [])
        for pattern in wave
        if not any(_matches(pattern, workload) for workload in workloads)
    ]


def check_hooks_and_probes(
    plan: Plan, capture: Capture, objects: Sequence[Manifest]
) -> list[ReadinessFinding]:
    """Find hooks without a pod in the source, and probes without a Service or pod in the target.

    :param capture: the source as captured.
    :param objects: the adapted objects.
    """
    findings = []
    here = _workloads(one.manifest for one in capture.objects)
    for number, hook in enumerate(plan.quiesce.hooks):
        command = hook.exec  # what a `patch` changes may lie outside of the selection: the hook itself tells
        if command is None or "/" not in command.pod:
            continue
        if not any(_matches(command.pod, workload) for workload in here):
            reason = f"{command.pod} is no workload of the source"
            where = f"quiesce.hooks[{number}]"
            severity: Severity = "blocker" if command.on_error == "fail" else "warning"
            findings.append(_reference(severity, where, reason))
    there = _workloads(objects)
    services = {
        (str(one["metadata"].get("namespace")), str(one["metadata"]["name"]))
        for one in objects
        if one["kind"] == "Service"
    }
    for number, probe in enumerate(plan.verify.probes):
        where = f"verify.probes[{number}]"
        if probe.http is not None:
            wanted, space = probe.http.service, probe.http.namespace
            if not any(name == wanted and space in (None, namespace) for namespace, name in services):
                findings.append(
                    _reference("blocker", where, f"Service {wanted} isn't among the adapted objects")
                )
        elif probe.exec is not None and "/" in (pod := probe.exec.pod):
            found = any(_matches(pod, workload) for workload in there)
            findings += (
                [] if found else [_reference("blocker", where, f"{pod} isn't among the adapted objects")]
            )
    if not plan.verify.probes:
        reason = "the plan asks the application nothing after the move"
        remedy = "add a probe (HTTP or a query) that only a working application answers"
        findings.append(finding(CHECK, "warning", "verify.probes", reason, remedy))
    return findings


def _reference(severity: Severity, where: str, reason: str) -> ReadinessFinding:
    return finding(CHECK, severity, where, reason, "correct the name in the plan")


def _workloads(manifests: Iterable[Manifest]) -> list[tuple[str, str, str]]:
    """(namespace, kind, name) of everything that runs pods."""
    return [
        (str(one["metadata"].get("namespace")), one["kind"].lower(), str(one["metadata"]["name"]))
        for one in manifests
        if pod_spec_of(one) is not None
    ]


def _matches(pattern: str, workload: tuple[str, str, str]) -> bool:
    _, kind, name = workload
    parts = pattern.lower().split("/")
    if len(parts) == 3:
        return all(fnmatchcase(text, part) for text, part in zip(workload, parts, strict=True))
    return len(parts) == 2 and fnmatchcase(kind, parts[0]) and fnmatchcase(name, parts[1])
