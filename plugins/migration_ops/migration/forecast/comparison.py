"""The forecast next to what was measured."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from migration_ops.migration.forecast.history import RunTimes
from migration_ops.migration.forecast.model import Forecast, seconds_text
from migration_ops.migration.forecast.ranges import Range

DOWNTIME = "downtime"
MEASURED_FROM = (
    "A step is measured from the end of the step before to its own end: it includes its beginning by Airflow."
)
_SAME_SECONDS = 0.05


class ComparedStep(BaseModel):
    """One step, expected and measured.

    :param expected: in seconds; none if the forecast didn't know the step.
    :param measured: in seconds; none if the run didn't reach it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: str
    expected: Range | None
    measured: float | None

    @property
    def error(self) -> float | None:
        """By which part of the measured time the forecast was off: 0.2 means a fifth too long."""
        if self.expected is None or not self.measured:
            return None
        return self.expected.point / self.measured - 1.0

    @property
    def difference(self) -> str:
        """How much faster or slower the step was than expected, in words; nothing if one isn't known."""
        if self.expected is None or self.measured is None:
            return ""
        seconds = self.measured - self.expected.point
        if abs(seconds) < _SAME_SECONDS:
            return "as expected"
        return f"{seconds_text(abs(seconds))} {'slower' if seconds > 0 else 'faster'}"

    @property
    def inside(self) -> bool | None:
        """Whether the measured time lies in the range."""
        return None if self.expected is None or self.measured is None else self.measured in self.expected


class Comparison(BaseModel):
    """A forecast and the run that it was made for; the downtime itself is the last entry."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    steps: list[ComparedStep]

    @property
    def downtime(self) -> ComparedStep:
        """The whole."""
        return next(one for one in self.steps if one.step == DOWNTIME)

    def markdown(self) -> str:
        """A table for the last approval and the task's log."""
        lines = ["| step | expected | range | measured | difference |", "| --- | --- | --- | --- | --- |"]
        for one in self.steps:
            expected = seconds_text(one.expected.point) if one.expected else "-"
            bounds = (
                f"{seconds_text(one.expected.low)} to {seconds_text(one.expected.high)}"
                if one.expected
                else "-"
            )
            measured = seconds_text(one.measured) if one.measured is not None else "-"
            lines.append(f"| {one.step} | {expected} | {bounds} | {measured} | {one.difference or '-'} |")
        return "\n".join([*lines, "", MEASURED_FROM])


def compare(forecast: Forecast, run: RunTimes) -> Comparison:
    """Put a run's times next to what was expected of it."""
    names = list(dict.fromkeys([*(one.step for one in forecast.steps), *run.seconds]))
    steps = [
        ComparedStep(
            step=name,
            expected=found.seconds if (found := forecast.step(name)) else None,
            measured=run.seconds.get(name),
        )
        for name in names
    ]
    whole = ComparedStep(step=DOWNTIME, expected=forecast.downtime, measured=run.downtime_seconds)
    return Comparison(steps=[*steps, whole])
