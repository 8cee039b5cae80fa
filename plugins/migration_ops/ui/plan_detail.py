"""What the page of one plan shows, as data."""

from __future__ import annotations

from migration_ops.migration.report_page.model import FindingLine, RunReport
from migration_ops.ui.movers import MoverLine
from migration_ops.ui.plan_state import PlanLine, PointLine, Record
from migration_ops.ui.runs import RunLine
from migration_ops.ui.trouble import Trouble
from migration_ops.ui.volumes_now import VolumeRow


class PlanDetail(Record):
    """One plan.

    :param chart: the newest restore points, for the picture.
    :param points: the first of them, for the table.
    :param stored_bytes: what all restore points added to the vault.
    :param content_bytes: the size of all their contents, each counted whole.
    :param others: movers that belong to no volume.
    :param movers: all movers of runs that aren't over.
    :param last_cutover: the newest run that stopped the source.
    """

    plan: PlanLine
    chart: list[PointLine] = []
    points: list[PointLine] = []
    stored_bytes: int = 0
    content_bytes: int = 0
    volumes: list[VolumeRow] = []
    others: list[MoverLine] = []
    movers: list[MoverLine] = []
    findings: list[FindingLine] = []
    runs: list[RunLine] = []
    last_cutover: RunReport | None = None
    troubles: list[Trouble] = []

    @property
    def saved_share(self) -> float | None:
        """The part of all contents that deduplication and compression saved."""
        return max(0.0, 1 - self.stored_bytes / self.content_bytes) if self.content_bytes else None

    @property
    def findings_by_severity(self) -> dict[str, int]:
        """Number of findings by severity, the worst first."""
        counts = dict.fromkeys(("blocker", "decision", "warning", "info"), 0)
        for one in self.findings:
            counts[one.severity] += 1
        return {name: count for name, count in counts.items() if count}
