"""The steps of `PLAN.backup`: what kind it shall be, volumes within the windows, the commit that is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

from migration_ops.operators.mover import BackupVolumeOperator, volume_rows
from migration_ops.operators.restore_point import CommitRestorePointOperator, ListVolumesOperator
from migration_ops.operators.windows import WindowedMoverOperator, WindowedOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from migration_ops.migration import Plan
    from migration_ops.migration.off_peak import Calendar
    from migration_ops.mover import MoverSpec


class BeginBackupOperator(WindowedOperator, ListVolumesOperator):
    """Decides what the run shall be, waits for a window if it must, and lists the volumes.

    :param kind: `full`, `incremental`, or `auto`: a full one if the schedule owes one.
    :param window: `keep` to the plan's windows, `ignore` them, or `auto`: keep to them in scheduled runs.
    """

    template_fields = ("kind", "window")

    def __init__(self, *, kind: str, window: str = "auto", **kwargs: Any) -> None:
        super().__init__(kind=kind, **kwargs)
        self.window = window

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the claims that the plan chooses; each becomes a `BackupTask`.

        :raises AirflowSkipException: if a scheduled run isn't wanted now.
        """
        scheduled = _is_scheduled(context)
        if scheduled and (reason := self._reason_to_skip()):
            self.log.info("Skipped: %s", reason)
            raise AirflowSkipException(reason)
        off_peak = self.window == "keep" or (self.window == "auto" and scheduled)
        if off_peak:
            self.wait_for_window(context)
        self.kind = self._decide_kind(context)
        tasks = super().execute(context)
        return [task | {"off_peak": off_peak} for task in tasks]

    def _decide_kind(self, context: Context) -> str:
        from migration_ops.metrics import measure_age
        from migration_ops.migration.backup_kind import kind_due, newest_since

        measure_age(self.the_plan.name, newest_since(self.repository, self.the_plan.name))
        if self.kind != "auto":
            return self.kind
        moment = context["dag_run"].run_after
        kind, why = kind_due(self.the_plan.schedule, self.repository, self.the_plan.name, moment)
        self.log.info("This backup is %s: %s", kind, why)
        return kind

    def _reason_to_skip(self) -> str | None:
        from airflow.sdk import Variable

        from migration_ops.migration.backup_kind import reason_to_skip

        name = f"{self.the_plan.name}.skip_until"
        until = Variable.get(name, default=None)
        if until and datetime.now(UTC) < _moment(str(until), name, self.calendar):
            return f"Airflow's variable {name} says to skip until {until}"
        return reason_to_skip(self.journal.events())


class BackupInWindowsOperator(WindowedMoverOperator, BackupVolumeOperator):
    """Backs up one volume; in scheduled runs within windows. What was stored by then isn't sent again."""

    overrun = ("window-ended", "backup")

    def keeps_to_windows(self, context: Context) -> bool:
        """As was decided when the run began."""
        return self.task.off_peak

    def spec(self, context: Context) -> MoverSpec:
        """With the window's end and its limit."""
        return self.until_window_ends(super().spec(context))


class CommitBackupOperator(CommitRestorePointOperator):
    """Commits the restore point, and tells Airflow's assets, metrics and the plan's notifiers of it."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Commit and tell.

        :raises AirflowSkipException: if the run was skipped.
        """
        from migration_ops.metrics import measure_restore_point
        from migration_ops.notifiers.telling import tell_warnings

        if not self.point:
            raise AirflowSkipException("the run was skipped: there is nothing to commit")
        self.point = {**self.point, "partial": bool(context["params"].get("namespaces"))}
        done = super().execute(context)
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = asset_facts(done)
        measure_restore_point(self.the_plan.name, done)
        tell_warnings(self.the_plan, context, done)
        return done


def back_up_volumes(plan: Plan, volumes: Any) -> Any:
    """One mover for each volume, see `volume_rows`.

    :param volumes: the output of the task that lists them.
    """
    return BackupInWindowsOperator.partial(**volume_rows(plan, "volume", "source")).expand(volume=volumes)


def commit_backup(plan: Plan, begun: Any, saved: Any, **options: Any) -> CommitBackupOperator:
    """The commit; a plan without volumes has resources all the same.

    :param begun: the task that began the restore point.
    :param saved: the mapped task of its volumes.
    :param options: of the operator.
    """
    return CommitBackupOperator(
        task_id="commit",
        plan=plan.document(),
        point=begun.output["point"],
        volumes=saved.output,
        trigger_rule=TriggerRule.NONE_FAILED,
        **options,
    )


def asset_facts(done: dict[str, Any]) -> dict[str, Any]:
    """What an asset's event says of a restore point.

    :param done: what the commit returned.
    """
    names = ("point", "kind", "snapshot", "objects", "bytes", "added_bytes", "seconds")
    return {name: done[name] for name in names} | {"volumes": len(done["volumes"])}


def _is_scheduled(context: Context) -> bool:
    return str(getattr(context["dag_run"].run_type, "value", context["dag_run"].run_type)) == "scheduled"


def _moment(text: str, variable: str, calendar: Calendar) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"Airflow's variable {variable} is {text!r}; write a date or a time, for example 2026-12-24T06:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=calendar.schedule.zone)
