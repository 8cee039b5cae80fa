"""An expected value with a range, and how ranges add up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Range(BaseModel):
    """What is expected, and between which values four of five outcomes should lie.

    :param low: one outcome of ten is lower.
    :param point: the expected value.
    :param high: one outcome of ten is higher.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: float = Field(ge=0)
    point: float = Field(ge=0)
    high: float = Field(ge=0)

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not self.low <= self.point <= self.high:
            raise ValueError(f"{self.low} ≤ {self.point} ≤ {self.high} doesn't hold")
        return self

    @classmethod
    def exactly(cls, value: float) -> Range:
        """A value that is known."""
        return cls(low=value, point=value, high=value)

    @classmethod
    def around(cls, low: float, point: float, high: float) -> Range:
        """A range of calculated values: rounding can't put the point outside."""
        return cls(low=max(0.0, min(low, point)), point=max(0.0, point), high=max(high, point, 0.0))

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def at_most(self, bound: float) -> Range:
        """The range, cut at a bound that nothing can exceed."""
        return Range(low=min(self.low, bound), point=min(self.point, bound), high=min(self.high, bound))


def total(ranges: Iterable[Range]) -> Range:
    """The sum of independent quantities.

    Points add up; the distances to low and high add as the root of the sum of their squares, each side by
    itself. Plain addition would ask that everything goes wrong at once. (R. Barlow, "Asymmetric errors",
    2003, says where this usual rule is an approximation: for strongly skewed parts it is a little wide.)
    """
    parts = list(ranges)
    point = math.fsum(part.point for part in parts)
    below = math.sqrt(math.fsum((part.point - part.low) ** 2 for part in parts))
    above = math.sqrt(math.fsum((part.high - part.point) ** 2 for part in parts))
    return Range.around(point - below, point, point + above)
