"""The steps of `PLAN.backup`: what kind it shall be, volumes within the windows, the commit that is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

from migration_ops.operators.base import MigrationOperator, remember
from migration_ops.operators.mover import BackupVolumeOperator, volume_rows
from migration_ops.operators.restore_point import CommitRestorePointOperator, ListVolumesOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from migration_ops.migration import Plan
    from migration_ops.migration.off_peak import Calendar, Opening
    from migration_ops.mover import MoverSpec

STOPPED_EXIT_CODE = 130
STOPPED_BY = "--stop-at"
WINDOW_ENDED = "window-ended"

# A task that is resumed before the scheduler has seen it defer is taken for lost (Airflow 3.3.2).
_SHORTEST_WAIT = timedelta(seconds=3)


class WindowedOperator(MigrationOperator):
    """A step that may have to wait for the plan's next window."""

    @cached_property
    def calendar(self) -> Calendar:
        """What the plan's schedule means."""
        from migration_ops.migration.off_peak import Calendar

        return Calendar(self.the_plan.schedule)

    def wait_for_window(self, context: Context) -> Opening:
        """The opening of the present; waits for it in the triggerer if there is none, and begins anew.

        :raises AirflowSkipException: if no window will ever come.
        """
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        now = datetime.now(UTC)
        if opening := self.calendar.opening_at(now):
            return opening
        begins = self.calendar.next_opening(now)
        if begins is None:
            raise AirflowSkipException(f"plan {self.the_plan.name} has no window in the next two years")
        self.log.info("Outside of the plan's windows: waiting until %s", begins.isoformat(timespec="seconds"))
        remember(context, "waits_until", begins.isoformat())
        self.defer(
            trigger=DateTimeTrigger(moment=max(begins, now + _SHORTEST_WAIT)), method_name="window_is_open"
        )
        raise AssertionError("defer doesn't return")

    def window_is_open(self, context: Context, event: Any = None) -> Any:
        """Begin anew."""
        return self.execute(context)


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


class BackupInWindowsOperator(WindowedOperator, BackupVolumeOperator):
    """Backs up one volume; one that may only work off-peak stops at the window's end and goes on in the next.

    What a stopped mover had stored stays in the vault and isn't sent again. If the next window follows at
    once, for example with another limit, so does the mover.
    """

    opening: Opening | None = None

    def execute(self, context: Context) -> None:
        """Start the mover or find it, within a window if it must."""
        if self.task.off_peak:
            self.opening = self.wait_for_window(context)
        super().execute(context)

    def spec(self, context: Context) -> MoverSpec:
        """With the window's end and its limit."""
        spec = super().spec(context)
        return replace(spec, command=within(self.opening, spec.command)) if self.opening else spec

    def resume_with(
        self, context: Context, event: dict[str, Any], waiting: dict[str, Any], report_after: float
    ) -> dict[str, Any] | None:
        """Go on in the next window if this one's end has stopped the mover."""
        if self.task.off_peak and is_stopped_by_window(event):
            self.log.info("The window has ended; what is stored stays, the rest goes on in the next one")
            remember(context, "progress", (event.get("progress") or {}) | {"node": event.get("node")})
            self._tell_overrun(context)
            self.execute(context)
            return None
        return super().resume_with(context, event, waiting, report_after)

    def _tell_overrun(self, context: Context) -> None:
        """Once for each run and window: the journal knows what was told."""
        from migration_ops.notifiers.telling import tell_overrun

        now = datetime.now(UTC)
        if self.calendar.opening_at(now):
            return  # the next one has begun: nothing waits
        begins = self.calendar.next_opening(now)
        run, until = self.run_key(context), begins.isoformat() if begins else ""
        told = self.journal.events(run, WINDOW_ENDED)
        if not any(one.data.get("goes_on") == until for one in told):
            self.journal.write(run, WINDOW_ENDED, data={"goes_on": until})
            tell_overrun(self.the_plan, context, begins)


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


def within(opening: Opening, command: Sequence[str]) -> tuple[str, ...]:
    """A backup's arguments with the window's end and limit."""
    words = list(command)
    if opening.limit_upload:
        if "--limit-upload" in words:
            at = words.index("--limit-upload")
            del words[at : at + 2]
        words += ["--limit-upload", str(max(1, opening.limit_upload // 1024))]
    if opening.end:
        words += [STOPPED_BY, opening.end.isoformat()]
    return tuple(words)


def is_stopped_by_window(event: dict[str, Any]) -> bool:
    """Whether a mover ended because its window did, as it was told to."""
    return (
        event["phase"] == "failed"
        and event.get("exit_code") == STOPPED_EXIT_CODE
        and STOPPED_BY in str(event.get("reason"))
    )


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
