"""Where the marks of the restore points' picture lie: sizes to coordinates, no drawing.

Each point has a bar for what it added to the vault and a dot for the size of its content. The scale is
logarithmic: a full backup and an increment a thousandth of it are both to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from migration_ops.mover import size_text
from migration_ops.ui.plan_state import PointLine

WIDTH, HEIGHT = 1000.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 74.0, 14.0, 12.0, 30.0
_MOST_POINTS = 90
_WIDEST_BAR = 34.0
_LEAST_BYTES = 1024.0
_MOST_LABELS = 8
_STEP = 32.0
"""From one line of the scale to the next: KiB, 32 KiB, MiB, ..."""


@dataclass(frozen=True)
class Mark:
    """One restore point in the picture.

    :param x: middle of its bar.
    :param top: upper end of its bar.
    :param dot: where its size lies.
    """

    point: PointLine
    x: float
    top: float
    height: float
    dot: float
    label: str


@dataclass(frozen=True)
class SizesPicture:
    """The whole picture.

    :param ticks: lines of the scale: where, and what it says.
    :param line: the sizes' line, as SVG's `points`.
    :param left_out: number of older points that aren't shown.
    """

    marks: list[Mark]
    bar: float
    ticks: list[tuple[float, str]]
    line: str
    left_out: int
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM
    width: float = WIDTH
    height: float = HEIGHT


def draw_sizes(points: Sequence[PointLine]) -> SizesPicture | None:
    """Lay out restore points; nothing if there are none.

    :param points: oldest first; of many the newest are shown.
    """
    if not points:
        return None
    shown = points[-_MOST_POINTS:]
    sizes = [max(_LEAST_BYTES, size) for one in shown for size in (one.bytes, one.added_bytes)]
    low = math.floor(math.log(min(sizes), _STEP))
    high = max(low + 1, math.ceil(math.log(max(sizes) * 1.01, _STEP)))
    room, depth = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    each = room / len(shown)

    def place(size: float) -> float:
        part = (math.log(max(size, _LEAST_BYTES), _STEP) - low) / (high - low)
        return round(_TOP + depth * (1 - min(1.0, max(0.0, part))), 1)

    step = max(1, math.ceil(len(shown) / _MOST_LABELS))
    bottom = HEIGHT - _BOTTOM
    marks = [
        Mark(
            point=one,
            x=round(_LEFT + each * (number + 0.5), 1),
            top=min(place(one.added_bytes), bottom - 1),
            height=max(1.0, round(bottom - place(one.added_bytes), 1)),
            dot=place(one.bytes),
            label=f"{one.began:%m-%d %H:%M}" if number % step == 0 else "",
        )
        for number, one in enumerate(shown)
    ]
    return SizesPicture(
        marks=marks,
        bar=round(min(_WIDEST_BAR, each * 0.7), 2),
        ticks=[(place(_STEP**power), size_text(_STEP**power)) for power in range(low, high + 1)],
        line=" ".join(f"{mark.x},{mark.dot}" for mark in marks),
        left_out=len(points) - len(shown),
    )
