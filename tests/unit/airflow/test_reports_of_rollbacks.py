"""A rollback's report is its own, and goes on with the cutover's figures; the cutover's stays where it is."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import Mock, patch

import pytest

from migration_ops.migration import Plan
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.journal import Journal
from migration_ops.migration.report_page import Facts, build_report, read_report, read_report_page
from migration_ops.migration.report_page.model import VolumeLine
from migration_ops.migration.report_page.storing import save_report
from migration_ops.mover import run_key
from migration_ops.operators.reporting import ReportRunOperator
from migration_ops.vault import init_repository

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CUTOVER, OWN = run_key("shop.cutover", "one"), run_key("shop.rollback", "two")
VOLUME = VolumeLine(source="shop/data", target="shop-prod/data", bytes=5 * 2**20, added_bytes=2**20)
RANGE = {"low": 40, "point": 60, "high": 90}
FORECAST = {"plan": "shop", "made": NOON.isoformat(), "downtime": RANGE, "steps": []}


@pytest.fixture
def repository(tmp_path):
    return init_repository(str(tmp_path / "vault"), "secret")


@pytest.fixture
def journal(repository):
    """A cutover's that stopped the source and was taken back."""
    journal = Journal(repository, "shop", "old")
    journal.write(CUTOVER, "prepared", began=NOON, ended=NOON, data={"forecast": FORECAST})
    journal.write(CUTOVER, "quiesce-begun", began=NOON, ended=NOON)
    return journal


def passed(journal, **seconds):
    for name, second in seconds.items():
        at = NOON + timedelta(seconds=second)
        journal.write(CUTOVER, name.replace("_", "-"), began=at, ended=at + timedelta(seconds=1))


def reported(plan, journal, repository):
    """What the cutover's own last step leaves in the vault."""
    facts = Facts(source="old", target="new", events=journal.events(CUTOVER))
    report = build_report(Plan.model_validate(plan), "cutover", CUTOVER, facts)
    save_report(repository, report.model_copy(update={"volumes": [VOLUME]}), "old")


def write_report(plan, journal, repository, *, dag, run):
    step = ReportRunOperator(task_id="report", plan=plan, kind="rollback", needs=["resumed"], run=CUTOVER)
    hook = SimpleNamespace(cluster_name="old")
    step.__dict__ |= {"source_hook": hook, "journal": journal, "repository": repository}
    with patch("migration_ops.hooks.cluster.ClusterHook", return_value=SimpleNamespace(cluster_name="new")):
        return step.execute({"dag_run": SimpleNamespace(dag_id=dag, run_id=run), "ti": Mock(try_number=1)})


def test_the_cutovers_report_stays_when_a_run_of_its_own_takes_it_back(plan, journal, repository):
    passed(journal, verified=22)
    reported(plan, journal, repository)
    passed(journal, rolled_back=100, resumed=160)
    write_report(plan, journal, repository, dag="shop.rollback", run="two")
    cutover, rollback = (read_report(repository, "shop", run) for run in (CUTOVER, OWN))
    assert (cutover.kind, cutover.outcome, cutover.volumes) == ("cutover", "verified", [VOLUME])
    assert (rollback.kind, rollback.outcome, rollback.volumes) == ("rollback", "rolled back", [VOLUME])
    assert [one.seconds for one in rollback.outages] == [23, 61]
    assert "1.0 MiB in the final delta" in read_report_page(repository, "shop", OWN)


def test_a_rollback_within_the_cutovers_run_keeps_its_figures(plan, journal, repository):
    passed(journal, verified=22)
    reported(plan, journal, repository)
    passed(journal, rolled_back=100, resumed=160)
    write_report(plan, journal, repository, dag="shop.cutover", run="one")
    report = read_report(repository, "shop", CUTOVER)
    assert (report.kind, report.outcome, report.volumes) == ("cutover", "rolled back", [VOLUME])
    assert report.downtime_seconds == 23


def test_a_cutover_that_came_to_no_report_is_told_without_zeros(plan, journal, repository):
    passed(journal, rolled_back=100, resumed=160)
    write_report(plan, journal, repository, dag="shop.rollback", run="two")
    report, page = read_report(repository, "shop", OWN), read_report_page(repository, "shop", OWN)
    assert report.downtime_seconds == 161
    assert report.forecast.downtime.point == 60
    assert "in 0 volumes" not in page
    with pytest.raises(MigrationError, match="has no report of run"):
        read_report(repository, "shop", CUTOVER)
