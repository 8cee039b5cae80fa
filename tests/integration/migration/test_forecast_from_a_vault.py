"""A forecast and a report from nothing but a vault: what a fresh Airflow would have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migration_ops.cluster import Capture
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.forecast import Forecast, forecast_cutover, read_history
from migration_ops.migration.journal import Journal
from migration_ops.migration.plan import Plan
from migration_ops.migration.report_page import (
    Facts,
    build_report,
    read_report,
    read_report_page,
    save_report,
)
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, VolumeRecord
from migration_ops.migration.vault_records import commit_restore_point, find_restore_points
from migration_ops.vault import Repository, init_repository, open_repository

MEBIBYTE = 2**20
LOCATION, PASSWORD = "vault", "of-the-test"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    location = str(tmp_path / LOCATION)
    init_repository(location, PASSWORD)
    return open_repository(location, PASSWORD)


@pytest.fixture
def plan() -> Plan:
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "c"},
            "movers": {"image": "m"},
            "namespaces": {"shop": "shop-prod"},
        }
    )


def commit(repository: Repository, number: int, kind: str, added: int, started: datetime) -> RestorePoint:
    """A restore point of one volume, one hour after the one before."""
    point = RestorePoint(
        id=f"p{number}",
        plan="shop",
        kind=kind,
        parent=f"p{number - 1}" if number else None,
        started=started,
        finished=started + timedelta(seconds=30),
        cluster=SourceCluster(name="source", identity="1", version="v1.20.2"),
        volumes=[
            VolumeRecord(
                namespace="shop",
                claim="data",
                snapshot_id="s",
                bytes=1000 * MEBIBYTE,
                added_bytes=added,
                seconds=2 + added / (40 * MEBIBYTE),
            )
        ],
    )
    commit_restore_point(repository, point, Capture(objects=[], claims=[]))
    return point


def cut_over(journal: Journal, run: str) -> None:
    """What a cutover's steps note, as fast as the vault takes it."""
    began = datetime.now(UTC)
    journal.write(run, "quiesce-begun", began=began)
    for name in ("quiesced", "final-delta", "applied", "ready", "verified"):
        journal.write(
            run, name, began=datetime.now(UTC), data={"added_bytes": 0} if name == "final-delta" else {}
        )


def test_the_second_run_is_forecast_from_the_first_and_reported(
    repository: Repository, plan: Plan, tmp_path: Path
) -> None:
    start = datetime.now(UTC) - timedelta(hours=3)
    commit(repository, 0, "full", 800 * MEBIBYTE, start)
    commit(repository, 1, "incremental", 40 * MEBIBYTE, start + timedelta(hours=1))
    latest = commit(repository, 2, "incremental", 40 * MEBIBYTE, start + timedelta(hours=2))
    journal = Journal(repository, "shop", "source")
    cut_over(journal, "first")

    history = read_history(journal.events(), find_restore_points(repository, "shop"))
    assert [run.run for run in history.runs] == ["first"]
    assert history.runs[0].downtime_seconds == pytest.approx(sum(history.runs[0].seconds.values()))

    forecast = forecast_cutover(plan, repository, journal, at=latest.started + timedelta(hours=1))
    assert forecast is not None
    assert forecast.volumes[0].delta_bytes.point == pytest.approx(40 * MEBIBYTE)
    assert forecast.runs == 1

    journal.write("second", "forecast", data=forecast.model_dump(mode="json"))
    cut_over(journal, "second")
    fresh = open_repository(str(tmp_path / LOCATION), PASSWORD)
    events = Journal(fresh, "shop", "source").events("second")
    remembered = Forecast.model_validate(next(one.data for one in events if one.name == "forecast"))
    assert remembered == forecast

    facts = Facts(source="source", target="target", events=events, point=latest, forecast=remembered)
    report = build_report(plan, "cutover", "second", facts)
    save_report(fresh, report, "source")
    assert read_report(fresh, "shop", "second") == report
    assert "<svg" in read_report_page(fresh, "shop", "second")


def test_a_vault_without_restore_point_gives_no_forecast(repository: Repository, plan: Plan) -> None:
    assert forecast_cutover(plan, repository, Journal(repository, "shop", "source")) is None


def test_a_run_without_report_is_said_to_have_none(repository: Repository) -> None:
    with pytest.raises(MigrationError, match="no report of run lost of plan shop"):
        read_report(repository, "shop", "lost")
