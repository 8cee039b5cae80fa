"""What happened, for people who read Markdown: tables for logs and approvals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from migration_ops.migration.forecast import seconds_text
from migration_ops.mover import size_text

if TYPE_CHECKING:
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.report_page import RunReport
    from migration_ops.migration.restore_point import RestorePoint


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def connect_table(
    found: Mapping[str, Mapping[str, Any]], probes: Mapping[str, Mapping[str, Any] | None]
) -> str:
    """The two clusters next to each other.

    :param found: a `ClusterState` as JSON data by side.
    :param probes: the summary of the vault probe by side.
    """
    rows = []
    for side, state in found.items():
        probe = probes.get(side) or {}
        speed = "-"
        if probe.get("bytes") and probe.get("write_seconds") and probe.get("read_seconds"):
            write = size_text(probe["bytes"] / probe["write_seconds"])
            speed = f"{write}/s up, {size_text(probe['bytes'] / probe['read_seconds'])}/s down"
        classes = ", ".join(state["storage_classes"]) or "none"
        rows.append([side, state["name"], state["version"], classes, len(state["volumes"]), speed])
    return table(["side", "cluster", "version", "StorageClasses", "volumes", "vault from there"], rows)


def finish_text(report: RunReport) -> str:
    """The text of the last approval: what was measured, and what was expected."""
    downtime = "not measured" if report.downtime_seconds is None else seconds_text(report.downtime_seconds)
    steps = [[span.name, seconds_text(span.seconds), span.detail] for span in report.timeline]
    parts = [
        f"**{report.plan}** runs in {report.target}. Downtime: **{downtime}**.",
        table(["step", "took", ""], steps),
    ]
    if report.comparison:
        parts += ["Expected and measured:", report.comparison.markdown()]
    if report.addresses:
        rows = [
            [one.object, ", ".join(one.hosts), ", ".join(one.old) or "-", ", ".join(one.new) or "-"]
            for one in report.addresses
        ]
        parts += ["Addresses for the DNS switch:", table(["entrance", "hosts", "old", "new"], rows)]
    if waiting := [one.object for one in report.addresses if not one.new]:
        parts.append(
            f"**Still without an address**: {', '.join(waiting)}. Nobody outside reaches the application "
            "there: wait until the cloud has given one, or finish only if you know why there is none."
        )
    if report.verification and report.verification.explained:
        parts.append("Explained by the verification:")
        parts.append("\n".join(f"- {line}" for line in report.verification.explained))
    if report.verification and report.verification.settled:
        parts.append("Wrong for a while during the verification, right in the end:")
        parts.append("\n".join(f"- {line}" for line in report.verification.settled))
    parts.append(
        "Finish: the names go to the target, the source stays stopped. Roll back: what this run made "
        "in the target is deleted, orders taken there since then with it, and the source is started again. "
        f"Leave as it is (also without an answer): decide later, by clearing this task or by "
        f"`{report.plan}.rollback`."
    )
    return "\n\n".join(parts)


def run_text(report: RunReport) -> str:
    """What came of a run without a downtime, for the log of its last step.

    :param report: of a rehearsal or a restore.
    """
    rows = [[span.name, seconds_text(span.seconds), span.detail] for span in report.timeline]
    head = f"{report.kind.capitalize()} of **{report.plan}** in {report.target}: **{report.outcome}**."
    parts = [head, table(["step", "took", ""], rows)]
    if report.verification:
        found = report.verification
        passed = sum(1 for probe in found.probes if probe.passed)
        parts.append(
            f"{found.objects} objects and {found.volumes} volumes ({size_text(found.bytes)}) compared, "
            f"{passed} of {len(found.probes)} probes passed."
        )
    if report.resources.stayed:
        parts.append(f"{len(report.resources.stayed)} objects stayed behind; the report names each.")
    return "\n\n".join(parts)


def point_text(point: RestorePoint, plan: Plan) -> str:
    """A restore point for the approval of its restore."""
    rows = [
        [f"{one.namespace}/{one.claim}", size_text(one.bytes), one.consistency, len(one.warnings)]
        for one in point.volumes
    ]
    head = (
        f"Restore point `{point.id}` of **{point.plan}**, made {point.finished:%Y-%m-%d %H:%M} UTC from "
        f"{point.cluster.name} (Kubernetes {point.cluster.version}): {sum(point.objects.values())} objects, "
        f"{size_text(point.total_bytes)} in {len(point.volumes)} volumes. Objects that exist in the target: "
        f"{_policies_text(plan)}."
    )
    return head + "\n\n" + table(["volume", "size", "consistency", "warnings"], rows)


def _policies_text(plan: Plan) -> str:
    policies = plan.restore.existing
    if isinstance(policies, str):
        return policies
    return ", ".join(f"{kind}: {policy}" for kind, policy in ({"*": "skip"} | policies).items())


def restored_volumes(restored: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """What restoring each volume moved, for the journal.

    :param restored: what the restores returned.
    """
    return [
        {
            "namespace": one["namespace"],
            "claim": one["claim"],
            "bytes": summary.get("bytes_restored", 0),
            "seconds": summary.get("total_duration", 0.0),
            "differences": summary.get("differences"),
        }
        for one in restored or []
        for summary in [one.get("summary") or {}]
    ]
