"""A run's kind, outcome and times, from the journal's tags and from what Airflow says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.migration import Plan
from migration_ops.ui.airflow_runs import KnownRun
from migration_ops.ui.run_lines import RunLine, run_line, run_lines, waits_of
from migration_ops.ui.vault_index import PlanSlips

from .conftest import PLAN
from .slips import FINAL, NOON, journal, plan, slip

CUTOVER = ["prepared", "answered", "staged", "quiesce-begun", "quiesced", "restored", "applied", "verified"]


def shut() -> dict:
    """A schedule with no window now: the next one begins in two hours."""
    start = datetime.now(UTC) + timedelta(hours=2)
    end = start + timedelta(hours=1)
    return {"window": {"start": f"{start:%H}:00", "end": f"{end:%H}:00", "timezone": "UTC"}}


def line(*events: str, kind: str = "", state: str = "", schedule: dict | None = None) -> RunLine:
    """A run that wrote these events, and of which Airflow says something unless it has forgotten it."""
    slips = plan(journal("r", *events)) if events else PlanSlips()
    ended = None if state in {"running", "queued"} else NOON + timedelta(minutes=5)
    known = KnownRun(kind, state, NOON, ended, "/dags/x") if state else None
    return run_line(Plan.model_validate(PLAN | {"schedule": schedule or {}}), "r", slips, known)


@pytest.mark.parametrize("kind", ["connect", "staging", "restore", "rollback", "backup", "cutover"])
def test_a_run_that_airflow_calls_failed_is_failed_and_red_whatever_it_wrote_before(kind):
    for events in ([], ["connected"], ["window-ended"], ["verified"]):
        found = line(*events, kind=kind, state="failed")
        assert (found.kind, found.outcome, found.tone, found.told) == (kind, "failed", "bad", bool(events))


@pytest.mark.parametrize("state", ["failed", "success", ""])
def test_a_cutover_is_rolled_back_only_when_the_source_was_started_too(state):
    emptied = line(*CUTOVER, "rolled-back", kind="cutover", state=state)
    assert (emptied.outcome, emptied.tone) == ("half rolled back", "bad")
    assert line(*CUTOVER, "rolled-back", "resumed", kind="cutover", state=state).outcome == "rolled back"
    assert line(*CUTOVER, "resumed", "rolled-back", kind="cutover", state=state).outcome == "rolled back"
    assert (
        line(*CUTOVER, "finished", "rolled-back", kind="cutover", state=state).outcome == "half rolled back"
    )


@pytest.mark.parametrize("state", ["failed", "success", ""])
def test_a_cutover_whose_target_is_partly_emptied_is_half_rolled_back(state):
    begun = [*CUTOVER, "finished", "undoing"]
    assert line(*begun, "failed", kind="cutover", state=state).outcome == "half rolled back"
    assert line(*begun, "resumed", kind="cutover", state=state).outcome == "resumed"
    assert line(*begun, "ready", "verified", kind="cutover", state="").outcome == "finished"


def test_a_failed_cutover_that_was_taken_back_says_that():
    assert line(*CUTOVER, "failed", "rolled-back", "resumed", kind="cutover", state="failed").outcome == (
        "rolled back"
    )


@pytest.mark.parametrize("events", [[], ["window-ended"], ["window-ended", "window-ended"]])
def test_a_backup_that_went_on_after_its_window_shows_its_end_and_airflows_times(events):
    found = line(*events, kind="backup", state="success")
    assert (found.outcome, found.tone, found.seconds) == ("done", "good", 300)


def test_a_run_waits_for_its_window_only_while_airflow_runs_it_and_no_window_is_open():
    found = line("window-ended", kind="backup", state="running", schedule=shut())
    assert (found.outcome, found.ended) == ("waits for its window", None)
    assert found.waits_until is not None
    assert found.waits_until > datetime.now(UTC)
    assert line("window-ended", kind="backup", state="running").outcome == "running"
    assert line("window-ended", kind="backup", state="success", schedule=shut()).waits_until is None
    forgotten = line("window-ended", schedule=shut())
    assert (forgotten.kind, forgotten.outcome, forgotten.waits_until) == (
        "backup",
        "stopped at its window's end",
        None,
    )


def test_a_task_that_waits_makes_its_run_wait_though_the_journal_has_no_word_of_it():
    shop = Plan.model_validate(PLAN)
    known = {"r": KnownRun("staging", "running", NOON, None, "/dags/x")}
    until = datetime.now(UTC) + timedelta(hours=1)
    (found,) = run_lines(shop, None, known, {"r": until})
    assert (found.outcome, found.waits_until) == ("waits for its window", until)


def test_the_list_of_plans_knows_waits_from_the_journal():
    shop = Plan.model_validate(PLAN | {"schedule": shut()})
    known = {
        "r": KnownRun("backup", "running", NOON, None, ""),
        "other": KnownRun("backup", "running", NOON, None, ""),
    }
    assert list(waits_of(shop, plan(journal("r", "window-ended")), known)) == ["r"]
    assert waits_of(shop, None, known) == {}


@pytest.mark.parametrize(
    ("events", "kind", "outcome"),
    [
        (CUTOVER, "cutover", "verified"),
        ([*CUTOVER, "answered", "finished"], "cutover", "finished"),
        ([*CUTOVER, "finished", "rolled-back", "resumed"], "cutover", "rolled back"),
        ([*CUTOVER, "resumed"], "cutover", "resumed"),
        ([*CUTOVER, "resumed", "quiesce-begun", "quiesced"], "cutover", "not ended"),
        (CUTOVER[:-2], "cutover", "not ended"),
        ([*CUTOVER[:-2], "failed"], "cutover", "failed"),
        ([*CUTOVER[:-2], "failed", "applied"], "cutover", "not ended"),
        (["answered", "taken-back"], "rollback", "rolled back"),
        (["connected", "looked"], "connect", "looked"),
        (["looked"], "cutover", "looked"),
        (["rehearsal-begun", "staged", "applied", "verified", "torn-down"], "rehearsal", "torn down"),
        (["restore-begun", "staged", "applied", "verified"], "restore", "verified"),
        (["staged"], "staging", "staged"),
    ],
)
def test_the_journal_alone_tells_a_run_that_airflow_has_forgotten(events, kind, outcome):
    found = line(*events)
    assert (found.kind, found.outcome) == (kind, outcome)


@pytest.mark.parametrize(
    ("events", "state", "outcome"),
    [
        (["answered", "taken-back"], "success", "rolled back"),
        (["answered"], "success", "done"),
        (["answered"], "running", "running"),
        (["answered"], "failed", "failed"),
    ],
)
def test_a_rollback_of_its_own_has_its_own_kind_and_end(events, state, outcome):
    found = line(*events, kind="rollback", state=state)
    assert (found.kind, found.outcome, found.stopped) == ("rollback", outcome, False)


def test_a_cutover_stays_a_cutover_though_the_rollbacks_report_lies_in_its_journal():
    known = plan(journal("r", *CUTOVER, "rolled-back", "resumed"), slip("report", run="r", report="rollback"))
    found = run_line(Plan.model_validate(PLAN), "r", known, None)
    assert (found.kind, found.outcome, found.has_report, found.stopped) == (
        "cutover",
        "rolled back",
        True,
        True,
    )


def test_a_step_that_failed_and_asks_makes_its_run_wait_for_an_answer():
    found = line("quiesce-begun", "failed", kind="cutover", state="running")
    assert (found.outcome, found.tone) == ("waits for an answer", "ask")


def test_runs_of_both_are_listed_once_and_the_newest_first():
    known = {
        "journal-and-airflow": KnownRun("cutover", "success", NOON + timedelta(days=1), None, "a"),
        "airflow-only": KnownRun("backup", "failed", NOON + timedelta(days=2), None, "b"),
    }
    slips = plan(
        slip("resources", point=FINAL),
        journal("journal-only", "connected"),
        journal("journal-and-airflow", *CUTOVER),
    )
    found = run_lines(Plan.model_validate(PLAN), slips, known)
    assert [(one.run, one.told) for one in found] == [
        ("airflow-only", False),
        ("journal-and-airflow", True),
        ("journal-only", True),
    ]


@pytest.mark.parametrize(("state", "outcome"), [("success", "ended, how isn't known"), ("failed", "failed")])
def test_a_run_of_which_the_vault_cannot_be_asked_is_not_called_done(state, outcome):
    known = KnownRun("cutover", state, NOON, NOON, "/dags/x")
    found = run_line(Plan.model_validate(PLAN), "r", None, known)
    assert (found.outcome, found.told, found.tone == "good") == (outcome, None, False)


def test_a_run_that_was_cleared_began_when_its_journal_did_and_is_listed_there():
    cleared = journal("cutover", "quiesce-begun", "failed")
    later = journal("rollback", "taken-back")
    again, ended = NOON + timedelta(hours=1), NOON + timedelta(hours=1, seconds=43)
    known = {
        "cutover": KnownRun("cutover", "success", again, ended, "a"),
        "rollback": KnownRun("rollback", "success", later[0].time - timedelta(seconds=0.5), ended, "b"),
    }
    rollback, cutover = run_lines(Plan.model_validate(PLAN), plan(cleared, later), known)
    assert (rollback.run, cutover.run) == ("rollback", "cutover")
    assert (rollback.began, cutover.began) == (known["rollback"].began, cleared[0].time)
    assert cutover.seconds == (ended - cleared[0].time).total_seconds()


def test_a_run_that_waits_in_the_queue_has_not_begun_unless_it_was_cleared():
    due = NOON + timedelta(days=1)
    known = {
        "queued": KnownRun("backup", "queued", due, None, "a", queued=True),
        "cleared": KnownRun("cutover", "queued", due, None, "b", queued=True),
    }
    written = journal("cleared", "quiesce-begun")
    queued, cleared = run_lines(Plan.model_validate(PLAN), plan(written), known)
    assert (queued.run, queued.began, queued.seconds) == ("queued", None, None)
    assert (cleared.run, cleared.began) == ("cleared", written[0].time)
