"""The plan's `schedule`: when restore points are made, and in which hours movers may work.

Only the shape and what can be wrong with it; what follows from it for a moment is told by `off_peak`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from migration_ops.migration.plan_base import Section
from migration_ops.migration.quantities import BytesPerSecond, Duration, TimeOfDay

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MINUTES_OF_DAY = 24 * 60
_MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY
_CRON_FIELDS = 5


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no time zone; write for example Asia/Shanghai, Europe/Berlin or UTC"
        ) from None
    return name


@lru_cache(maxsize=512)
def _cron(expression: str) -> str:
    # Letters of croniter's own (H, R) draw lots: a schedule that differs from one reading to the next.
    odd = re.search(r"[^\w*,/\- ]|(?<![a-z])[hr](?![a-z])", expression, re.IGNORECASE)
    if odd or len(expression.split()) != _CRON_FIELDS or not croniter.is_valid(expression):
        raise ValueError(
            f"{expression!r} is no cron expression: minute, hour, day of month, month, day of week, "
            'for example "0 1 * * 6"'
        )
    try:
        croniter(expression, datetime(2024, 1, 1, tzinfo=UTC)).get_next()
    except CroniterBadDateError:
        raise ValueError(f"{expression!r} never comes: no such month has such a day") from None
    return expression


TimeZone = Annotated[str, AfterValidator(_known_zone), Field(max_length=64, examples=["Asia/Shanghai"])]
Cron = Annotated[str, Field(max_length=128), AfterValidator(_cron)]


class Window(Section):
    """Off-peak hours, in which movers may work."""

    start: TimeOfDay = Field(description="Local time, `HH:MM`.")
    end: TimeOfDay = Field(description="Local time, `HH:MM`; at or before `start` it is the next day's.")
    timezone: TimeZone | None = Field(default=None, description="The same as `schedule.timezone`.")
    weekdays: list[Weekday] = Field(
        default=[], max_length=7, description="Days on which it begins; all of them when left out."
    )
    limit_upload: BytesPerSecond | None = Field(
        default=None, description="Per mover in this window, instead of `movers.limit_upload`."
    )

    @property
    def minutes(self) -> tuple[int, int]:
        """Beginning and end in minutes since the midnight before it begins."""
        start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (self.start, self.end))
        return start, end if end > start else end + MINUTES_OF_DAY

    def begins_on(self, weekday: int) -> bool:
        """Whether it begins on that day of the week; Monday is 0."""
        return not self.weekdays or WEEKDAYS[weekday] in self.weekdays


def _as_period(value: Any) -> Any:
    if isinstance(value, str | date):
        return {"first": value, "last": value}
    return value


class Period(Section):
    """Days from the first to the last, both included."""

    first: date = Field(description="The first day, such as `2026-12-24`.")
    last: date = Field(description="The last day, which counts; the same as `first` for one day.")

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"`last` ({self.last}) lies before `first` ({self.first})")
        return self


Blackout = Annotated[
    Period,
    BeforeValidator(
        _as_period,
        json_schema_input_type=Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | Period,
    ),
]


class Schedule(Section):
    """When restore points are made; without it only by hand.

    A moment of `full` or `incremental` that lies outside the windows waits for the next window; several that
    wait become one run.
    """

    full: Cron | None = Field(
        default=None,
        description="Cron expression of full backups; by hand only when left out.",
        examples=["0 1 * * 6"],
    )
    incremental: Cron | None = Field(
        default=None,
        description="Cron expression of incremental backups; by hand only when left out.",
        examples=["0 2-5 * * *"],
    )
    maintain: Cron | None = Field(
        default=None,
        description="When the vault is kept small and sound; cron expression.",
        examples=["30 5 * * 0"],
    )
    timezone: TimeZone | None = Field(
        default=None, description="Of cron expressions, windows and blackout dates; UTC when left out."
    )
    window: Window | None = Field(default=None, description="The one window, if there is one only.")
    windows: list[Window] = Field(
        default=[], max_length=50, description="Several windows, which may not overlap."
    )
    blackout: list[Blackout] = Field(
        default=[], max_length=500, description="Days without any: `2026-12-24`, or `first` and `last`."
    )
    staging: Literal["in-windows", "at-once"] = Field(
        default="in-windows",
        description="When staging that a new restore point starts may work: in the windows only, "
        "or at once, if load on target and vault doesn't matter.",
    )
    deadline: Duration | None = Field(
        default=None, description="A backup that isn't done so long after its start is told as late."
    )

    @property
    def off_peak(self) -> list[Window]:
        """All windows; none means that movers may always work."""
        return [self.window] if self.window else self.windows

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of everything here."""
        names = [self.timezone, *(window.timezone for window in self.off_peak)]
        return ZoneInfo(next((name for name in names if name), "UTC"))

    @property
    def is_automatic(self) -> bool:
        """Whether runs begin by themselves."""
        return bool(self.full or self.incremental)

    @model_validator(mode="after")
    def _has_one_way_to_say_windows(self) -> Self:
        if self.window and self.windows:
            raise ValueError("has `window` and `windows`; put all into `windows`")
        return self

    @model_validator(mode="after")
    def _has_one_time_zone(self) -> Self:
        names = {self.timezone, *(window.timezone for window in self.off_peak)} - {None}
        if len(names) > 1:
            raise ValueError(
                f"has several time zones ({', '.join(sorted(map(str, names)))}); give one as `timezone`"
            )
        return self

    @model_validator(mode="after")
    def _has_no_overlapping_windows(self) -> Self:
        taken = sorted(
            (week + day * MINUTES_OF_DAY + begin, week + day * MINUTES_OF_DAY + end, number)
            for number, window in enumerate(self.off_peak)
            for begin, end in [window.minutes]
            for day in range(7)
            if window.begins_on(day)
            for week in (0, _MINUTES_OF_WEEK)
        )
        for (_, end, one), (begin, _, other) in pairwise(taken):
            if begin < end:
                day, hour, minute = begin // MINUTES_OF_DAY % 7, begin // 60 % 24, begin % 60
                raise ValueError(
                    f"windows[{min(one, other)}] and windows[{max(one, other)}] overlap on {WEEKDAYS[day]} "
                    f"at {hour:02}:{minute:02}; let one end where the other begins"
                )
        return self
