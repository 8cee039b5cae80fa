"""Times as the format writes them: RFC 3339 with up to nine digits, UTC, years 0 to 9999.

Times are integers of nanoseconds since 1970 throughout the package: a float or a datetime would lose digits.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from migration_ops.vault.errors import DamagedError

if TYPE_CHECKING:
    from datetime import datetime

NANOSECONDS = 1_000_000_000
_FIRST = -62167219200  # 0000-01-01
_LAST = 253402300799  # 9999-12-31T23:59:59
_FIRST_DAY = -62135510400  # 0001-01-02
_LAST_DAY = 253402214400  # 9999-12-31, so that a zone may add its hours
_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(Z|([+-])(\d\d):(\d\d))\Z"
)
# Files that were written together share their seconds; these save most of the arithmetic.
_texts: dict[int, str] = {}
_seconds: dict[str, int] = {}
_MOST_REMEMBERED = 100_000


def now() -> int:
    """The present."""
    return time.time_ns()


def format_time(nanoseconds: int) -> str:
    """Write a time in UTC without trailing zeros in its fraction; years outside 0-9999 are clamped."""
    seconds, fraction = divmod(nanoseconds, NANOSECONDS)
    text = _texts.get(seconds)
    if text is None:
        if not _FIRST <= seconds <= _LAST:
            seconds, fraction = min(max(seconds, _FIRST), _LAST), 0
        if len(_texts) > _MOST_REMEMBERED:
            _texts.clear()
        day, rest = divmod(seconds, 86400)
        hour, rest = divmod(rest, 3600)
        minute, second = divmod(rest, 60)
        text = _texts[seconds] = f"{_format_day(day)}T{hour:02d}:{minute:02d}:{second:02d}"
    if not fraction:
        return text + "Z"
    return f"{text}.{fraction:09d}".rstrip("0") + "Z"


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
    known = _seconds.get(text[:19])
    if known is not None and text[-1] == "Z":
        fraction = text[20:-1]
        if len(text) == 20 or (
            text[19] == "." and fraction.isascii() and fraction.isdigit() and len(fraction) <= 9
        ):
            return known * NANOSECONDS + int(fraction.ljust(9, "0") if fraction else 0)
    match = _PATTERN.match(text)
    if match is None:
        raise DamagedError(f"{text!r} is not a time in RFC 3339")
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 24 and minute <= 59 and second <= 60):
        raise DamagedError(f"{text!r} is not a time in RFC 3339")
    seconds = _days_before(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    if len(_seconds) > _MOST_REMEMBERED:
        _seconds.clear()
    _seconds[text[:19]] = seconds
    return (seconds - _offset(match)) * NANOSECONDS + int((match[7] or "0").ljust(9, "0"))


def _days_before(year: int, month: int, day: int) -> int:
    """Days from 1970 to a date of the proleptic Gregorian calendar, the inverse of :func:`_format_day`."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


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
    """The time as an aware datetime, for display and calendars.

    Finer digits than microseconds are lost, and times that no datetime in any zone can say are clamped.
    """
    from datetime import UTC, datetime

    nanoseconds = min(max(nanoseconds, _FIRST_DAY * NANOSECONDS), _LAST_DAY * NANOSECONDS)
    return datetime.fromtimestamp(nanoseconds // NANOSECONDS, UTC).replace(
        microsecond=nanoseconds % NANOSECONDS // 1000
    )
