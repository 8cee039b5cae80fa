"""Runs on the pages: why they failed, what they wait for, what they left, and what became of that."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from migration_ops.migration import Plan
from migration_ops.migration.report_page import Facts, build_report
from migration_ops.migration.report_page.storing import save_report
from migration_ops.mover import run_key
from migration_ops.ui.rendering import clock

from .conftest import (
    PLAN,
    SECRET_VALUE,
    FakeAirflow,
    Hook,
)
from .written_vault import SERVED, Vault, airflow_run, airflow_with, stopped_by


@pytest.mark.parametrize("kind", ["connect", "stage", "restore", "rollback", "backup", "cutover"])
def test_a_run_that_failed_early_is_red_and_has_a_page_that_leads_to_airflow(plan_of, pages, empty, kind):
    airflow = airflow_with(airflow_run(kind, "failed"))
    detail, text = plan_of(airflow)
    (line,) = detail["runs"]
    assert (line["outcome"], line["told"]) == ("failed", False)
    assert '<span class="badge bad">failed</span>' in text
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    listed = shown.settled("/plans/shop/runs").text
    own = shown.settled(f"/plans/shop/runs/{run_key(f'shop.{kind}', f'manual__{kind}')}")
    assert '<span class="badge bad">failed</span>' in listed
    assert own.status_code == 200
    assert f"/dags/shop.{kind}/runs/manual__{kind}" in own.text
    assert "only Airflow tells its steps" in own.text


def test_the_page_of_a_failed_run_leads_to_the_tasks_that_failed(pages, empty):
    airflow = airflow_with(airflow_run("backup", "failed"))
    tasks = [
        {"task_id": "list_volumes", "map_index": -1, "state": "failed"},
        {"task_id": "save.mover", "map_index": 3, "state": "failed"},
        {"task_id": "save.mover", "map_index": 4, "rendered_map_index": "shop/data", "state": "failed"},
    ]
    airflow.answers["/dags/shop.backup/dagRuns/manual__backup/taskInstances"] = {"task_instances": tasks}
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    text = shown.settled(f"/plans/shop/runs/{run_key('shop.backup', 'manual__backup')}").text
    run = "/dags/shop.backup/runs/manual__backup"
    assert f'href="{run}/tasks/list_volumes" data-airflow>list_volumes</a>' in text
    assert f'href="{run}/tasks/save.mover/mapped/3" data-airflow>save.mover[3]</a>' in text
    assert f'href="{run}/tasks/save.mover/mapped/4" data-airflow>save.mover shop/data</a>' in text


@pytest.mark.parametrize("state", ["failed", "running", ""])
def test_the_page_of_a_failed_step_quotes_its_error_without_values_of_secrets(pages, empty, state):
    run = stopped_by(empty)
    reason = f"ApplyError: {SECRET_VALUE} was <refused>"
    empty.journal.write(run, "failed", data={"step": "resources", "reason": reason})
    tasks = [{"task_id": one, "map_index": -1, "state": "failed"} for one in ("resources", "other")]
    airflow = airflow_with(*([airflow_run("cutover", state)] if state else []))
    listed = tasks if state == "failed" else []
    airflow.answers["/dags/shop.cutover/dagRuns/manual__cutover/taskInstances"] = {"task_instances": listed}
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    text = shown.settled(f"/plans/shop/runs/{run}").text
    assert "<strong>resources</strong> ApplyError: (secret) was &lt;refused&gt;</div>" in text
    assert text.count("(secret) was") == 1
    assert SECRET_VALUE not in text
    assert ("lead to their logs in Airflow" in text) == (state == "failed")
    told = shown.settled(f"/api/plans/shop/runs/{run}").json()["line"]["failed_tasks"]
    assert told[0]["reason"] == "ApplyError: (secret) was <refused>"


def test_the_error_of_a_step_that_got_through_at_last_is_not_why_the_run_failed(pages, empty):
    run = stopped_by(empty, *SERVED[:3])
    empty.journal.write(run, "failed", data={"step": "resources", "reason": "mended since"})
    airflow = airflow_with(airflow_run("cutover", "failed"))
    tasks = [{"task_id": "verify", "map_index": -1, "state": "failed"}]
    airflow.answers["/dags/shop.cutover/dagRuns/manual__cutover/taskInstances"] = {"task_instances": tasks}
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    assert "mended since" not in shown.settled(f"/plans/shop/runs/{run}").text


@pytest.mark.parametrize(
    ("answer", "by", "said"),
    [
        ("Reject", "admin", "refused by admin"),
        ("Reject", "nobody in time", "nobody answered in time, which counts as no"),
        ("Leave as it is", "admin", "admin answered: Leave as it is"),
    ],
)
def test_the_page_of_a_run_that_an_answer_ended_tells_who_gave_it(pages, empty, answer, by, said):
    run = run_key("shop.rollback", "manual__rollback")
    empty.journal.write(run, "answered", data={"question": "approve", "answer": answer, "by": by})
    airflow = airflow_with(airflow_run("rollback", "failed"))
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    assert f"<strong>{said}</strong>" in shown.settled(f"/plans/shop/runs/{run}").text
    empty.journal.write(run, "failed", data={"step": "undo_target", "reason": "x"})
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    assert said not in shown.settled(f"/plans/shop/runs/{run}").text


def test_the_error_of_a_step_stays_on_its_runs_page_when_it_is_left_as_it_is(pages, empty):
    run = stopped_by(empty)
    empty.journal.write(run, "failed", data={"step": "verify", "reason": "VerificationError: no page"})
    left = {"question": "verify", "answer": "Leave as it is", "by": "admin"}
    empty.journal.write(run, "answered", data=left)
    airflow = airflow_with(airflow_run("cutover", "failed"))
    tasks = [{"task_id": "verify", "map_index": -1, "state": "failed"}]
    airflow.answers["/dags/shop.cutover/dagRuns/manual__cutover/taskInstances"] = {"task_instances": tasks}
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    text = shown.settled(f"/plans/shop/runs/{run}").text
    assert "<strong>admin answered: Leave as it is</strong>" in text
    assert "<strong>verify</strong> VerificationError: no page</div>" in text


def test_a_step_whose_failure_was_answered_with_a_rollback_is_not_where_the_rollback_failed(pages, empty):
    run = stopped_by(empty, *SERVED)
    empty.journal.write(run, "failed", data={"step": "finish", "reason": "x"})
    empty.journal.write(run, "answered", data={"question": "finish", "answer": "Roll back", "by": "admin"})
    empty.journal.write(run, "undoing")
    empty.journal.write(run, "failed", data={"step": "rollback.undo_target", "reason": "it is stuck"})
    failed = ("finish", "rollback.undo_target")
    tasks = [{"task_id": one, "map_index": -1, "state": "failed"} for one in failed]
    airflow = airflow_with(airflow_run("cutover", "failed"))
    airflow.answers["/dags/shop.cutover/dagRuns/manual__cutover/taskInstances"] = {"task_instances": tasks}
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    told = shown.settled(f"/api/plans/shop/runs/{run}").json()["line"]["failed_tasks"]
    assert [(one["task"], one["reason"]) for one in told] == [("rollback.undo_target", "it is stuck")]


def test_runs_that_airflow_has_beyond_the_bound_are_counted(empty, pages):
    airflow = airflow_with()
    many = [airflow_run("backup", "success") | {"dag_run_id": f"s{number}"} for number in range(300)]
    airflow.answers["/dags/~/dagRuns"] = {"dag_runs": many, "total_entries": 342}
    text = pages(hook=lambda _: Hook(empty.location), airflow=airflow).settled("/plans/shop/runs").text
    assert "Airflow has 42 older runs" in text


def test_a_successful_backup_is_among_the_runs(empty, plan_of):
    empty.journal.write("old-connect", "connected")
    detail, _ = plan_of(airflow_with(airflow_run("backup", "success")))
    assert {(one["kind"], one["outcome"]) for one in detail["runs"]} == {
        ("backup", "done"),
        ("connect", "looked"),
    }


def backup(number: int, state: str) -> dict[str, Any]:
    return airflow_run("backup", state) | {"dag_run_id": f"scheduled__{number}"}


def test_that_the_newest_backup_failed_stands_on_list_and_page_with_a_link_to_that_run(empty, pages):
    empty.point(0)
    airflow = airflow_with(backup(2, "queued"), backup(1, "failed"), backup(0, "success"))
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    failed = run_key("shop.backup", "scheduled__1")
    for path in ("/", "/plans/shop"):
        text = shown.settled(path).text
        assert '<span class="badge bad">newest backup failed</span>' in text, path
        at = clock(datetime(2026, 11, 23, 7, 5, tzinfo=UTC))
        assert f'/plans/shop/runs/{failed}">{at}</a>' in text, path
    told = shown.settled("/api/plans").json()["plans"][0]["failed_backup"]
    assert (told["run"], told["ended"]) == (failed, "2026-11-23T07:05:00Z")
    assert shown.settled("/api/plans/shop").json()["plan"]["failed_backup"] == told


@pytest.mark.parametrize("later", ["success", "running"])
def test_a_failed_backup_is_no_news_once_a_later_one_succeeded_or_is_at_work(empty, plan_of, later):
    airflow = airflow_with(backup(1, later), backup(0, "failed"))
    tasks = "/dags/shop.backup/dagRuns/scheduled__1/taskInstances"
    airflow.answers[tasks] = {"task_instances": []}
    detail, text = plan_of(airflow)
    assert detail["plan"]["failed_backup"] is None
    assert "newest backup failed" not in text


def test_a_failed_backup_is_no_news_once_a_cutover_has_begun_a_restore_point_after_it(empty, plan_of):
    airflow = airflow_with(backup(0, "failed"))
    empty.point(19)  # begun five minutes before the backup failed
    assert plan_of(airflow)[0]["plan"]["failed_backup"] is not None
    empty.point(20)
    detail, text = plan_of(airflow)
    assert detail["plan"]["failed_backup"] is None
    assert "newest backup failed" not in text


def test_a_queued_run_of_a_paused_dag_says_what_it_waits_for(empty, pages):
    airflow = airflow_with(backup(1, "queued"))
    airflow.answers["/dags/shop.backup/dagRuns/scheduled__1/taskInstances"] = {"task_instances": []}
    said = "its DAG is paused</strong>, so it begins once the DAG is unpaused in Airflow"
    for is_paused in (True, False):
        airflow.answers["/dags/shop.backup"] = {"is_paused": is_paused}
        shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
        own = f"/plans/shop/runs/{run_key('shop.backup', 'scheduled__1')}"
        for path in ("/", "/plans/shop", "/plans/shop/runs", own):
            assert (said in shown.settled(path).text) == is_paused, path
        (run,) = shown.settled("/api/plans").json()["plans"][0]["active_runs"]
        assert run["paused"] == is_paused


def test_a_queued_run_has_no_begin_and_takes_no_time(empty, pages):
    waits = backup(1, "queued") | {"start_date": None, "end_date": None, "run_after": "2026-11-23T07:00:00Z"}
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow_with(waits))
    listed = shown.settled("/plans/shop/runs").text
    assert '<td class="nowrap" data-label="Begun">-</td>' in listed
    assert '<td class="number" data-label="Took">-</td>' in listed
    own = shown.settled(f"/plans/shop/runs/{run_key('shop.backup', 'scheduled__1')}").text
    assert "only Airflow tells its steps: not begun yet." in own


def test_a_runs_page_tells_the_same_begin_as_the_list(empty, pages):
    run = run_key("shop.rollback", "manual__rollback")
    empty.journal.write(run, "answered", data={"question": "approve", "answer": "Approve", "by": "admin"})
    shown = pages(
        hook=lambda _: Hook(empty.location), airflow=airflow_with(airflow_run("rollback", "success"))
    )
    begun = shown.settled(f"/api/plans/shop/runs/{run}").json()["line"]["began"]
    at = f"{datetime.fromisoformat(begun):%Y-%m-%d %H:%M:%S} UTC"
    assert f"<span>Begun</span><b>{at}</b>" in shown.settled(f"/plans/shop/runs/{run}").text
    assert f'data-label="Begun">{at}</td>' in shown.settled("/plans/shop/runs").text


def test_no_mover_is_said_to_run_only_where_none_does(empty, plan_of):
    assert "No restore point has a volume yet. No mover runs." in plan_of()[1]
    airflow = airflow_with(airflow_run("backup", "running"))
    task = {
        "dag_id": "shop.backup",
        "dag_run_id": "manual__backup",
        "task_id": "volume",
        "map_index": 0,
        "rendered_map_index": "0",
        "state": "running",
    }
    airflow.answers["/dags/shop.backup/dagRuns/manual__backup/taskInstances"] = {"task_instances": [task]}
    text = plan_of(airflow)[1]
    assert "Other movers" in text
    assert "volume number 0" in text
    assert "No mover runs" not in text
    silent = FakeAirflow()
    silent.answers.clear()
    assert "Whether a mover runs is not known." in plan_of(silent)[1]


def test_runs_are_listed_though_the_vault_holds_no_restore_point(plan_of):
    detail, _ = plan_of(airflow_with(airflow_run("backup", "failed")))
    assert detail["plan"]["points"] == 0
    assert [one["outcome"] for one in detail["runs"]] == ["failed"]


def test_a_run_that_waits_for_its_window_says_until_when_on_list_and_page(empty, pages, plans):
    import yaml

    start = datetime.now(UTC) + timedelta(hours=2)
    window = {"start": f"{start:%H}:00", "end": f"{start + timedelta(hours=1):%H}:00", "timezone": "UTC"}
    (plans / "shop.yaml").write_text(yaml.safe_dump(PLAN | {"schedule": {"window": window}}))
    empty.journal.write(run_key("shop.backup", "manual__backup"), "window-ended")
    tasks = {"/dags/shop.backup/dagRuns/manual__backup/taskInstances": {"task_instances": []}}
    airflow = airflow_with(airflow_run("backup", "running"))
    airflow.answers |= tasks
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    for path in ("/", "/plans/shop", "/plans/shop/runs"):
        text = " ".join(shown.settled(path).text.split())
        assert "waits for its window" in text, path
        assert f"{start:%H}:00 UTC" in text, path


@pytest.mark.parametrize(
    ("kind", "state", "said"),
    [
        ("backup", "success", "as a backup has none: its page tells what is known of it."),
        ("cutover", "running", "it is written when the run ends."),
        ("cutover", "failed", "it ended before one was written."),
        ("", "", "has no run manual-nowhere, nor has Airflow."),
    ],
)
def test_why_a_run_has_no_report(empty, pages, kind, state, said):
    run = run_key(f"shop.{kind}", f"manual__{kind}") if kind else "manual-nowhere"
    airflow = airflow_with(*([airflow_run(kind, state)] if kind else []))
    shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
    shown.settled("/plans/shop/runs")
    answer = shown.settled(f"/plans/shop/runs/{run}/report")
    assert answer.status_code == 404
    assert said in html.unescape(answer.text)


def reported(empty: Vault, run: str) -> None:
    """The report of a run, as far as it has come."""
    facts = Facts(source="a", target="b", events=empty.journal.events(run))
    report = build_report(Plan.model_validate(PLAN), "cutover", run, facts)
    save_report(empty.repository, report, "source")


def test_the_report_of_a_cutover_is_shown_with_what_became_of_it_since(empty, pages):
    def shown() -> str:
        page = pages(hook=lambda _: Hook(empty.location)).settled(f"/plans/shop/runs/{run}/report")
        found = re.findall(r'<p role="status".*?</p>', page.text)
        return html.unescape(re.sub(r"<.*?>", "", found[0])) if found else ""

    day = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    run = stopped_by(empty, *SERVED)
    reported(empty, run)
    assert shown() == ""
    empty.journal.write(run, "finished")
    assert re.fullmatch(f"Since this report was written: finished at {day}.", shown())
    empty.journal.write(run, "undoing")
    assert re.search(f"finished at {day}; a rollback began to empty its target at {day}", shown())
    empty.journal.write(run, "rolled-back")
    assert "its target was emptied, its source isn't started at" in shown()
    empty.journal.write(run, "resumed")
    assert re.search(f"finished at {day}; rolled back at {day}", shown())
    empty.journal.write("rollback-1", "taken-back", data={"run": run})
    assert re.search(f"finished at {day}; rolled back by run rollback-1 at {day}", shown())
