"""What a look found, and what a rollback took back, stands in the journal, where the pages read it."""

from types import SimpleNamespace
from unittest.mock import Mock, create_autospec, patch

import pytest

from migration_ops.cluster import Capture, CapturedObject, Cluster
from migration_ops.hooks.cluster import ClusterHook
from migration_ops.migration.errors import ReadinessError
from migration_ops.migration.journal import Journal
from migration_ops.migration.readiness_report import ReadinessReport
from migration_ops.migration.readiness_report.finding import finding
from migration_ops.mover import run_key
from migration_ops.operators.connect import ConnectReportOperator
from migration_ops.operators.cutover import PrepareCutoverOperator, ResumeOperator

PASSWORD = "c2VjcmV0LXdvcmQ="  # secret-word
BLOCKED = ReadinessReport.of([finding("images", "blocker", "web:1", "can't be pulled as secret-word")], [])
FINE = ReadinessReport.of([finding("quotas", "info", "target", "has room")], [])


def situation():
    keys = {"kind": "Secret", "metadata": {"name": "k", "namespace": "shop"}, "data": {"p": PASSWORD}}
    return SimpleNamespace(capture=Capture([CapturedObject(keys, "chosen")], [], []))


@pytest.fixture
def journal():
    return create_autospec(Journal, instance=True)


@pytest.fixture
def step(plan, journal):
    """Makes a step over clusters that nobody asks."""

    def make(operator, **options):
        made = operator(task_id="step", plan=plan, **options)
        made.journal, made.repository = journal, Mock()
        made.vault_hook = SimpleNamespace(keys_end=None)
        made.source_hook = made.target_hook = create_autospec(ClusterHook, instance=True)
        made.source_hook.cluster = create_autospec(Cluster, instance=True)
        return made

    return make


def context_of(dag_id):
    run = SimpleNamespace(dag_id=dag_id, run_id="manual__1")
    ti = Mock(try_number=1, id="0190", task_id="step")
    return {"dag_run": run, "ti": ti, "task_state_store": None}


def written(journal):
    """Name, run and data of each event."""
    return [(call.args[1], call.args[0], call.kwargs.get("data")) for call in journal.write.call_args_list]


def look(report, step, context):
    """Let `connect` report what readiness says."""
    with (
        patch("migration_ops.migration.readiness_report.gather", return_value=situation()),
        patch("migration_ops.migration.readiness_report.readiness_report", return_value=report),
        patch("migration_ops.migration.report.connect_table", return_value="table"),
        patch("migration_ops.migration.vault_records.latest_restore_point", return_value=None),
    ):
        return step.execute(context)


@pytest.mark.parametrize("report", [FINE, BLOCKED])
def test_connect_keeps_what_it_found_also_when_it_fails(step, journal, report):
    operator, context = step(ConnectReportOperator, found={}, probes={}), context_of("shop.connect")
    if report.blockers:
        with pytest.raises(ReadinessError):
            look(report, operator, context)
    else:
        look(report, operator, context)
    name, run, data = written(journal)[-1]
    assert (name, run) == ("looked", run_key("shop.connect", "manual__1"))
    (said,) = data["readiness"]
    assert said["severity"] == report.findings[0].severity
    assert "secret-word" not in said["reason"]


def test_a_cutover_that_blockers_stop_keeps_them(step, journal):
    found = Mock(readiness=BLOCKED, situation=situation(), **{"forecast.markdown.return_value": ""})
    operator = step(PrepareCutoverOperator)
    with (
        patch("migration_ops.migration.cutover.prepare", return_value=found),
        patch("migration_ops.metrics.measure_forecast"),
        pytest.raises(ReadinessError),
    ):
        operator.execute(context_of("shop.cutover"))
    ((name, run, data),) = written(journal)
    assert (name, run) == ("looked", run_key("shop.cutover", "manual__1"))
    assert [one["severity"] for one in data["readiness"]] == ["blocker"]


def test_blockers_are_told_though_the_vault_takes_no_event(step, journal):
    journal.write.side_effect = OSError("the store is away")
    found = Mock(readiness=BLOCKED, situation=situation(), **{"forecast.markdown.return_value": ""})
    with (
        patch("migration_ops.migration.cutover.prepare", return_value=found),
        patch("migration_ops.metrics.measure_forecast"),
        pytest.raises(ReadinessError, match="can't be pulled"),
    ):
        step(PrepareCutoverOperator).execute(context_of("shop.cutover"))


@pytest.mark.parametrize("cutover", ["", "the-cutover"])
def test_a_rollback_of_its_own_notes_in_its_own_run_what_it_took_back(step, journal, cutover):
    operator, context = step(ResumeOperator, run=cutover), context_of("shop.rollback")
    own = run_key("shop.rollback", "manual__1")
    with patch("migration_ops.migration.stopping.resume_source", return_value=Mock(resumed=["web"])):
        operator.execute(context)
    expected = [("resumed", cutover or own)] + ([("taken-back", own)] if cutover else [])
    assert [(name, run) for name, run, _ in written(journal)] == expected
