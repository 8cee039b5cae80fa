"""Durations by the calendar, as ``2y5m7d3h``: what policies count back from a moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from migration_ops.vault.errors import UsageError

_PART = re.compile(r"([0-9]{1,18})([ymdh])")


@dataclass(frozen=True)
class Duration:
    """Years and months differ in length, so the parts stay apart."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @property
    def is_zero(self) -> bool:
        """Whether it lasts no time at all."""
        return self == Duration()

    def before(self, moment: datetime) -> datetime:
        """The moment that lies this long before another.

        :raises UsageError: if that is before the year 1.
        """
        month = moment.year * 12 + moment.month - 1 - self.years * 12 - self.months
        try:
            # A day that the month lacks runs on into the next one, as in Go's AddDate.
            first = moment.replace(year=month // 12, month=month % 12 + 1, day=1)
            return first + timedelta(days=moment.day - 1 - self.days, hours=-self.hours)
        except (ValueError, OverflowError) as error:
            raise UsageError(
                f"--keep-within reaches back beyond the year 1 from {moment:%Y-%m-%d}; give a shorter one"
            ) from error


def parse_duration(text: str) -> Duration:
    """Understand a duration. Of a unit that comes twice the last one counts, as for restic.

    :param text: numbers with ``y``, ``m``, ``d`` or ``h``; nothing is no time.
    :raises UsageError: if it is anything else.
    """
    text = text.strip()
    found = _PART.findall(text)
    if "".join(number + unit for number, unit in found) != text:
        raise UsageError(f"--keep-within: {text!r} is no duration; write it like 2y5m7d3h")
    parts = {unit: int(number) for number, unit in found}
    return Duration(parts.get("y", 0), parts.get("m", 0), parts.get("d", 0), parts.get("h", 0))
