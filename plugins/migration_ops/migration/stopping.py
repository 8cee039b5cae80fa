"""Stopping the source, and taking that back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import capture, quiesce, resume
from migration_ops.migration.adaptation import selection
from migration_ops.migration.errors import MigrationError

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.migration.journal import Journal
    from migration_ops.migration.plan import Plan


def stop_source(plan: Plan, source: Cluster, run: str) -> dict[str, Any]:
    """Stop the workloads of the plan's namespaces, and return what they were.

    Returns when no pod mounts a claim of theirs any more.

    :raises ClusterError: if something can't be stopped in time; what was stopped can be resumed.
    """
    found = capture(source, selection(plan))
    namespaces = sorted(
        {str(one.manifest["metadata"].get("namespace") or "") for one in found.objects} - {""}
    )
    record = quiesce(
        source,
        namespaces,
        waves=plan.quiesce.waves,
        plan=plan.name,
        run=run,
        timeout=plan.quiesce.timeout.total_seconds(),
    )
    return {"workloads": _references(record), "record": dataclasses.asdict(record)}


def resume_source(plan: Plan, source: Cluster) -> list[str]:
    """Bring quiesced workloads back to what they were; returns their references."""
    return _references(resume(source, plan.name))


def _references(record: Any) -> list[str]:
    return [str(getattr(item, "object", item)) for item in record.workloads]


@dataclass(frozen=True)
class ChosenRun:
    """The cutover that is to be rolled back."""

    plan: str
    run: str
    happened: list[str]

    def markdown(self) -> str:
        """The text of the approval."""
        return (
            f"Rolls back cutover `{self.run}` of **{self.plan}**: what it made in the target is deleted, the "
            f"source is started again.\n\nIt came as far as: {', '.join(self.happened)}."
        )


def choose_run(plan: Plan, journal: Journal, run: str | None) -> ChosenRun:
    """The cutover of that run, or the last one that began to stop the source.

    :raises MigrationError: if there is none.
    """
    begun = [event for event in journal.events(name="quiesce-begun") if run in {None, event.run}]
    if not begun:
        which = f"run {run}" if run else "no run"
        raise MigrationError(
            f"by the journal of plan {plan.name} {which} stopped the source: there is nothing to roll back"
        )
    chosen = begun[-1].run
    return ChosenRun(plan.name, chosen, [event.name for event in journal.events(chosen)])
