"""Times as the format writes them: RFC 3339 with up to nine digits, UTC, years 0 to 9999.

Times are integers of nanoseconds since 1970 throughout the package: a float or a datetime would lose digits.
"""

from __future__ import annotations

import calendar
import re
import time
from datetime import UTC, datetime

from migration_ops.vault.errors import DamagedError

NANOSECONDS = 1_000_000_000
_FIRST = -62167219200  # 0000-01-01
_LAST = 253402300799  # 9999-12-31T23:59:59
_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(Z|([+-])(\d\d):(\d\d))\Z"
)
_days: dict[int, str] = {}


def now() -> int:
    """The present."""
    return time.time_ns()


def format_time(nanoseconds: int) -> str:
    """Write a time in UTC without trailing zeros in its fraction; years outside 0-9999 are clamped."""
    seconds, fraction = divmod(nanoseconds, NANOSECONDS)
    if not _FIRST <= seconds <= _LAST:
        seconds, fraction = min(max(seconds, _FIRST), _LAST), 0
    day, rest = divmod(seconds, 86400)
    date = _days.get(day)
    if date is None:
        if len(_days) > 50_000:
            _days.clear()
        date = _days[day] = _format_day(day)
    hour, rest = divmod(rest, 3600)
    minute, second = divmod(rest, 60)
    if not fraction:
        return f"{date}T{hour:02d}:{minute:02d}:{second:02d}Z"
    return f"{date}T{hour:02d}:{minute:02d}:{second:02d}.{fraction:09d}".rstrip("0") + "Z"


def _format_day(day: int) -> str:
    """Date of a day since 1970, in the proleptic Gregorian calendar from year 0 on, which datetime lacks."""
    era, day_of_era = divmod(day + 719468, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day_of_month = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return f"{year:04d}-{month:02d}-{day_of_month:02d}"


def parse_time(text: str) -> int:
    """Read a time of any zone.

    :raises DamagedError: if it is no RFC 3339 time.
    """
    match = _PATTERN.match(text)
    if match is None:
        raise DamagedError(f"{text!r} is not a time in RFC 3339")
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    # timegm counts from year 1 on; 400 Gregorian years are always 146097 days.
    shift = 400 if year < 1 else 0
    seconds = calendar.timegm((year + shift, month, day, hour, minute, second)) - (
        146097 * 86400 if shift else 0
    )
    return (seconds - _offset(match)) * NANOSECONDS + int((match[7] or "0").ljust(9, "0"))


def _offset(match: re.Match[str]) -> int:
    if match[8] == "Z":
        return 0
    offset = int(match[10]) * 3600 + int(match[11]) * 60
    return -offset if match[9] == "-" else offset


def utc_offset_of(text: str) -> int:
    """Seconds east of UTC of the zone in which a time was written."""
    match = _PATTERN.match(text)
    return _offset(match) if match else 0


def as_datetime(nanoseconds: int) -> datetime:
    """The time as an aware datetime, for display and calendars; finer digits than microseconds are lost."""
    return datetime.fromtimestamp(nanoseconds // NANOSECONDS, UTC).replace(
        microsecond=nanoseconds % NANOSECONDS // 1000
    )
