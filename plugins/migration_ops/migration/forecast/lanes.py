"""How long several volumes take when only some move at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from migration_ops.migration.forecast.ranges import Range


def in_lanes(durations: Sequence[Range], lanes: int) -> Range:
    """The time until the last one is done.

    Never less than the longest, nor than all of them shared evenly; at most that share plus the part
    1 - 1/lanes of the longest, in whatever order they start (R. L. Graham, "Bounds on multiprocessing timing
    anomalies", 1969).
    The lower bound is what is expected, since volumes are few and of very different size; the upper bound
    closes the range.

    :param durations: one per volume.
    :param lanes: how many move at a time.
    """
    if not durations:
        return Range.exactly(0.0)
    low = _at_least([one.low for one in durations], lanes)
    point = _at_least([one.point for one in durations], lanes)
    return Range.around(low, point, _at_most([one.high for one in durations], lanes))


def _at_least(seconds: Sequence[float], lanes: int) -> float:
    return max(*seconds, math.fsum(seconds) / lanes)


def _at_most(seconds: Sequence[float], lanes: int) -> float:
    if len(seconds) <= lanes:
        return max(seconds)
    return math.fsum(seconds) / lanes + (1 - 1 / lanes) * max(seconds)
