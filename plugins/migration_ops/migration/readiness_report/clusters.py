"""The two clusters as such: identity, versions, clocks, rights."""

from __future__ import annotations

from collections.abc import Sequence

from migration_ops.cluster import PermissionResult
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.transform.parameters import parse_version

CHECK, CLOCK_CHECK, RIGHTS_CHECK = "clusters", "clock", "permissions"

SKEW_WARNING_SECONDS = 5.0
SKEW_BLOCKER_SECONDS = 300.0
"""S3 refuses requests that were signed more than 15 minutes off, tokens of service accounts much less; half
of what the strictest usual service allows is left for the day of the cutover."""


def check_identity(plan: Plan, source: ClusterFacts, target: ClusterFacts) -> list[ReadinessFinding]:
    """Compare the two clusters' identities and versions."""
    findings = []
    if source.identity == target.identity:
        same = [name for name in plan.namespaces.items() if name[0] == name[1]]
        if same or not plan.namespaces:
            reason = "source and target are the same cluster, and namespaces keep their names"
            findings.append(
                finding(CHECK, "blocker", "target", reason, "map every namespace to another one in the plan")
            )
        else:
            reason = "source and target are the same cluster; cluster-scoped objects are shared"
            findings.append(finding(CHECK, "decision", "target", reason, "make sure that this is meant"))
    older, newer = parse_version(target.version), parse_version(source.version)
    if older < newer:
        reason = f"runs Kubernetes {target.version}, older than the source's {source.version}"
        remedy = "fields that the target doesn't know are dropped or refused: upgrade it, or read the dry run"
        findings.append(finding(CHECK, "decision", "target", reason, remedy))
    wanted = plan.target.version if plan.target else None
    if wanted and parse_version(wanted) != older:
        reason = f"runs {target.version}, and the plan adapts to {wanted}"
        findings.append(
            finding(CHECK, "warning", "target", reason, "correct target.version, or leave it out")
        )
    for facts, side in ((source, "source"), (target, "target")):
        for kind, why in sorted(facts.unreadable.items()):
            reason = f"{kind} could not be read, so what depends on it wasn't checked: {why}"
            findings.append(finding(CHECK, "warning", side, reason, "grant the right to list it"))
    return findings


def check_clocks(source: ClusterFacts, target: ClusterFacts) -> list[ReadinessFinding]:
    """Compare both clusters' clocks with ours.

    Certificates, tokens and signed requests to the vault fail when clocks disagree; so do times in reports.
    """
    findings = []
    for facts, side in ((source, "source"), (target, "target")):
        skew = facts.clock_skew_seconds
        if abs(skew) < SKEW_WARNING_SECONDS:
            continue
        direction = "ahead of" if skew > 0 else "behind"
        reason = f"its API server's clock is {abs(skew):.0f} s {direction} ours"
        severe = abs(skew) >= SKEW_BLOCKER_SECONDS
        findings.append(
            finding(
                CLOCK_CHECK,
                "blocker" if severe else "warning",
                side,
                reason,
                "synchronise its nodes and Airflow's workers by NTP",
            )
        )
    return findings


def check_rights(side: str, answers: Sequence[PermissionResult]) -> list[ReadinessFinding]:
    """Name the rights that the account of a connection lacks.

    :param side: `source` or `target`.
    :param answers: of `check_permissions`.
    """
    return [
        finding(
            RIGHTS_CHECK,
            "blocker",
            side,
            f"the account may not {one.permission}" + (f": {one.reason}" if one.reason else ""),
            "grant it to the connection's account; "
            f"`migration-ops account kubeconfig {side} --plan ...` makes one with what is needed",
        )
        for one in answers
        if not one.allowed
    ]
