"""The last step of rehearsals, restores and rollbacks: the run's report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowNotFoundException

from migration_ops.migration import Plan
from migration_ops.operators.base import MigrationOperator, movers_results

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReportRunOperator(MigrationOperator):
    """Writes the run's report into the vault; fails if the run didn't come to its good end.

    Pushes `facts` (Markdown) and `report` (its snapshot).

    :param kind: `rehearsal`, `restore` or `rollback`.
    :param needs: events of the journal without which the run has failed.
    :param adapted: snapshot of the adapted objects; empty if the run didn't get there.
    :param volumes: what the restores returned.
    :param run: the run whose journal it tells, as a label value; this one if it is empty. The report is
        this run's in any case.
    :param there: the plan as it holds where it was restored to, where that differs.
    """

    template_fields = ("adapted", "volumes", "run", "there")

    def __init__(
        self,
        *,
        kind: str,
        needs: Sequence[str],
        adapted: Any = "",
        volumes: Any = (),
        run: Any = "",
        there: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.kind = kind
        self.needs = tuple(needs)
        self.adapted = adapted
        self.volumes = volumes
        self.run = run
        self.there = there

    def execute(self, context: Context) -> dict[str, Any]:
        """Read journal and vault.

        :raises MigrationError: if the run didn't come to its good end; the report is written before.
        """
        from migration_ops.hooks.cluster import ClusterHook
        from migration_ops.migration.errors import MigrationError
        from migration_ops.migration.report import run_text
        from migration_ops.migration.report_page.storing import save_report
        from migration_ops.migration.run_reporting import ROLLBACK, as_rollback_of, report_restored

        run = str(self.run or self.run_key(context))
        events = self.journal.events(run)
        missing = sorted(set(self.needs) - {event.name for event in events})
        if missing:
            events.append(self.journal.write(run, "failed", data={"missing": missing}))
        plan = Plan.model_validate(self.there) if isinstance(self.there, dict) else self.the_plan
        report = report_restored(
            plan,
            self.repository,
            kind=self.kind,
            run=run,
            events=events,
            adapted=str(self.adapted or ""),
            restored=movers_results(self.volumes),
            clusters=(
                self._source_name(),
                ClusterHook(plan.target.conn_id).cluster_name if plan.target else "",
            ),
        )
        if self.kind == ROLLBACK:
            report = as_rollback_of(report, self.repository, self.run_key(context))
        text = run_text(report)
        for line in text.splitlines():
            self.log.info("%s", line)
        snapshot = save_report(self.repository, report, self._source_name())
        if missing:
            raise MigrationError(
                f"this {self.kind} of {self.the_plan.name} did not succeed: see its failed steps above; its "
                f"report is in the vault as {snapshot[:8]}"
            )
        return {"facts": text, "report": snapshot}

    def _source_name(self) -> str:
        try:
            return self.source_hook.cluster_name
        except AirflowNotFoundException:  # after a disaster there may be no such connection any more
            return self.the_plan.source.conn_id
