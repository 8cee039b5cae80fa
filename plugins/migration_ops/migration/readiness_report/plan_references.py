"""Names in the plan that mean nothing in the clusters: a wave, a hook or a probe that would find nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from migration_ops.cluster import Capture, Manifest, ObjectReference, reference_of
from migration_ops.cluster.podspec import pod_spec_of
from migration_ops.cluster.suspension import SUSPENSIONS
from migration_ops.migration.plan import Plan
from migration_ops.migration.plan_verify import HttpProbe
from migration_ops.migration.readiness_report.finding import ReadinessFinding, Severity, finding

CHECK = "plan"


def check_waves(plan: Plan, capture: Capture) -> list[ReadinessFinding]:
    """Find entries of `quiesce.waves` that name no workload: the stop refuses them, to guard against typos.

    :param capture: the source as captured.
    """
    workloads = _stoppable(ObjectReference.of(one.manifest) for one in capture.objects)
    beside = _stoppable(_parsed(one.object for one in capture.left_out))
    findings = []
    for number, wave in enumerate(plan.quiesce.waves or []):
        for pattern in wave:
            if any(_matches(pattern, workload) for workload in workloads):
                continue
            is_pod = pattern.lower().split("/")[-2] == "pod"
            # What isn't chosen may be stopped all the same, since it mounts a volume.
            severity: Severity = "warning" if any(_matches(pattern, one) for one in beside) else "blocker"
            remedy = "pods without controller are stopped after all waves" if is_pod else "correct the name"
            findings.append(
                finding(
                    CHECK,
                    severity,
                    f"quiesce.waves[{number}]",
                    f"{pattern} names no workload of the source, which the stop refuses",
                    f"{remedy}; what no wave names is stopped after them",
                )
            )
    return findings


def check_budgets(plan: Plan, capture: Capture) -> list[ReadinessFinding]:
    """Find PodDisruptionBudgets that a stop which respects them would not get past.

    :param capture: the source as captured.
    """
    if plan.quiesce.disruption_budgets != "respect":
        return []
    return [
        finding(
            CHECK,
            "blocker",
            reference_of(one.manifest),
            "doesn't allow all its pods to go, and quiesce.disruption_budgets is respect",
            "set quiesce.disruption_budgets to override, or relax the budget",
        )
        for one in capture.objects
        if one.manifest["kind"] == "PodDisruptionBudget" and _forbids(one.manifest)
    ]


def _forbids(budget: Manifest) -> bool:
    spec, status = budget.get("spec") or {}, budget.get("status") or {}
    if spec.get("maxUnavailable") == "100%" or spec.get("minAvailable") in {0, "0", "0%"}:
        return False
    return bool(status.get("disruptionsAllowed", 0) < status.get("currentHealthy", 0))


def check_hooks_and_probes(
    plan: Plan, capture: Capture, objects: Sequence[Manifest]
) -> list[ReadinessFinding]:
    """Find hooks without a pod in the source, and probes without a Service or pod in the target.

    :param capture: the source as captured.
    :param objects: the adapted objects.
    """
    findings = []
    here = [one.manifest for one in capture.objects]
    for number, hook in enumerate(plan.quiesce.hooks):
        command = hook.exec  # what a `patch` changes may lie outside of the selection: the hook itself tells
        if command is None:
            continue
        if problem := _no_place(command.pod, command.container, here, "no workload of the source"):
            severity: Severity = "blocker" if command.on_error == "fail" else "warning"
            findings.append(_reference(severity, f"quiesce.hooks[{number}]", problem))
    for number, probe in enumerate(plan.verify.probes):
        problem = ""
        if probe.http is not None:
            problem = _no_service(probe.http, objects)
        elif probe.exec is not None:
            pod, container = probe.exec.pod, probe.exec.container
            problem = _no_place(pod, container, objects, "not among the adapted objects")
        if problem:
            findings.append(_reference("blocker", f"verify.probes[{number}]", problem))
    if not plan.verify.probes:
        reason = "the plan asks the application nothing after the move"
        remedy = "add a probe (HTTP or a query) that only a working application answers"
        findings.append(finding(CHECK, "warning", "verify.probes", reason, remedy))
    return findings


def _no_place(pod: str, container: str | None, manifests: Iterable[Manifest], missing: str) -> str:
    """Why a command would find no container; nothing if it would, or if only a pod's name is given."""
    if "/" not in pod:
        return ""
    found = [one for one in manifests if pod_spec_of(one) is not None and _matches(pod, _named(one))]
    if not found:
        return f"{pod} is {missing}"
    if all((one.get("spec") or {}).get("replicas", 1) == 0 for one in found):
        return f"{pod} has no replicas, so there is no pod to run a command in"
    names = {
        str(one.get("name")) for item in found for one in (pod_spec_of(item) or {}).get("containers") or []
    }
    if container and container not in names:
        return f"{pod} has no container {container}; there are {', '.join(sorted(names))}"
    return ""


def _no_service(probe: HttpProbe, objects: Iterable[Manifest]) -> str:
    """Why a request would reach nothing; nothing if it would."""
    found = [
        one
        for one in objects
        if one["kind"] == "Service"
        and one["metadata"]["name"] == probe.service
        and probe.namespace in (None, str(one["metadata"].get("namespace")))
    ]
    if not found:
        return f"Service {probe.service} isn't among the adapted objects"
    ports = [port for one in found for port in (one.get("spec") or {}).get("ports") or []]
    known = [str(name) for port in ports for name in (port.get("port"), port.get("name")) if name]
    if ports and str(probe.port) not in known:
        return f"Service {probe.service} has no port {probe.port}; there are {', '.join(known)}"
    return ""


def _reference(severity: Severity, where: str, reason: str) -> ReadinessFinding:
    return finding(CHECK, severity, where, reason, "correct the name in the plan")


def _named(manifest: Manifest) -> tuple[str, str, str]:
    """(namespace, kind, name) as patterns name it."""
    reference = ObjectReference.of(manifest)
    return reference.namespace, reference.kind.lower(), reference.name


def _stoppable(references: Iterable[ObjectReference]) -> list[tuple[str, str, str]]:
    """(namespace, kind, name) of everything that a wave may name."""
    return [
        (one.namespace, one.kind.lower(), one.name) for one in references if one.group_kind in SUSPENSIONS
    ]


def _parsed(names: Iterable[str]) -> Iterator[ObjectReference]:
    """The references among what a capture left out; it also names whole kinds."""
    for name in names:
        with contextlib.suppress(ValueError):
            yield ObjectReference.parse(name)


def _matches(pattern: str, workload: tuple[str, str, str]) -> bool:
    _, kind, name = workload
    parts = pattern.lower().split("/")
    if len(parts) == 3:
        return all(fnmatchcase(text, part) for text, part in zip(workload, parts, strict=True))
    return len(parts) == 2 and fnmatchcase(kind, parts[0]) and fnmatchcase(name, parts[1])
