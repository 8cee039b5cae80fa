"""What happened, for people: tables in Markdown, and the downtime as measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration_ops.migration.journal import QUIESCE_BEGUN, QUIESCED
from migration_ops.mover import size_text

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.migration.plan import Plan


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


@dataclass(frozen=True)
class CutoverSummary:
    """A cutover as its journal tells it.

    :param steps: name, seconds and a remark for each event that took time.
    :param downtime_seconds: from the first stop to the last verified workload, if it got there.
    """

    plan: str
    steps: list[dict[str, Any]]
    downtime_seconds: float | None

    def markdown(self) -> str:
        """The text of the last approval."""
        downtime = "not measured" if self.downtime_seconds is None else f"{self.downtime_seconds:.1f} s"
        rows = [[step["step"], f"{step['seconds']:.1f}", step["remark"]] for step in self.steps]
        return (
            f"**{self.plan}** runs in the target. Downtime: **{downtime}**.\n\n"
            + table(["step", "seconds", ""], rows)
            + "\n\nApprove to finish: the source stays stopped. Reject to keep the way back open: "
            f"then run `{self.plan}.rollback`."
        )


def cutover_summary(plan: Plan, events: Sequence[Event]) -> CutoverSummary:
    """Put a run's journal together."""
    began = next((event.began for event in events if event.name == QUIESCE_BEGUN), None)
    verified = next((event.ended for event in reversed(events) if event.name == "verified"), None)
    steps = [
        {"step": event.name, "seconds": event.seconds, "remark": _remark(event)}
        for event in events
        if event.ended != event.began and event.name != QUIESCE_BEGUN
    ]
    downtime = (verified - began).total_seconds() if began and verified else None
    return CutoverSummary(plan.name, steps, downtime)


def _remark(event: Event) -> str:
    data = event.data
    if event.name == QUIESCED:
        return f"{len(data.get('workloads', []))} workloads stopped"
    if "counts" in data:
        return ", ".join(f"{number} {action}" for action, number in data["counts"].items())
    if event.name == "final-delta":
        return f"{size_text(data.get('added_bytes', 0))} added, {size_text(data.get('bytes', 0))} in volumes"
    if event.name == "verified":
        probes = len(data.get("probes", []))
        return f"{data.get('objects', 0)} objects, {data.get('volumes', 0)} volumes, {probes} probes"
    return ""
