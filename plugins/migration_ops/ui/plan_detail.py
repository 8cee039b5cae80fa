"""What the page of one plan shows, as data."""

from __future__ import annotations

from collections.abc import Sequence

from migration_ops.migration.report_page.model import FindingLine, RunReport, Span
from migration_ops.ui.findings_now import Look, Severity
from migration_ops.ui.movers import MoverLine
from migration_ops.ui.paging import Page, cut, matching
from migration_ops.ui.plan_state import PlanLine, PointLine, Record
from migration_ops.ui.run_lines import RunLine
from migration_ops.ui.trouble import Trouble
from migration_ops.ui.volumes_now import VolumeRow

VOLUMES_ON_A_PAGE = 100


class PlanDetail(Record):
    """One plan.

    :param chart: the newest restore points, for the picture.
    :param points: the first of them, for the table.
    :param stored_bytes: what all restore points added to the vault.
    :param content_bytes: the size of all their contents, each counted whole.
    :param volumes: one page of them.
    :param volume_pages: which page that is, and what was searched for; its items are `volumes`.
    :param others: movers that belong to no volume.
    :param movers: all movers of runs that aren't over.
    :param movers_more: tasks of these runs that aren't listed.
    :param looked: the newest look at what stands against a cutover, which `findings` are of; none if nobody
        looked yet.
    :param looked_before: a readiness report that found more than the newest look can know.
    :param findings_more: how many findings aren't listed.
    :param runs_more: how many runs aren't listed.
    :param stopped: the newest run that stopped the source.
    :param last_cutover: what its journal says.
    :param timeline: all of it, with what lies between the steps.
    """

    plan: PlanLine
    chart: list[PointLine] = []
    points: list[PointLine] = []
    stored_bytes: int = 0
    content_bytes: int = 0
    volumes: list[VolumeRow] = []
    volume_pages: Page[VolumeRow] = Page(items=[], total=0, page=1, pages=1)
    others: list[MoverLine] = []
    movers: list[MoverLine] = []
    movers_more: int = 0
    looked: Look | None = None
    looked_before: Look | None = None
    findings: list[FindingLine] = []
    findings_more: int = 0
    findings_by_severity: dict[Severity, int] = {}
    runs: list[RunLine] = []
    runs_more: int = 0
    stopped: RunLine | None = None
    last_cutover: RunReport | None = None
    timeline: list[Span] = []
    troubles: list[Trouble] = []

    @property
    def saved_share(self) -> float | None:
        """The part of all contents that deduplication and compression saved."""
        return max(0.0, 1 - self.stored_bytes / self.content_bytes) if self.content_bytes else None

    def with_volumes(self, rows: Sequence[VolumeRow], q: str, number: int) -> PlanDetail:
        """The plan with one page of its volumes.

        :param rows: all of them.
        :param q: words that their names must have.
        :param number: the page's, counted from 1.
        """
        matched = matching(rows, q, lambda row: f"{row.namespace}/{row.claim}".lower())
        shown = cut(matched, number, q=q, size=VOLUMES_ON_A_PAGE)
        pages = shown.model_copy(update={"items": []})
        return self.model_copy(update={"volumes": shown.items, "volume_pages": pages})
