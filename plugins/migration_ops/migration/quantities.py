"""Durations, rates and times of day as people write them in a plan: `4h`, `50MiB/s`, `01:00`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_LONGEST = timedelta(days=3653)
_FASTEST = 2.0**50
_DURATION = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
_RATE = r"^\d+(\.\d+)?(B|KiB|MiB|GiB|KB|MB|GB)/s$"


def parse_duration(text: Any) -> Any:
    """Turn `90s`, `1h30m` into a timedelta; anything else is handed on to pydantic's own check.

    :raises ValueError: if a text isn't a duration.
    """
    if not isinstance(text, str):
        return text
    if not re.match(_DURATION, text):
        raise ValueError(f"{text!r} is not a duration; write for example 60s, 15m, 4h or 1h30m")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than ten years; write for example 60s, 15m, 4h or 1h30m")
    return timedelta(seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """Write a timedelta as plans do: whole seconds where that is exact."""
    seconds = duration.total_seconds()
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{round(seconds * 1000)}ms"


def parse_rate(text: Any) -> Any:
    """Turn `50MiB/s` into bytes per second; numbers are taken as bytes per second.

    :raises ValueError: if a text isn't a rate.
    """
    if not isinstance(text, str):
        return text
    match = re.match(r"^(\d+(?:\.\d+)?)(\w+)/s$", text)
    if not match or match[2] not in _BYTES:
        raise ValueError(f"{text!r} is not a rate; write for example 50MiB/s")
    rate = float(match[1]) * _BYTES[match[2]]
    if rate > _FASTEST:
        raise ValueError(f"{text!r} is more than any network carries; write for example 50MiB/s")
    return int(rate)


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError("a duration must be longer than nothing")
    return duration


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=Annotated[str, Field(pattern=_DURATION)]),
    AfterValidator(_positive),
    PlainSerializer(duration_text, return_type=str),
]
BytesPerSecond = Annotated[
    int,
    BeforeValidator(parse_rate, json_schema_input_type=Annotated[str, Field(pattern=_RATE)]),
    PlainSerializer(lambda rate: f"{rate}B/s", return_type=str),
    Field(ge=1024),
]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["01:00"])]
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", examples=["shop"])]
Percentage = Annotated[int, Field(ge=1, le=100)]
