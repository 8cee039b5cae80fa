"""When a plan's backups begin by themselves: at the moments of its `schedule`, inside its windows.

The plugin imports this module in every process of Airflow, so the calendar is imported only when it is asked.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk.timezone import coerce_datetime
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from pendulum import DateTime

    from migration_ops.migration.off_peak import Calendar

GRACE = timedelta(minutes=5)
"""How old the first run's moment may be: a DAG that is parsed just after it doesn't skip it."""


def present() -> datetime:
    """What the clock says."""
    return datetime.now(UTC)


class OffPeakTimetable(Timetable):
    """Full and incremental backups of one plan, in one DAG.

    Which kind a run is isn't decided here but when it begins, by what the vault holds
    (`BeginBackupOperator`). Of moments that were missed, at most one run is made up for, the newest, and only
    while a window is open.

    :param schedule: the plan's `schedule` as JSON data.
    """

    def __init__(self, schedule: dict[str, Any]) -> None:
        self.schedule = schedule
        self.description = self._described()

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> OffPeakTimetable:
        """Read what `serialize` wrote."""
        return cls(data["schedule"])

    def serialize(self) -> dict[str, Any]:
        """The schedule itself."""
        return {"schedule": self.schedule}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OffPeakTimetable) and self.schedule == other.schedule

    def __hash__(self) -> int:
        return hash(repr(self.schedule))

    @property
    def summary(self) -> str:
        """The cron expressions and the windows, as the list of DAGs shows them."""
        crons = [
            f"{kind} {self.schedule[kind]}" for kind in ("full", "incremental") if self.schedule.get(kind)
        ]
        return ", ".join(crons + ([f"within {' and '.join(self._windows)}"] if self._windows else []))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """A run stands for a moment, not for a stretch of time."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run, or the one that is late."""
        now = present()
        last = last_automated_data_interval.end if last_automated_data_interval else None
        missed = self._calendar.missed_slot(now)
        if missed and missed > (last or now - GRACE):
            slot: datetime | None = missed
        else:
            slot = self._calendar.next_slot(max(last, now) if last else now)
        if slot and restriction.earliest and slot < restriction.earliest:
            slot = self._calendar.next_slot(restriction.earliest - timedelta(microseconds=1))
        if slot is None or (restriction.latest and slot > restriction.latest):
            return None
        return DagRunInfo.exact(coerce_datetime(slot))

    @cached_property
    def _calendar(self) -> Calendar:
        from migration_ops.migration.off_peak import Calendar
        from migration_ops.migration.plan_schedule import Schedule

        return Calendar(Schedule.model_validate(self.schedule))

    @property
    def _windows(self) -> list[str]:
        given = self.schedule.get("windows") or [self.schedule.get("window")]
        return [
            f"{window['start']}-{window['end']}"
            + (f" ({', '.join(window['weekdays'])})" if window.get("weekdays") else "")
            for window in given
            if window
        ]

    def _described(self) -> str:
        from cron_descriptor import CasingTypeEnum, ExpressionDescriptor

        said = []
        for kind in ("full", "incremental"):
            if cron := self.schedule.get(kind):
                text = ExpressionDescriptor(
                    cron, casing_type=CasingTypeEnum.Sentence, use_24hour_time_format=True
                ).get_description()
                said.append(f"{kind.capitalize()}: {text}")
        if self._windows:
            said.append(f"only within {' and '.join(self._windows)}")
        if blackout := self.schedule.get("blackout"):
            said.append(f"not on {len(blackout)} blackout dates")
        said.append(f"time zone {self._calendar.schedule.zone.key}")
        return "; ".join(said)
