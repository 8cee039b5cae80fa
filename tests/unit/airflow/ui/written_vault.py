"""A vault that a test writes into as runs do, and an Airflow that knows some runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from migration_ops.cluster import Capture, CapturedObject
from migration_ops.migration.journal import Journal
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, VolumeRecord
from migration_ops.migration.vault_records import commit_restore_point
from migration_ops.mover import run_key
from migration_ops.vault import init_repository

from .conftest import (
    NOON,
    OBJECTS,
    SECRET_VALUE,
    VAULT_PASSWORD,
    FakeAirflow,
    opened,
    save,
)


class Vault:
    """An empty vault, into which runs write in the order of the calls."""

    def __init__(self, location: str) -> None:
        init_repository(location, VAULT_PASSWORD)
        self.location, self.repository = location, opened(location)
        self.journal = Journal(self.repository, "shop", "source")

    def point(self, number: int, volumes: int = 1) -> str:
        """Commit a restore point."""
        began = NOON + timedelta(hours=number)
        name = f"{began:%Y%m%dT%H%M%SZ}-full-aaaaaaaa"
        for claim in range(volumes):
            tags = [
                "plan=shop",
                f"point={name}",
                "content=volume",
                "namespace=shop",
                f"claim=data-{claim}",
            ]
            saved = save(self.repository, {"file.json": [number]}, tags)
        point = RestorePoint(
            id=name,
            plan="shop",
            kind="full",
            parent=None,
            started=began,
            finished=began,
            cluster=SourceCluster(name="source", identity="1", version="1.20"),
            volumes=[VolumeRecord(namespace="shop", claim="data-0", snapshot_id=saved, bytes=1, files=1)],
            objects={},
        )
        captured = [CapturedObject(one, "chosen") for one in OBJECTS]
        commit_restore_point(self.repository, point, Capture(captured, [], []))
        return name

    def adapt(self, point: str, run: str, *severities: str) -> None:
        """What the rules found of it."""
        findings = [
            {"object": "o", "severity": one, "rule": "local/x", "message": f"rule {SECRET_VALUE}"}
            for one in severities
        ]
        report = {"changes": [], "findings": findings, "dropped_objects": []}
        tags = ["plan=shop", f"point={point}", "content=adapted", f"run={run}"]
        save(self.repository, {"report.json": report, "objects.json": []}, tags)

    def look(self, event: str, run: str, *severities: str) -> None:
        """What readiness found; a look that no cutover followed is written without values of Secrets."""
        value = "(secret)" if event == "looked" else SECRET_VALUE
        said = [
            {"check": "images", "object": "o", "severity": one, "reason": f"ready {value}"}
            for one in severities
        ]
        self.journal.write(run, event, data={"readiness": said})


def airflow_with(*runs: dict[str, Any]) -> FakeAirflow:
    return FakeAirflow({"/dags/~/dagRuns": {"dag_runs": list(runs)}})


def airflow_run(kind: str, state: str) -> dict[str, Any]:
    ended = None if state == "running" else "2026-11-23T07:05:00Z"
    return {
        "dag_id": f"shop.{kind}",
        "dag_run_id": f"manual__{kind}",
        "state": state,
        "start_date": "2026-11-23T07:00:00Z",
        "end_date": ended,
    }


def stopped_by(empty: Vault, *events: str) -> str:
    """The run key of a cutover that wrote these events after it had stopped the source."""
    empty.point(0)
    cutover = run_key("shop.cutover", "manual__cutover")
    for event in ("prepared", "quiesce-begun", "quiesced", *events):
        empty.journal.write(cutover, event)
    return cutover


SERVED = ("final-delta", "adapted", "restored", "applied", "ready", "verified")
