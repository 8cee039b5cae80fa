"""What the pages say while the source is stopped: whether the application runs anywhere, and what to do."""

from __future__ import annotations

import html

import pytest

from .conftest import (
    FakeAirflow,
    Hook,
)
from .written_vault import SERVED, airflow_run, airflow_with, stopped_by


def test_an_application_that_a_half_done_rollback_left_nowhere_is_told_on_list_and_page(empty, pages):
    stopped_by(empty, *SERVED, "rolled-back")
    shown = pages(hook=lambda _: Hook(empty.location))
    for path in ("/", "/plans/shop"):
        text = " ".join(html.unescape(shown.settled(path).text).split())
        assert "<strong>shop</strong> runs nowhere since" in text, path
        assert "the source is stopped, and the target was emptied; no run is at work on it." in text, path
        assert "Run shop.rollback again: it starts the source." in text, path
        assert "For that, cluster shop_source has to answer." in text, path
    page = " ".join(shown.settled("/plans/shop").text.split())
    assert "half rolled back" in page
    assert "<b>runs nowhere</b>" in page
    assert "The application is <strong>down since" in page
    assert '<span class="badge bad">runs nowhere</span>' in shown.settled("/").text


def test_a_target_that_a_rollback_emptied_in_part_is_not_told_as_moved(empty, pages):
    stopped_by(empty, *SERVED, "finished", "undoing")
    shown = pages(hook=lambda _: Hook(empty.location))
    for path in ("/", "/plans/shop"):
        text = " ".join(html.unescape(shown.settled(path).text).split())
        assert "a rollback that began to empty the target has not come to its end" in text, path
        assert "Run shop.rollback again: it deletes the rest, and starts the source." in text, path
        assert "moved" not in text, path
    assert '<span class="badge bad">partly emptied</span>' in shown.settled("/").text
    page = " ".join(html.unescape(shown.settled("/plans/shop").text).split())
    assert "<b>partly emptied</b>" in page
    assert "came to no end: part of it may be gone" in page
    assert "half rolled back" in page
    shown = pages(
        hook=lambda _: Hook(empty.location), airflow=airflow_with(airflow_run("rollback", "running"))
    )
    assert '<span class="badge warn">being emptied</span>' in shown.settled("/").text


def test_a_cluster_that_is_away_is_named_on_the_page_of_a_plan_that_runs_nowhere(empty, plan_of):
    stopped_by(empty, *SERVED, "rolled-back")
    away = "cluster shop_source"
    assert away in [one["where"] for one in plan_of()[0]["troubles"]]
    empty.journal.write("rollback-1", "taken-back")
    assert away not in [one["where"] for one in plan_of()[0]["troubles"]]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (("failed",), "runs nowhere: the source is stopped since"),
        (("restored", "applied", "failed"), "may run nowhere: the source is stopped since"),
    ],
)
def test_a_cutover_that_was_left_after_its_stop_is_told_with_the_way_out(empty, plan_of, events, said):
    stopped_by(empty, *events)
    detail, text = plan_of()
    assert said in detail["plan"]["nowhere"]["message"]
    assert "Clear the failed step to go on, or run shop.rollback" in detail["plan"]["nowhere"]["remedy"]
    assert said in text


@pytest.mark.parametrize("kind", ["cutover", "rollback"])
def test_a_stop_that_a_run_is_at_work_on_is_no_trouble_and_not_moved_either(empty, plan_of, kind):
    stopped_by(empty, "restored")
    airflow = airflow_with(airflow_run(kind, "running"))
    tasks = f"/dags/shop.{kind}/dagRuns/manual__{kind}/taskInstances"
    airflow.answers[tasks] = {"task_instances": []}
    detail, text = plan_of(airflow)
    line = detail["plan"]
    assert (line["nowhere"], line["moved"], line["stopped"] is not None) == (None, False, True)
    assert "<b>not serving</b>" in text


def test_a_rollback_that_cannot_begin_is_not_at_work_on_a_stop(empty, plan_of):
    stopped_by(empty, "restored")
    airflow = airflow_with(airflow_run("rollback", "queued"))
    airflow.answers["/dags/shop.rollback"] = {"is_paused": False}
    assert plan_of(airflow)[0]["plan"]["nowhere"] is None
    airflow.answers["/dags/shop.rollback"] = {"is_paused": True}
    assert "runs nowhere" in plan_of(airflow)[0]["plan"]["nowhere"]["message"]


def test_what_only_airflow_could_tell_of_a_stop_is_not_claimed(empty, plan_of):
    stopped_by(empty, *SERVED, "rolled-back")
    airflow = FakeAirflow()
    airflow.answers.clear()
    said = plan_of(airflow)[0]["plan"]["nowhere"]["message"]
    assert said.endswith("Airflow doesn't say whether a run is at work on it")


def test_a_source_that_was_started_again_is_no_trouble(empty, plan_of):
    stopped_by(empty, *SERVED, "rolled-back", "resumed")
    detail, text = plan_of()
    line = detail["plan"]
    assert "The application was <strong>down" in text
    assert ", and again" in text
    assert (line["nowhere"], line["stopped"]) == (None, None)


def test_a_backup_of_the_stopped_source_does_not_hide_that_the_application_has_moved(empty, plan_of):
    stopped_by(empty, *SERVED)
    empty.point(1)
    detail, text = plan_of()
    assert detail["plan"]["moved"]
    assert [one["staged"] for one in detail["volumes"]] == ["moved"]
    assert "nothing is there yet" not in text
