"""When a plan's movers may work, and when its backups begin: the calendar behind a `schedule`.

Pure arithmetic on moments in UTC. Local times follow the clocks on the wall: what would begin or end in an
hour that a change of clocks leaves out does so at the change, and of an hour that comes twice the first
counts. So a window never lasts longer than it says but for the hour that the clocks give; and one that lies
wholly in an hour that is left out is as long behind the change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property

from croniter import CroniterBadDateError, croniter

from migration_ops.migration.plan_schedule import MINUTES_OF_DAY, Schedule, Window

HORIZON = timedelta(days=800)
"""How far it is looked ahead; who blacks out more than two years doesn't want backups."""

_LONGEST = timedelta(days=8)
"""Windows without a gap are one opening up to this length; then the next begins."""

_DAY = timedelta(days=1)
_FOLD = timedelta(hours=3)


@dataclass(frozen=True)
class Opening:
    """Hours in which movers may work.

    :param start: when it began or will begin.
    :param end: when movers have to stop; never, if it is nothing.
    :param limit_upload: bytes per second and mover; nothing leaves it to `movers.limit_upload`.
    """

    start: datetime
    end: datetime | None
    limit_upload: int | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= moment and (self.end is None or moment < self.end)


class Calendar:
    """What a plan's schedule means.

    :param schedule: the plan's `schedule`.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._zone = schedule.zone

    @cached_property
    def _windows(self) -> list[Window]:
        return self.schedule.off_peak or [Window(start="00:00", end="00:00")]

    @property
    def is_always_open(self) -> bool:
        """Whether movers may work at any time."""
        return not self.schedule.off_peak and not self.schedule.blackout

    def opening_at(self, moment: datetime) -> Opening | None:
        """The opening in which a moment lies, with all that follows without a gap and with the same limit."""
        if self.is_always_open:
            return Opening(moment, None)
        parts = self._parts(moment)
        found = next(parts, None)
        if found is None or not found.holds(moment):
            return None
        for part in parts:
            longest = found.start + _LONGEST
            if part.start != found.end or part.limit_upload != found.limit_upload or longest <= part.start:
                break
            found = Opening(found.start, part.end, found.limit_upload)
        return found

    def next_opening(self, moment: datetime) -> datetime | None:
        """When movers may work next: the moment itself while it is open; nothing if they never may."""
        if self.is_always_open:
            return moment
        found = next(self._parts(moment), None)
        return max(moment, found.start) if found else None

    def next_slot(self, after: datetime) -> datetime | None:
        """When the next backup begins, later than a moment; nothing if none ever does."""
        found: list[datetime] = []
        for cron in self._crons:
            waiting = self._previous_tick(cron, after)
            slot = self._slot(waiting) if waiting else None
            if slot is None or slot <= after:
                coming = self._next_tick(cron, after)
                slot = self._slot(coming) if coming else None
            if slot is not None:
                found.append(slot)
        return min(found, default=None)

    def missed_slot(self, now: datetime) -> datetime | None:
        """When the newest backup up to now should have begun; nothing outside of the windows."""
        if not self.opening_at(now):
            return None
        ticks = [tick for cron in self._crons if (tick := self._previous_tick(cron, now))]
        slots = [slot for tick in ticks if (slot := self._slot(tick)) and slot <= now]
        return max(slots, default=None)

    def full_due(self, moment: datetime) -> datetime | None:
        """Since when a full backup is due: one that began then or later is enough."""
        return self._previous_tick(self.schedule.full, moment) if self.schedule.full else None

    @property
    def _crons(self) -> list[str]:
        return [cron for cron in (self.schedule.full, self.schedule.incremental) if cron]

    def _slot(self, tick: datetime) -> datetime | None:
        return self.next_opening(tick)

    def _parts(self, moment: datetime) -> Iterator[Opening]:
        """Windows that end after a moment, less the blackout, in their order."""
        day = moment.astimezone(self._zone).date() - 2 * _DAY
        last = day + HORIZON
        while day <= last:
            yield from (part for part in self._parts_of(day) if part.end and part.end > moment)
            # Of a long blackout only the last two days matter: their windows may reach out of it.
            until = self._blacked_out_until(day + _DAY)
            day = max(day + _DAY, until - 2 * _DAY) if until else day + _DAY

    def _parts_of(self, day: date) -> list[Opening]:
        """The windows that begin on a day, less the blackout."""
        found = []
        for begin, end, window in self._hours_of(day):
            # A window reaches into the next day at most, so its two days are all that can be black.
            for part in (day, day + _DAY):
                midnight = instant(datetime.combine(part, time()), self._zone)
                morrow = instant(datetime.combine(part + _DAY, time()), self._zone)
                if self._blacked_out_until(part) is not None:
                    continue
                start, stop = max(begin, midnight), min(end, morrow)
                if start < stop:
                    found.append(Opening(start, stop, window.limit_upload))
        return sorted(_joined(found), key=lambda part: part.start)

    def _hours_of(self, day: date) -> list[tuple[datetime, datetime, Window]]:
        """When the windows that begin on a day begin and end, whatever is black."""
        hours = []
        for window in self._windows:
            if window.begins_on(day.weekday()):
                begin, end = (
                    instant(
                        datetime.combine(day + (minute // MINUTES_OF_DAY) * _DAY, _clock(minute)), self._zone
                    )
                    for minute in window.minutes
                )
                hours.append((begin, end, window))
        # One that lies in an hour that the clocks leave out is made up for behind it, up to the next one.
        for number, (begin, end, window) in enumerate(hours):
            if begin >= end:
                hours[number] = begin, _made_up_for(begin, window, hours), window
        return hours

    def _blacked_out_until(self, day: date) -> date | None:
        """The first day after the blackout in which a day lies; nothing if it lies in none."""
        ends = [period.last for period in self.schedule.blackout if period.first <= day <= period.last]
        return max(ends) + _DAY if ends else None

    def _next_tick(self, cron: str, after: datetime) -> datetime | None:
        local = after.astimezone(self._zone).replace(tzinfo=None)
        for tick in _ticks(cron, local):
            if (found := instant(tick, self._zone)) > after:
                return found
        return None

    def _previous_tick(self, cron: str, moment: datetime) -> datetime | None:
        """The newest tick up to a moment, that moment included."""
        local = moment.astimezone(self._zone)
        begin = local.replace(tzinfo=None, fold=0) + (_FOLD if local.fold else timedelta(seconds=1))
        for tick in _ticks(cron, begin, backwards=True):
            if (found := instant(tick, self._zone)) <= moment:
                return found
        return None


def instant(wall: datetime, zone: tzinfo) -> datetime:
    """The moment, in UTC, at which a wall clock shows a time.

    :param wall: without time zone.
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return first
    # The clocks leave it out: find the change, which lies between the two ways to read it.
    low, high = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        shown = middle.astimezone(zone).replace(tzinfo=None, fold=0)
        low, high = (middle, high) if shown < wall else (low, middle)
    return high.replace(microsecond=0)


def _ticks(cron: str, begin: datetime, *, backwards: bool = False) -> Iterator[datetime]:
    clock = croniter(cron, begin)
    try:
        while True:
            yield clock.get_prev(datetime) if backwards else clock.get_next(datetime)
    except CroniterBadDateError:
        return


def _clock(minute: int) -> time:
    return time(minute % MINUTES_OF_DAY // 60, minute % 60)


def _made_up_for(begin: datetime, window: Window, hours: list[tuple[datetime, datetime, Window]]) -> datetime:
    start, end = window.minutes
    behind = [first for first, last, _ in hours if begin <= first < last]
    return min([begin + timedelta(minutes=end - start), *behind])


def _joined(parts: list[Opening]) -> list[Opening]:
    """Parts that touch and have the same limit, as one."""
    found: list[Opening] = []
    for part in sorted(parts, key=lambda one: one.start):
        before = found[-1] if found else None
        if before and before.end == part.start and before.limit_upload == part.limit_upload:
            found[-1] = Opening(before.start, part.end, part.limit_upload)
        else:
            found.append(part)
    return found
