"""Durations, rates, times, amounts and names as people write them: `4h`, `50MiB/s`, `01:00`, `1Gi`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from migration_ops.bad_input import in_form

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_LONGEST = timedelta(days=3653)
_FASTEST = 2.0**50
_DURATION = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
_RATE = r"^\d+(\.\d+)?(B|KiB|MiB|GiB|KB|MB|GB)/s$"


_TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
# As https://github.com/distribution/reference has it, but for the names of hosts, which are only bounded.
IMAGE = (
    r"^((?=[^/]*[.:]|localhost)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?/)?"
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
    r"(:\w[\w.-]{0,127})?(@sha(256:[0-9a-f]{64}|512:[0-9a-f]{128}))?$"
)


def parse_duration(text: Any) -> Any:
    """Turn `90s`, `1h30m` into a timedelta; pydantic checks anything else: a number is seconds.

    :raises ValueError: if a text isn't a duration.
    """
    if isinstance(text, bool):  # to Python a number
        text = str(text).lower()
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
    if isinstance(text, bool):  # to Python a number
        text = str(text).lower()
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


def _not_negative(duration: timedelta) -> timedelta:
    if duration < timedelta(0):
        raise ValueError("a duration can't be shorter than nothing")
    return duration


_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE]\d{1,2})?$")
_DECIMAL = {"": 1.0, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}
_AMOUNTS = {"cpu": "500m or 2", "memory": "512Mi or 1Gi", "ephemeral-storage": "1Gi"}


def amount(text: str) -> float:
    """Read a Kubernetes quantity such as `500m`, `2` or `1Gi`.

    :raises ValueError: if it is none.
    """
    match = _AMOUNT.match(text)
    if not match:
        raise ValueError(f"{text!r} is no quantity; write for example 500m, 2 or 1Gi")
    number, unit = float(match[1]), match[2] or ""
    if unit[:1] in {"e", "E"} and unit[1:]:
        return number * 10.0 ** int(unit[1:])
    return number * (_DECIMAL | _BINARY)[unit]


def check_resources(resources: Any) -> Any:
    """Check a pod's requests or limits, and turn numbers into the texts that Kubernetes reads.

    :raises ValueError: naming the resource whose amount can't be meant.
    """
    if not isinstance(resources, dict):
        return resources
    checked: dict[Any, Any] = {}
    for name, value in resources.items():
        if name not in _AMOUNTS:
            raise ValueError(f"{name!r} is nothing that a mover can ask for; there are {', '.join(_AMOUNTS)}")
        text = str(value)
        try:
            found = amount(text)
        except ValueError:
            raise ValueError(f"{name}: {text!r} is no quantity; write {_AMOUNTS[name]}") from None
        whole = found >= 1 and text[-1:] != "m"
        if found <= 0 or (name == "cpu" and text[-1:] == "i") or (name != "cpu" and not whole):
            raise ValueError(f"{name}: {text!r} is no amount of {name}; write {_AMOUNTS[name]}")
        checked[name] = text
    return checked


Resources = Annotated[
    dict[str, str],
    BeforeValidator(check_resources, json_schema_input_type=dict[str, str | int | float]),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(
        parse_duration,
        json_schema_input_type=Annotated[str, Field(pattern=_DURATION)] | Annotated[float, Field(gt=0)],
    ),
    AfterValidator(_positive),
    PlainSerializer(duration_text, return_type=str),
]
Patience = Annotated[
    timedelta,
    BeforeValidator(
        parse_duration,
        json_schema_input_type=Annotated[str, Field(pattern=_DURATION)] | Annotated[float, Field(ge=0)],
    ),
    AfterValidator(_not_negative),
    PlainSerializer(duration_text, return_type=str),
]
"""A duration that may be none at all: `0s`."""
BytesPerSecond = Annotated[
    int,
    BeforeValidator(
        parse_rate,
        json_schema_input_type=Annotated[str, Field(pattern=_RATE)] | Annotated[int, Field(ge=1024)],
    ),
    PlainSerializer(lambda rate: f"{rate}B/s", return_type=str),
    Field(ge=1024),
]
TimeOfDay = Annotated[
    str,
    in_form(_TIME, "a time of day from 00:00 to 23:59"),
    Field(json_schema_extra={"pattern": _TIME}, examples=["01:00"]),
]
DnsLabel = Annotated[
    str,
    in_form(_DNS_LABEL, "a DNS label: up to 63 lower case letters, digits and inner hyphens"),
    Field(json_schema_extra={"pattern": _DNS_LABEL}, examples=["shop"]),
]
ImageName = Annotated[
    str,
    in_form(IMAGE, "the name of an image: HOST/PATH:TAG, or HOST/PATH@sha256:DIGEST"),
    Field(min_length=1, max_length=512, examples=["registry.example.com/migration-ops-mover:1"]),
]
Percentage = Annotated[int, Field(ge=1, le=100)]
