"""Where the bars of the downtime's picture lie: times to coordinates, no drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from migration_ops.migration.forecast import seconds_text
from migration_ops.migration.report_page.model import Span
from migration_ops.migration.report_page.outages import Outage, outages_text

WIDTH = 1000.0
LABEL_WIDTH = 150.0
VALUE_WIDTH = 90.0
ROW = 30.0
BAR = 16.0
TOP = 26.0
_SMALLEST_BAR = 2.0
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MOST_TICKS = 8
_WORTH_TELLING = 0.05
_IDLE = "tasks being begun, tried again, or asked about"


@dataclass(frozen=True)
class Bar:
    """One span's bar.

    :param x: left end, in the picture's units.
    :param y: upper end.
    """

    name: str
    detail: str
    time: str
    x: float
    y: float
    width: float
    down: bool
    began: str

    @property
    def middle(self) -> float:
        """Where the row's texts stand."""
        return self.y + BAR / 2


@dataclass(frozen=True)
class Tick:
    """A line of the scale."""

    x: float
    text: str


@dataclass(frozen=True)
class Picture:
    """The whole picture.

    :param began: when its left end is.
    :param down: left end and width of each time in which the application was down.
    :param down_now: whether it still was when the picture was made.
    :param between_text: how much of the first of them lies between steps; empty if next to nothing does, or
        while it goes on.
    """

    width: float
    height: float
    bars: list[Bar]
    ticks: list[Tick]
    began: datetime
    down: list[tuple[float, float]]
    down_now: bool
    down_text: str
    between_text: str


def draw(
    spans: Sequence[Span], outages: Sequence[Outage] = (), now: datetime | None = None
) -> Picture | None:
    """Lay out the spans, one row each; nothing if there is nothing to draw.

    :param outages: when the application was down.
    :param now: where an outage ends that goes on.
    """
    if not spans:
        return None
    began, ended = min(span.began for span in spans), max(span.ended for span in spans)
    now = max(ended, now) if now else ended
    zones = [(one.began, one.ended or now) for one in outages]
    began, ended = min([began, *(one for one, _ in zones)]), max([ended, *(one for _, one in zones)])
    whole = max((ended - began).total_seconds(), 1.0)
    room = WIDTH - LABEL_WIDTH - VALUE_WIDTH

    def place(when: datetime) -> float:
        return LABEL_WIDTH + room * (when - began).total_seconds() / whole

    bars = [
        Bar(
            name=span.name,
            detail=span.detail,
            time=seconds_text(span.seconds),
            x=round(place(span.began), 2),
            y=TOP + number * ROW + (ROW - BAR) / 2,
            width=round(max(_SMALLEST_BAR, place(span.ended) - place(span.began)), 2),
            down=span.down,
            began=f"{span.began:%H:%M:%S}",
        )
        for number, span in enumerate(spans)
    ]
    between, step, down_now = "", _tick_step(whole), any(one.ended is None for one in outages)
    if outages and (first := outages[0]).seconds:
        idle = _between([span for span in spans if span.down and first.holds(span.began)])
        if idle >= _WORTH_TELLING * first.seconds:
            between = f"{seconds_text(idle)} of it between the steps: {_IDLE}"
    return Picture(
        width=WIDTH,
        height=TOP + len(spans) * ROW + 8,
        bars=bars,
        ticks=[
            Tick(round(LABEL_WIDTH + room * at / whole, 2), _tick_text(at, step))
            for at in range(0, int(whole) + 1, step)
        ],
        began=began,
        down=[(round(place(one), 2), round(place(end) - place(one), 2)) for one, end in zones],
        down_now=down_now,
        down_text=outages_text(outages, now) if outages else "",
        between_text=between,
    )


def draw_downtimes(spans: Sequence[Span], outages: Sequence[Outage], now: datetime) -> list[Picture]:
    """One picture for each time in which the application was down and steps are known: hours may lie between.

    :param now: where an outage ends that goes on.
    """
    drawn = (draw([span for span in spans if one.holds(span.began)], [one], now) for one in outages)
    return [picture for picture in drawn if picture]


def _between(spans: Sequence[Span]) -> float:
    """Seconds from the first beginning to the last end in which none of the spans was under way."""
    if not spans:
        return 0.0
    idle, reached = 0.0, min(span.began for span in spans)
    for span in sorted(spans, key=lambda one: one.began):
        idle += max(0.0, (span.began - reached).total_seconds())
        reached = max(reached, span.ended)
    return idle


def _tick_step(whole: float) -> int:
    return next((one for one in _STEPS if whole / one <= _MOST_TICKS), math.ceil(whole / _MOST_TICKS))


def _tick_text(seconds: int, step: int) -> str:
    """Minutes and seconds as on a clock where the scale needs both, else the larger unit alone."""
    if seconds == 0:
        return "0"
    for unit, length in (("h", 3600), ("min", 60)):
        if step % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60}:{seconds % 60:02d}"
