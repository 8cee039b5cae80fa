"""What a forecast says: records that go into approvals, the journal and the report."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from migration_ops.migration.forecast.ranges import Range
from migration_ops.mover import size_text

ASSUMED = "assumed"
"""What a step's forecast rests on that was never measured."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StepForecast(_Record):
    """One step of the downtime.

    :param basis: what it rests on, in words: `2 earlier runs`, `assumed`.
    """

    step: str
    seconds: Range
    basis: str


class VolumeForecast(_Record):
    """One volume's part in it.

    :param delta_bytes: what will have changed since the newest restore point.
    :param backup_seconds: to move that into the vault.
    :param restore_seconds: to move it into the target's claim.
    """

    namespace: str
    claim: str
    bytes: int
    delta_bytes: Range
    backup_seconds: Range
    restore_seconds: Range


class Forecast(_Record):
    """The expected downtime of a cutover, before it is approved.

    :param downtime: in seconds, from the first stop to the last verified workload.
    :param runs: number of earlier runs that it rests on.
    :param dominant: the step that takes most of it, with the volume that makes it long if one does.
    :param dominant_share: that step's part of the whole, between 0 and 1.
    """

    plan: str
    made: datetime
    downtime: Range
    steps: list[StepForecast]
    volumes: list[VolumeForecast] = []
    runs: int = 0
    dominant: str = ""
    dominant_share: float = 0.0

    @property
    def guessed(self) -> bool:
        """Whether steps are assumed that this plan never measured: then the range is a guess, too."""
        return any(one.basis == ASSUMED for one in self.steps)

    def step(self, name: str) -> StepForecast | None:
        """The forecast of one step."""
        return next((one for one in self.steps if one.step == name), None)

    def markdown(self) -> str:
        """The forecast for an approval's text."""
        rests = f"{self.runs} earlier runs" if self.runs else "no earlier run of this plan: much is assumed"
        sure = "a guess, as not all steps were ever measured" if self.guessed else "four times of five"
        head = (
            f"Expected downtime: **{seconds_text(self.downtime.point)}** "
            f"({seconds_text(self.downtime.low)} to {seconds_text(self.downtime.high)}, {sure}), "
            f"from {rests}. Most of it is {self.dominant} ({self.dominant_share:.0%})."
        )
        lines = [
            head,
            "",
            "| step | expected | range | from |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| {one.step} | {seconds_text(one.seconds.point)} | {seconds_text(one.seconds.low)} to "
            f"{seconds_text(one.seconds.high)} | {one.basis} |"
            for one in self.steps
        ]
        if self.volumes:
            lines += ["", "| volume | size | change | back up | restore |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {one.namespace}/{one.claim} | {size_text(one.bytes)} | {size_text(one.delta_bytes.point)} | "
            f"{seconds_text(one.backup_seconds.point)} | {seconds_text(one.restore_seconds.point)} |"
            for one in self.volumes
        ]
        return "\n".join(lines)


def seconds_text(seconds: float) -> str:
    """A duration for people: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
