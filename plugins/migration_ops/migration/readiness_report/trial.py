"""The server-side dry run of the whole set, and what is in the target already.

Nothing is changed: the API server runs validation, defaulting, quotas and admission on every object and then
forgets it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from migration_ops.cluster import Cluster, Manifest, ObjectReference, ObjectResult, apply
from migration_ops.migration.adaptation import kept_addresses, kept_finalizers
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.finding import ReadinessFinding, Severity, finding

CHECK, EXISTING_CHECK = "dry-run", "existing"
_CONTAINERS = frozenset({"Namespace", "ServiceAccount"})
# The server quotes what it refuses; of a Secret that must not reach a log or an approval.
_QUOTED = re.compile(r"(Invalid value: ).*?(?=: |$)", re.DOTALL)
_LONGEST = 600
_LEFT = "exists in the target and would be left as it is (restore.existing)"
_TO_CHANGE_IT = "choose update or recreate, rename the target namespace, or remove it there"


def dry_run(target: Cluster, objects: Sequence[Manifest], *, plan: Plan, run: str) -> list[ObjectResult]:
    """Let the target judge all objects, treated as the plan says.

    :raises ClusterError: if the API server can't be reached.
    """
    return apply(
        target,
        objects,
        plan=plan.name,
        run=run,
        existing=plan.restore.existing,
        addresses=kept_addresses(plan),
        keep_finalizers=kept_finalizers(plan),
        dry_run=True,
        patience_seconds=0.0,
    )


def check_dry_run(results: Sequence[ObjectResult]) -> list[ReadinessFinding]:
    """Name what the target would refuse.

    :param results: of `dry_run`.
    """
    refused = [
        finding(
            CHECK,
            "blocker",
            one.object,
            f"the target refuses it: {_safe(one)}",
            "mend it in the source or with a rule, or settle restore.existing if it is in the way",
        )
        for one in results
        if one.action == "failed"
    ]
    unknown = [
        finding(CHECK, "warning", one.object, one.message, "look at it first after the restore")
        for one in results
        if one.action == "skipped" and "could not judge it" in one.message
    ]
    return refused + unknown


def check_existing(
    results: Sequence[ObjectResult], *, takes_over_claims: bool = False
) -> list[ReadinessFinding]:
    """Name the objects that the target has already, with what the plan's policy would do to them.

    :param results: of `dry_run`.
    :param takes_over_claims: whether the plan says that data in claims of others is replaced.
    """
    findings = []
    for one in results:
        reference = ObjectReference.parse(one.object)
        if reference.kind in _CONTAINERS or one.action not in {"skipped", "updated"}:
            continue
        if one.action == "updated":
            reason = "exists in the target and would be overwritten (restore.existing)"
            reason += f"; {one.message}" if one.message else ""
            remedy = "a rollback puts its former state back; choose skip or fail to leave it alone"
            findings.append(finding(EXISTING_CHECK, "warning", one.object, reason, remedy))
        elif "staged by this plan" not in one.message and "exists" in one.message:
            claim = reference.kind == "PersistentVolumeClaim"
            severity: Severity = "decision" if claim else "warning"
            reason, remedy = _claim_of_others(takes_over_claims) if claim else (_LEFT, _TO_CHANGE_IT)
            findings.append(finding(EXISTING_CHECK, severity, one.object, reason, remedy))
    return findings


def _claim_of_others(takes_over: bool) -> tuple[str, str]:
    whose = "is somebody else's claim in the target: "
    if takes_over:
        reason = (
            "its content would be deleted and replaced by the source's (restore.existing names "
            "PersistentVolumeClaim), and no rollback brings it back"
        )
        remedy = "save what it holds if anybody needs it, rename the target namespace, or choose skip for it"
        return whose + reason, remedy
    reason = "it would be left as it is, and the application would find its content instead of the source's"
    remedy = (
        "rename the target namespace, or remove the claim there; restore.existing with "
        "{PersistentVolumeClaim: update} deletes what it holds for good"
    )
    return whose + reason, remedy


def _safe(result: ObjectResult) -> str:
    message = result.message
    if "exceeded quota" in message:  # it isn't rights that are missing
        message = message.partition("; grant this verb")[0] + "; raise the quota, or lower what is asked for"
    if ObjectReference.parse(result.object).kind == "Secret":
        message = _QUOTED.sub(r"\1(not shown)", message)
    return message if len(message) <= _LONGEST else message[:_LONGEST] + "…"
