"""A cutover's timeline has no hole where somebody was asked, or something was made fresh."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from migration_ops.migration import Plan
from migration_ops.migration.events import Event
from migration_ops.ui.run_spans import whole_run
from migration_ops.ui.runs import run_report

from .conftest import NOON, PLAN


def event(name: str, began: float, ended: float, **data: str) -> Event:
    return Event(
        plan="shop",
        run="r",
        name=name,
        began=NOON + timedelta(seconds=began),
        ended=NOON + timedelta(seconds=ended),
        data=data,
    )


BEFORE = [
    event("prepared", 0, 6),
    event("answered", 40, 40, question="approve", answer="Approve", by="ops"),
    event("staged", 55, 55),
]
STOP = [
    event("quiesce-begun", 62, 62),
    event("quiesced", 62, 66),
    event("final-delta", 66, 75),
    event("adapted", 75, 76),
    event("restored", 76, 80),
    event("applied", 80, 82),
    event("ready", 82, 85),
    event("verified", 85, 87),
]
AFTER = [
    event("answered", 120, 120, question="finish", answer="Finish", by="ops"),
    event("finished", 123, 123),
]


def whole(*events: Event):
    report = run_report(Plan.model_validate(PLAN), "cutover", "r", events)
    return whole_run(report.timeline, events), report


def test_a_whole_cutover_has_a_span_for_all_of_its_time():
    spans, _ = whole(*BEFORE, *STOP, *AFTER)
    names = [span.name for span in spans]
    assert names[:4] == ["prepare", "approval", "fresh copy", "standby"]
    assert names[-2:] == ["report, question", "finish"]
    assert all(after.began <= before.ended for before, after in pairwise(spans))
    assert spans[1].detail == "Approve, by ops"


def test_the_downtime_of_the_report_is_kept_as_it_is():
    spans, report = whole(*BEFORE, *STOP, *AFTER)
    assert [span for span in spans if span.down] == [span for span in report.timeline if span.down]
    assert report.downtime_seconds == 25
    assert {span.name for span in report.timeline}.isdisjoint({"approval", "standby", "finish"})


def test_a_cutover_that_waits_shows_what_is_over():
    assert [span.name for span in whole(*BEFORE[:1])[0]] == ["prepare"]
    assert [span.name for span in whole(*BEFORE[:2])[0]] == ["prepare", "approval"]
    assert [span.name for span in whole(*BEFORE)[0]] == ["prepare", "approval", "fresh copy"]


def test_other_runs_stay_as_they_are():
    events = [event("restore-begun", 0, 5), event("staged", 5, 20), event("applied", 20, 25)]
    spans, report = whole(*events)
    assert spans == report.timeline


def test_the_time_in_which_somebody_was_asked_about_a_failed_step_has_a_span():
    failed = event("failed", 86, 86, step="verify", reason="Role is missing")
    answered = event("answered", 140, 140, question="verify", answer="Retry", by="ops")
    spans, _ = whole(*BEFORE, *STOP[:-1], failed, answered, event("verified", 141, 144))
    (asked,) = [span for span in spans if span.name == "verify failed, question"]
    assert ((asked.ended - asked.began).total_seconds(), asked.detail) == (54, "Retry, by ops")


def test_a_try_that_emptied_the_target_in_part_has_a_span_of_its_own():
    tries = [
        event("undoing", 200, 200),
        event("failed", 260, 260, step="rollback.undo_target", reason="no answer"),
        event("undoing", 300, 300),
        event("rolled-back", 300, 302),
        event("resumed", 302, 310),
    ]
    spans, _ = whole(*BEFORE, *STOP, *tries)
    assert [
        (one.name, (one.ended - one.began).total_seconds()) for one in spans if one.name == "roll back"
    ] == [
        ("roll back", 60),
        ("roll back", 2),
    ]
