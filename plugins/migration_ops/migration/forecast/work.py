"""How long moving bytes takes: a fixed part and a part that grows with them.

The line through (bytes, seconds) is Theil's and Sen's: its slope is the median of the slopes between all
pairs of samples (P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63, 1968),
its start the median of what remains. A quarter of the samples may be arbitrarily wrong without moving it far.
What the samples deviate from the line, as a factor, is predicted like any other positive quantity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from migration_ops.migration.forecast.prediction import NEWEST, predict
from migration_ops.migration.forecast.ranges import Range

ASSUMED_BYTES_PER_SECOND = 30 * 2**20
ASSUMED_START_SECONDS = 2.0
_UNKNOWN = Range(low=0.4, point=1.0, high=3.0)
_SHORTEST = 0.01
_LARGE = 32 * 2**20


@dataclass(frozen=True)
class Sample:
    """One measurement.

    :param bytes: what was moved.
    :param seconds: how long it took.
    """

    bytes: float
    seconds: float


def throughput(samples: Sequence[Sample]) -> float | None:
    """Bytes per second of those samples that are large enough to tell; nothing if there is none."""
    rates = [one.bytes / one.seconds for one in samples if one.bytes >= _LARGE and one.seconds > 0]
    return median(rates) if rates else None


@dataclass(frozen=True)
class WorkModel:
    """Seconds for an amount of bytes.

    :param start_seconds: what even nothing takes.
    :param seconds_per_byte: the rest.
    :param factor: how far a single outcome is from the line.
    :param samples: how many measurements are behind it; 0 means that it is assumed.
    """

    start_seconds: float
    seconds_per_byte: float
    factor: Range
    samples: int

    @classmethod
    def fit(cls, samples: Sequence[Sample], bytes_per_second: float | None = None) -> WorkModel:
        """Learn from measurements.

        :param samples: oldest first.
        :param bytes_per_second: a measured throughput (the vault probe's), for when the samples are too alike
            to tell the fixed part from the rest.
        """
        slope = 1.0 / (bytes_per_second or ASSUMED_BYTES_PER_SECOND)
        newest = [
            Sample(one.bytes, max(one.seconds, _SHORTEST)) for one in samples[-NEWEST:] if one.seconds > 0
        ]
        if not newest:
            return cls(ASSUMED_START_SECONDS, slope, _UNKNOWN, 0)
        slopes = [
            (later.seconds - earlier.seconds) / (later.bytes - earlier.bytes)
            for number, earlier in enumerate(newest)
            for later in newest[number + 1 :]
            if later.bytes != earlier.bytes
        ]
        if slopes:
            slope = max(0.0, median(slopes))
        start = median(one.seconds - slope * one.bytes for one in newest)
        if start < _SHORTEST:  # nothing can't take less than no time: a line through the origin then
            rates = [one.seconds / one.bytes for one in newest if one.bytes > 0]
            start, slope = _SHORTEST, median(rates) if rates else slope
        ratios = [one.seconds / (start + slope * one.bytes) for one in newest]
        return cls(start, slope, predict(ratios) or _UNKNOWN, len(newest))

    def seconds(self, amount: Range) -> Range:
        """How long an amount of bytes takes.

        :param amount: in bytes.
        """
        low, point, high = (
            self.start_seconds + self.seconds_per_byte * value
            for value in (amount.low, amount.point, amount.high)
        )
        factor = self.factor
        return Range.around(low * factor.low, point * factor.point, high * factor.high)
