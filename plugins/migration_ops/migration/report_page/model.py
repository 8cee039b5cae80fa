"""What a run's report says, as data: the JSON next to the page, and the page's only input."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from migration_ops.migration.forecast import Comparison, Forecast, seconds_text
from migration_ops.migration.report_page.outages import Outage, outages_text
from migration_ops.migration.switchover import AddressChange

Outcome = Literal["finished", "rolled back", "verified", "failed", "running"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Record):
    """Something that took time.

    :param detail: what it did, in few words.
    :param down: whether the application was down meanwhile.
    """

    name: str
    began: datetime
    ended: datetime
    detail: str = ""
    down: bool = False

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began).total_seconds()


class VolumeLine(_Record):
    """One volume, from the source to the target.

    :param added_bytes: what the final delta added to the vault.
    :param differences: what a second reading of the target found; none if nobody read it again.
    """

    source: str
    target: str
    storage_class: str = ""
    bytes: int = 0
    files: int = 0
    added_bytes: int = 0
    backup_seconds: float | None = None
    restore_seconds: float | None = None
    differences: int | None = None
    warnings: list[str] = []


class FindingLine(_Record):
    """A finding of the rules or of the readiness report."""

    severity: Literal["blocker", "decision", "warning", "info"]
    origin: str
    object: str
    text: str
    suggestion: str = ""


class ChangeLine(_Record):
    """A change that a rule made; values are shown only where they can't be secret."""

    object: str
    path: str
    rule: str
    before: str | None = None
    after: str | None = None


class ProbeLine(_Record):
    """A question to the application in the target."""

    probe: str
    passed: bool
    detail: str = ""


class VerificationPart(_Record):
    """What the verification looked at and found."""

    objects: int = 0
    volumes: int = 0
    bytes: int = 0
    different: list[str] = []
    explained: list[str] = []
    settled: list[str] = []
    readings: list[str] = []
    probes: list[ProbeLine] = []

    @property
    def passed(self) -> bool:
        """Whether nothing differed and every probe passed."""
        return not self.different and all(probe.passed for probe in self.probes)


class ResourcesPart(_Record):
    """What became of the objects.

    :param kinds: number of captured objects by `apiVersion/Kind`.
    :param actions: number of applied objects by what was done.
    :param stayed: what was left behind, with the reason.
    """

    kinds: dict[str, int] = {}
    actions: dict[str, int] = {}
    changes: list[ChangeLine] = []
    stayed: list[tuple[str, str]] = []


class RunReport(_Record):
    """One run of a plan.

    :param kind: `cutover`, `rehearsal`, `rollback`, ...
    :param downtime_seconds: from the first stop to the last verified workload, or to the source's start if it
        was rolled back before; none while it goes on.
    :param outages: each time in which the application was down.
    """

    version: Literal[1] = 1
    plan: str
    description: str = ""
    kind: str
    run: str
    outcome: Outcome
    source: str
    target: str
    began: datetime
    ended: datetime
    made: datetime
    downtime_seconds: float | None = None
    outages: list[Outage] = []
    point: str = ""
    timeline: list[Span] = []
    volumes: list[VolumeLine] = []
    resources: ResourcesPart = ResourcesPart()
    findings: list[FindingLine] = []
    verification: VerificationPart | None = None
    forecast: Forecast | None = None
    comparison: Comparison | None = None
    addresses: list[AddressChange] = []

    @property
    def down_now(self) -> bool:
        """Whether the application was still down when the report was made."""
        return bool(self.outages) and self.outages[-1].ended is None

    @property
    def downtime_text(self) -> str:
        """How long the application was down, or since when it is; `-` if the run never stopped it."""
        if self.down_now:
            return self.outages[-1].text(self.made)
        if len(self.outages) > 1:
            return " + ".join(seconds_text(one.seconds or 0.0) for one in self.outages)
        return "-" if self.downtime_seconds is None else seconds_text(self.downtime_seconds)

    @property
    def down_again_text(self) -> str:
        """All times in which the application was down, if there is more than one; else nothing."""
        return outages_text(self.outages, self.made) if len(self.outages) > 1 else ""
