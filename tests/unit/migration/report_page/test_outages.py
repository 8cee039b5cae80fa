"""How long the application was down is told for what it is: going on, ended by a rollback, or twice."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from migration_ops.migration.forecast import run_times
from migration_ops.migration.journal import Event
from migration_ops.migration.report_page import build_report, render_page
from migration_ops.migration.report_page.outages import find_outages
from migration_ops.migration.report_page.timeline import draw

from .conftest import START


def event(name: str, began: float, ended: float | None = None, **data: object) -> Event:
    at = [START + timedelta(seconds=one) for one in (began, began if ended is None else ended)]
    return Event(plan="shop", run="run-1", name=name, began=at[0], ended=at[1], data=data)


STOP = [event("quiesce-begun", 0), event("quiesced", 0, 4), event("final-delta", 5, 12)]
MOVED = [*STOP, event("restored", 12, 15), event("applied", 15, 17), event("verified", 17, 23)]
# The first try empties the target; the source's start fails, and both are done once more.
BACK = [event("rolled-back", 100, 110), event("rolled-back", 353, 354), event("resumed", 354, 374)]


def test_a_rollback_that_has_only_begun_to_empty_the_target_has_begun_a_downtime():
    (_, again) = find_outages([*MOVED, event("undoing", 99), event("failed", 120)])
    assert (again.began, again.ended) == (event("undoing", 99).began, None)
    (_, again) = find_outages([*MOVED, event("undoing", 99), *BACK])
    assert (again.began, again.seconds) == (event("undoing", 99).began, 275)


ASKED = [
    *STOP,
    event("restored", 12, 15),
    event("applied", 15, 17),
    event("ready", 17, 20),
    event("failed", 40),
]


def test_while_people_think_about_a_failed_verification_the_target_serves():
    (outage,) = find_outages(ASKED)
    assert outage.seconds == 20
    (outage,) = find_outages([*ASKED, event("verified", 90, 100)])
    assert outage.seconds == 20


def test_a_rollback_after_a_failed_verification_is_a_downtime_of_its_own(plan, facts):
    report = told(plan, facts, *ASKED, event("undoing", 60), *BACK, after=900)
    assert [one.seconds for one in report.outages] == [20, 314]
    assert report.downtime_text == "20 s + 5 min 14 s"


def told(plan, facts, *events: Event, after: float):
    bare = dataclasses.replace(facts, events=events, point=None, restored=(), forecast=None, addresses=())
    return build_report(plan, "cutover", "run-1", bare, now=START + timedelta(seconds=after))


def test_a_downtime_that_goes_on_is_told_with_its_begin_and_up_to_now(plan, facts):
    report = told(plan, facts, *STOP, after=80)
    assert (report.down_now, report.downtime_seconds) == (True, None)
    assert report.downtime_text == "down since 02:00:00 UTC, 1 min 20 s so far"
    picture = draw(report.timeline, report.outages, report.made)
    assert picture.down_text == report.downtime_text
    assert picture.between_text == ""
    assert sum(picture.down[0]) > picture.bars[-1].x + picture.bars[-1].width
    assert "down since 02:00:00 UTC, 1 min 20 s so far</b><span>downtime, goes on" in render_page(report)


def test_the_moment_after_the_stop_has_a_downtime_already(plan, facts):
    assert told(plan, facts, STOP[0], after=3).downtime_text == "down since 02:00:00 UTC, 3.0 s so far"


def test_a_failure_does_not_end_a_downtime(plan, facts):
    assert told(plan, facts, *STOP, event("failed", 30), after=80).down_now


def test_a_run_rolled_back_before_it_was_verified_was_down_until_its_source_started(plan, facts):
    report = told(plan, facts, *STOP, event("rolled-back", 600, 610), event("resumed", 610, 640), after=900)
    assert (report.downtime_seconds, report.downtime_text) == (640, "10 min 40 s")
    assert {span.name for span in report.timeline if span.down} >= {"roll back", "resume"}


def test_a_rollback_after_the_verification_is_a_downtime_of_its_own(plan, facts):
    report = told(plan, facts, *MOVED, *BACK, after=900)
    assert report.downtime_seconds == 23
    assert report.downtime_text == "23 s + 4 min 34 s"
    again = "down 23 s, and again 4 min 34 s from 02:01:40 to 02:06:14 UTC"
    assert report.down_again_text == again
    page = render_page(report)
    assert f"The application was {again}." in page
    assert page.count("Shaded: the application is down") == 2
    assert "4 min 3 s of it between the steps: tasks being begun, tried again, or asked about" in page


def test_the_target_is_emptied_and_the_source_does_not_start(plan, facts):
    report = told(plan, facts, *MOVED, BACK[0], after=340)
    assert report.downtime_text == "down since 02:01:40 UTC, 4 min so far"
    assert report.down_again_text == "down 23 s, and again down since 02:01:40 UTC, 4 min so far"


def test_every_try_of_a_step_is_in_the_timeline(plan, facts):
    names = [span.name for span in told(plan, facts, *MOVED, *BACK, after=900).timeline]
    assert names.count("roll back") == 2


def test_starting_a_source_whose_application_serves_in_the_target_is_no_downtime():
    assert len(find_outages([*MOVED, event("resumed", 100, 110)])) == 1


def test_a_rehearsal_stops_nothing():
    assert find_outages([event("rehearsal-begun", 0, 3), event("verified", 20, 30)]) == []


@pytest.mark.parametrize("later", [[], BACK], ids=["moved", "taken back later"])
def test_forecasts_learn_the_same_of_a_cutover_whatever_came_after_it(later):
    assert run_times("run-1", [*MOVED, *later]) == run_times("run-1", MOVED)


def test_another_run_that_finished_the_move_ended_the_downtime(plan, facts):
    over = dataclasses.replace(facts, events=STOP, over=START + timedelta(seconds=500))
    assert build_report(plan, "cutover", "run-1", over).downtime_seconds == 500


def test_the_run_of_a_rollback_names_its_step_and_where_the_others_stand(plan, facts):
    (span,) = told(plan, facts, event("taken-back", 0, 9, run="manual-1"), after=10).timeline
    assert (span.name, span.detail) == ("resume", "the other steps of it stand in run manual-1")
