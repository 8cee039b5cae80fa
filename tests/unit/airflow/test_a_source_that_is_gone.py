"""A source that is gone after everything was saved keeps nobody from finishing, and everybody is told."""

from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import Mock, create_autospec, patch

import pytest
from kubernetes import client

from migration_ops.hooks.cluster import ClusterHook
from migration_ops.migration import Plan
from migration_ops.migration.events import Event
from migration_ops.migration.journal import Journal
from migration_ops.migration.report_page import Facts, build_report
from migration_ops.operators.verify import FinishOperator, ReportCutoverOperator

CONTEXT = {"dag_run": SimpleNamespace(dag_id="shop.cutover", run_id="one"), "ti": Mock(try_number=1)}


@pytest.fixture
def source(monkeypatch):
    """A source whose API server isn't there any more."""
    monkeypatch.setattr("migration_ops.migration.stillness.SAVED_PATIENCE_SECONDS", 0.0)
    hook = create_autospec(ClusterHook, instance=True)
    hook.api_client = client.ApiClient(client.Configuration(host="http://127.0.0.1:1"))
    hook.cluster_name = "old"
    return hook


@pytest.fixture
def journal():
    return create_autospec(Journal, instance=True)


def made(step, source, journal):
    target = create_autospec(ClusterHook, instance=True)
    step.__dict__ |= {"source_hook": source, "target_hook": target, "journal": journal, "repository": None}
    return step


def written(journal):
    return {call.args[1]: call.kwargs.get("data") for call in journal.write.call_args_list}


def test_the_names_go_to_the_target_and_the_journal_says_what_isn_t_known(plan, source, journal):
    step = FinishOperator(
        task_id="finished", plan=plan, adapted="a", answer={"approved_by": "ops"}, stopped=[["shop", "data"]]
    )
    with (
        patch("migration_ops.migration.target.load_adapted", autospec=True, return_value=[]),
        patch("migration_ops.migration.target.release_names", autospec=True, return_value=["Service/web"]),
        patch("migration_ops.notifiers.telling.tell_finished", autospec=True),
        patch.object(FinishOperator, "log", Mock()) as log,
    ):
        assert made(step, source, journal).execute(CONTEXT)["released"] == ["Service/web"]
    assert written(journal)["source-silent"]["step"] == "finished"
    assert "finished" in written(journal)
    said = log.warning.call_args_list[0].args[1]
    assert "It isn't known whether old stood still" in said
    assert "127.0.0.1:1" in said


def test_who_is_asked_whether_to_finish_is_told_first_of_all(plan, source, journal):
    now = datetime.now(UTC)
    data = {"step": "verify", "reason": "no answer"}
    journal.events.return_value = [Event(plan="shop", run="r", name="source-silent", began=now, data=data)]
    report = SimpleNamespace(downtime_seconds=1.0)
    step = ReportCutoverOperator(task_id="report", plan=plan, adapted="a", volumes=[])
    source.cluster = SimpleNamespace(name="old")
    with (
        patch("migration_ops.migration.cutover.report_cutover", autospec=True, return_value=report),
        patch("migration_ops.migration.report.finish_text", autospec=True, return_value="Finish?"),
        patch("migration_ops.migration.report_page.storing.save_report", autospec=True, return_value="s"),
        patch("migration_ops.metrics.measure_downtime", autospec=True),
    ):
        facts = made(step, source, journal).execute(CONTEXT)["facts"]
    assert facts.startswith("**It isn't known whether old stood still** (in verify)")
    assert facts.endswith("Finish?")


def test_the_report_names_it_among_the_findings(plan):
    data = {"step": "verify", "reason": "no answer"}
    silent = Event(plan="shop", run="r", name="source-silent", began=datetime.now(UTC), data=data)
    report = build_report(Plan.model_validate(plan), "cutover", "r", Facts("old", "new", [silent]))
    (finding,) = report.findings
    assert (finding.severity, finding.object) == ("warning", "old")
    assert "isn't known whether it stood still: no answer" in finding.text
