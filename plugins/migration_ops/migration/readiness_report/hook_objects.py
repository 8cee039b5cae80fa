"""Objects that the plan's hooks patch: a missing one would be noticed when the application is stopped."""

from __future__ import annotations

from collections.abc import Mapping

from migration_ops.cluster import ApiError, Cluster, NotFound, ObjectReference, discovery
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.finding import ReadinessFinding, Severity, finding

CHECK = "plan"


def missing_hook_objects(plan: Plan, source: Cluster) -> dict[int, str]:
    """By number of the hook in the plan, why there is nothing to patch; those with an object are left out.

    What can't be read isn't judged.

    :raises ClusterError: if the source can't be reached.
    """
    served = discovery(source)
    missing = {}
    for number, hook in enumerate(plan.quiesce.hooks):
        if hook.patch is None:
            continue
        wanted = hook.patch
        metadata = {"name": wanted.name, "namespace": wanted.namespace}
        named = {"apiVersion": wanted.api_version, "kind": wanted.kind, "metadata": metadata}
        resource = served.for_object(ObjectReference.of(named))
        if resource is None:
            missing[number] = f"{source.name} serves no {wanted.kind} of {wanted.api_version}"
            continue
        if resource.namespaced != (wanted.namespace is not None):
            missing[number] = f"{wanted.kind} {'needs a' if resource.namespaced else 'has no'} namespace"
            continue
        try:
            source.get(resource.path(wanted.namespace, wanted.name), what=f"read {wanted.kind} {wanted.name}")
        except NotFound:
            place = f" in namespace {wanted.namespace}" if wanted.namespace else ""
            missing[number] = f"{source.name} has no {wanted.kind} {wanted.name}{place}"
        except ApiError:
            continue
    return missing


def check_hook_objects(plan: Plan, missing: Mapping[int, str]) -> list[ReadinessFinding]:
    """Find hooks that would patch nothing.

    :param missing: of `missing_hook_objects`.
    """
    findings = []
    for number, reason in missing.items():
        patch = plan.quiesce.hooks[number].patch
        severity: Severity = "blocker" if patch is None or patch.on_error == "fail" else "warning"
        remedy = "correct the hook in the plan; `on_error: continue` lets the cutover go on without it"
        findings.append(finding(CHECK, severity, f"quiesce.hooks[{number}].patch", reason, remedy))
    return findings
