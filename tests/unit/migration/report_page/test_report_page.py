"""The report says what happened, needs nothing beside itself, and keeps secrets."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from migration_ops.migration.journal import Event
from migration_ops.migration.report_page import (
    DATA_FILE,
    PAGE_FILE,
    RunReport,
    build_report,
    render_page,
    report_files,
)
from migration_ops.migration.report_page.model import FindingLine, Span
from migration_ops.migration.report_page.outages import Outage
from migration_ops.migration.report_page.timeline import LABEL_WIDTH, draw
from migration_ops.migration.withholding import WITHHELD

MARKER = "marker-of-a-password"
VOID = {"meta", "br", "wbr", "link", "img"}


class Elements(HTMLParser):
    """Checks that elements are closed in order, and remembers what the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.references += [value for name, value in attributes if name in {"src", "href", "action"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_the_page_is_whole_and_fetches_nothing(report):
    page = render_page(report)
    found = elements(page)
    assert found.references == []
    assert not {"script", "link", "img", "iframe"} & set(found.seen)
    assert "url(" not in page
    assert "@import" not in page
    assert "svg" in found.seen


def test_the_page_suits_dark_and_narrow_screens(report):
    page = render_page(report)
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


@pytest.mark.parametrize(
    "text",
    [
        "shop cutover",
        "1 min 23 s",
        "31.0 MiB of 2.0 GiB changed",
        "24 created, 1 updated",
        "47.98.12.34",
        "none yet",
        "is scaled by its autoscaler",
        "(for 23 s)",
        "metadata and 5 % of the content",
        "exec statefulset/db: pg_isready",
        "suspend it where it runs before the cutover",
        "belongs to EKS",
    ],
)
def test_the_page_tells(report, text):
    assert text in render_page(report)


def test_no_value_of_a_secret_is_in_either_file(report):
    encoded = base64.b64encode(MARKER.encode()).decode()
    for content in report_files(report).values():
        assert MARKER not in content
        assert encoded not in content
    assert f"token {WITHHELD} accepted" in render_page(report)


def test_values_of_changes_are_shown_only_where_they_are_names(report):
    image, variable = report.resources.changes
    assert image.after == "registry-vpc.cn-hangzhou.aliyuncs.com/shop/web:1.0"
    assert (variable.before, variable.after) == (None, None)


def test_text_from_outside_stays_text(report):
    hostile = FindingLine(
        severity="warning",
        origin="x",
        object="<img src=x onerror=alert(1)>",
        text="<script>alert(1)</script>",
    )
    page = render_page(report.model_copy(update={"findings": [hostile]}))
    assert "<script" not in page
    assert "<img" not in page
    elements(page)


def test_the_data_reads_back_as_the_same_report(report):
    files = report_files(report)
    assert set(files) == {PAGE_FILE, DATA_FILE}
    assert RunReport.model_validate_json(files[DATA_FILE]) == report
    assert json.loads(files[DATA_FILE])["downtime_seconds"] == pytest.approx(83.2)


def test_the_forecast_is_compared_with_what_was_measured(report):
    assert report.comparison.downtime.inside
    assert abs(report.comparison.downtime.error) < 0.3
    assert report.outcome == "finished"


def test_a_run_that_failed_early_has_a_report_too(plan, facts):
    begun = facts.events[0]
    early = dataclasses.replace(facts, events=[begun], point=None, restored=(), forecast=None, addresses=())
    report = build_report(plan, "cutover", "run-1", early)
    assert (report.outcome, report.downtime_seconds, report.timeline) == ("running", None, [])
    elements(render_page(report))


def test_an_empty_journal_gives_an_empty_report(plan, facts):
    empty = dataclasses.replace(facts, events=[], point=None, restored=(), transformation=None, readiness=())
    elements(render_page(build_report(plan, "rehearsal", "run-1", empty)))


def test_a_rolled_back_run_is_called_so(plan, facts):
    last = facts.events[-1]
    undone = Event(plan="shop", run="run-1", name="rolled-back", began=last.ended, ended=last.ended)
    report = build_report(
        plan, "cutover", "run-1", dataclasses.replace(facts, events=[*facts.events, undone])
    )
    assert report.outcome == "rolled back"


def test_differences_and_wrong_answers_are_seen_at_once(plan, facts):
    def spoilt(event: Event) -> Event:
        if event.name != "verified":
            return event
        return event.model_copy(
            update={"data": event.data | {"different": ["v1/Service/shop-prod/web is missing"]}}
        )

    events = [spoilt(event) for event in facts.events]
    report = build_report(plan, "cutover", "run-1", dataclasses.replace(facts, events=events))
    assert not report.verification.passed
    assert "v1/Service/shop-prod/web is missing" in render_page(report)
    assert "1 differ" in render_page(report)


def test_the_restore_is_drawn_also_when_nobody_noted_it(plan, facts):
    events = [event for event in facts.events if event.name != "restored"]
    report = build_report(plan, "cutover", "run-1", dataclasses.replace(facts, events=events))
    (restore,) = [span for span in report.timeline if span.name == "restore"]
    assert restore.seconds == pytest.approx(14.2)


def test_a_restore_of_which_only_the_end_was_noted_is_drawn_too(plan, facts):
    def untimed(event: Event) -> Event:
        return event.model_copy(update={"began": event.ended}) if event.name == "restored" else event

    events = [untimed(event) for event in facts.events]
    report = build_report(plan, "cutover", "run-1", dataclasses.replace(facts, events=events))
    (restore,) = [span for span in report.timeline if span.name == "restore"]
    assert (restore.seconds, restore.detail, restore.down) == (pytest.approx(14.2), "2 volumes", True)


def test_the_picture_is_of_the_downtime_however_long_the_approval_took(plan, facts):
    begun = facts.events[0].began
    looked = Event(
        plan="shop",
        run="run-1",
        name="prepared",
        began=begun - timedelta(hours=3),
        ended=begun - timedelta(hours=3, seconds=-20),
    )
    report = build_report(
        plan, "cutover", "run-1", dataclasses.replace(facts, events=[looked, *facts.events])
    )
    assert [span.name for span in report.timeline][:2] == ["prepare", "quiesce"]
    page = render_page(report)
    assert "From 2026-11-22 03:59:00 UTC on." in page
    assert page.count('class="bar down"') == 6
    assert 'class="bar"' not in page


def test_bars_lie_where_their_times_are(report):
    picture = draw(report.timeline, report.outages)
    first, last = picture.bars[0], picture.bars[-1]
    assert first.x == LABEL_WIDTH
    assert last.x + last.width == pytest.approx(sum(picture.down[0]), abs=0.1)
    for before, after in zip(picture.bars, picture.bars[1:], strict=False):
        assert after.x == pytest.approx(before.x + before.width, abs=0.1)
        assert after.y > before.y
    assert [tick.text for tick in picture.ticks] == ["0", "15 s", "30 s", "45 s", "1:00", "1:15"]


@pytest.mark.parametrize(
    ("seconds", "last"), [(0.2, "1 s"), (5, "5 s"), (150, "2:30"), (1800, "30 min"), (5 * 3600, "5 h")]
)
def test_the_scale_suits_any_length(report, seconds, last):
    began = report.began
    picture = draw([Span(name="x", began=began, ended=began + timedelta(seconds=seconds))])
    assert picture.ticks[-1].text == last
    assert len(picture.ticks) <= 9
    assert picture.down == []


def test_nothing_is_drawn_of_nothing():
    assert draw([]) is None


def test_time_between_steps_is_told_where_it_matters(report):
    def span(first: float, last: float) -> Span:
        began = report.began
        at = [began + timedelta(seconds=one) for one in (first, last)]
        return Span(name="x", began=at[0], ended=at[1], down=True)

    def stopped(seconds: float) -> list[Outage]:
        return [Outage(began=report.began, ended=report.began + timedelta(seconds=seconds))]

    gaps = draw([span(0, 10), span(4, 12), span(20, 22), span(25, 40)], stopped(40))
    assert gaps.between_text.startswith("11 s of it between the steps")
    assert draw([span(0, 10), span(10.1, 20)], stopped(20)).between_text == ""
