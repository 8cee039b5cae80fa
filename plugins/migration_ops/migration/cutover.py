"""What a cutover would do, found out before anybody is asked to approve it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from migration_ops.cluster import capture, discovery
from migration_ops.migration.adaptation import adapt, selection
from migration_ops.migration.errors import RestorePointError
from migration_ops.migration.findings import (
    SHOWN,
    count_by_severity,
    finding_line,
    raise_for_blockers,
)
from migration_ops.migration.restore_point import RestorePoint
from migration_ops.migration.vault_records import latest_restore_point
from migration_ops.mover import size_text

if TYPE_CHECKING:
    from migration_ops.cluster import Claim, Cluster
    from migration_ops.migration.plan import Plan
    from migration_ops.transform import TransformResult
    from migration_ops.vault import Repository


@dataclass(frozen=True)
class CutoverFacts:
    """What approvers decide by.

    :param latest: the newest restore point: the final delta is the difference to it.
    :param adapted: what the rules make of the source as it is now.
    """

    plan: Plan
    source: str
    target: str
    latest: RestorePoint
    claims: list[Claim]
    objects: dict[str, int]
    adapted: TransformResult

    @property
    def findings_by_severity(self) -> dict[str, int]:
        """Number of findings by severity."""
        return count_by_severity(self.adapted.findings)

    def raise_for_blockers(self) -> None:
        """Stop before anybody is asked if the rules found blockers.

        :raises BlockerError: naming each.
        """
        raise_for_blockers(self.adapted.findings)

    def markdown(self) -> str:
        """The text of the approval."""
        minutes = int((datetime.now(UTC) - self.latest.finished).total_seconds() // 60)
        newest = (
            f"Newest restore point: `{self.latest.id}`, {minutes} minutes old, "
            f"{size_text(self.latest.total_bytes)} in {len(self.latest.volumes)} volumes. "
            "What changed since then moves while the application is down."
        )
        rules = (
            f"{sum(self.objects.values())} objects of {len(self.objects)} kinds; the rules make "
            f"{len(self.adapted.objects)} of them with {len(self.adapted.changes)} changes and leave "
            f"{len(self.adapted.dropped)} behind."
        )
        lines = [f"**{self.plan.name}** moves from {self.source} to {self.target}.", "", newest, ""]
        lines += ["| volume | class | size |", "| --- | --- | --- |"]
        lines += [
            f"| {claim.namespace}/{claim.name} | {claim.storage_class or '-'} | {claim.capacity} |"
            for claim in self.claims
        ]
        lines += ["", rules, ""]
        findings = [f for f in self.adapted.findings if f.severity != "info"]
        lines += [f"- {finding_line(finding)}" for finding in findings[:SHOWN]]
        if len(findings) > SHOWN:
            lines.append(f"- and {len(findings) - SHOWN} more, in the task's log")
        return "\n".join(lines)


def prepare(plan: Plan, source: Cluster, target: Cluster, repository: Repository) -> CutoverFacts:
    """Find out what a cutover would do, without writing anything anywhere.

    :raises RestorePointError: if the vault has no restore point: all data would move while the application
        is down.
    """
    latest = latest_restore_point(repository, plan.name)
    if latest is None:
        raise RestorePointError(
            f"the vault has no restore point of plan {plan.name}: run {plan.name}.backup first, so that only "
            "what changes from then on moves while the application is down"
        )
    target_apis = discovery(target).api_names()
    found = capture(source, selection(plan), target_apis=target_apis)
    manifests = [one.manifest for one in found.objects]
    return CutoverFacts(
        plan=plan,
        source=source.name,
        target=target.name,
        latest=latest,
        claims=found.claims,
        objects=found.counts_by_kind,
        adapted=adapt(plan, manifests, target_version=target.version(), target_apis=target_apis),
    )
