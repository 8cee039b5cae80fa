"""A cutover of the shop, as it would be left in the vault."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from migration_ops.migration.forecast import Lanes, make_forecast, outlook, read_history
from migration_ops.migration.journal import Event
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report import ReadinessFinding
from migration_ops.migration.report_page import Facts, RunReport, build_report
from migration_ops.migration.restore_point import LeftOutRecord, RestorePoint, SourceCluster, VolumeRecord
from migration_ops.migration.switchover import AddressChange

START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MEBIBYTE = 2**20
MARKER = "marker-of-a-password"

TIMES = {
    "quiesced": 13.4,
    "final-delta": 17.9,
    "restored": 14.2,
    "applied": 6.3,
    "ready": 21.6,
    "verified": 9.8,
}


def cutover_events(run: str, start: datetime, **said: dict[str, Any]) -> list[Event]:
    """A run's journal: each step lasts as long as `TIMES` says."""
    now = start
    events = [Event(plan="shop", run=run, name="quiesce-begun", began=now, ended=now)]
    for name, seconds in TIMES.items():
        after = now + timedelta(seconds=seconds)
        data = said.get(name.replace("-", "_"), {})
        events.append(Event(plan="shop", run=run, name=name, began=now, ended=after, data=data))
        now = after
    return events


@pytest.fixture
def plan() -> Plan:
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "description": "The web shop with its PostgreSQL database, from EKS to ACK.",
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "c"},
            "movers": {"image": "mover:1"},
            "namespaces": {"shop": "shop-prod"},
        }
    )


@pytest.fixture
def points() -> list[RestorePoint]:
    """A full backup, an increment and the cutover's final delta."""

    def volume(claim: str, size: int, added: int, seconds: float, files: int) -> VolumeRecord:
        return VolumeRecord(
            namespace="shop",
            claim=claim,
            snapshot_id="s",
            bytes=size * MEBIBYTE,
            added_bytes=added * MEBIBYTE,
            seconds=seconds,
            files=files,
        )

    def point(number: int, kind: str, minutes: float, added: tuple[int, int]) -> RestorePoint:
        return RestorePoint(
            id=f"20261122T0{number}0000Z-{kind}-1a2b3c4{number}",
            plan="shop",
            kind=kind,
            parent=made[-1].id if made else None,
            started=START + timedelta(minutes=minutes),
            finished=START + timedelta(minutes=minutes + 1),
            cluster=SourceCluster(name="eks-prod", identity="1", version="v1.20.2"),
            volumes=[
                volume("data-db-0", 1843, added[0], 3.1 + added[0] / 60, 1184),
                volume("uploads", 231, added[1], 1.4 + added[1] / 60, 18240),
            ],
            objects={"v1/Secret": 2, "apps/v1/Deployment": 2, "apps/v1/StatefulSet": 1, "v1/Service": 3},
            left_out=[LeftOutRecord(object="v1/PersistentVolumeClaim/shop/cache", reason="annotated")],
        )

    made: list[RestorePoint] = []
    made.append(point(0, "full", 0, (1650, 228)))
    made.append(point(1, "incremental", 60, (31, 4)))
    made.append(point(2, "final", 120, (28, 3)))
    return made


@pytest.fixture
def facts(points: list[RestorePoint]) -> Facts:
    volumes = [
        {"namespace": "shop-prod", "claim": "data-db-0", "seconds": 4.2, "bytes": 28 * MEBIBYTE},
        {"namespace": "shop-prod", "claim": "uploads", "seconds": 1.9, "bytes": 3 * MEBIBYTE},
    ]
    probes = [
        {"probe": "http web:80/orders", "passed": True, "detail": f"200; token {MARKER} accepted"},
        {"probe": "exec statefulset/db: pg_isready", "passed": True, "detail": "accepting connections"},
    ]
    said: dict[str, dict[str, Any]] = {
        "quiesced": {"workloads": [{}, {}, {}]},
        "final_delta": {
            "point": points[-1].id,
            "bytes": points[-1].total_bytes,
            "added_bytes": points[-1].added_bytes,
        },
        "restored": {"volumes": volumes},
        "applied": {"counts": {"created": 24, "updated": 1}},
        "verified": {
            "objects": 25,
            "volumes": 2,
            "bytes": points[-1].total_bytes,
            "explained": ["apps/v1/Deployment/shop-prod/web is scaled by its autoscaler"],
            "readings": ["2 volumes read again, metadata and 5 % of the content"],
            "settled": [f"http web:80/: 'Teapots' isn't in the answer {MARKER} (for 23 s)"],
            "probes": probes,
        },
    }
    start = START + timedelta(minutes=119)
    earlier = cutover_events("rehearsed", START + timedelta(minutes=30), restored={"volumes": volumes})
    history = read_history(earlier, points[:-1])
    staged = {("shop-prod", "data-db-0"), ("shop-prod", "uploads")}
    expected = outlook(points[1], history, start, plan_namespaces(), staged=staged)
    forecast = make_forecast("shop", history, expected, Lanes(), now=start - timedelta(minutes=5))
    finished = Event(
        plan="shop", run="run-1", name="finished", began=start, ended=start + timedelta(minutes=4)
    )
    return Facts(
        source="eks-prod v1.20.2",
        target="ack-hangzhou v1.32.1",
        events=[
            *cutover_events("run-1", start, **said),
            finished.model_copy(update={"began": finished.ended}),
        ],
        point=points[-1],
        restored=[
            {
                **one,
                "storage_class": "alicloud-disk-essd",
                "summary": {"total_duration": one["seconds"], "differences": 0},
            }
            for one in volumes
        ],
        transformation={
            "changes": [
                {
                    "object": "apps/v1/Deployment/shop/web",
                    "path": "/spec/template/spec/containers/0/image",
                    "rule": "images/registries",
                    "from": "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.0",
                    "to": "registry-vpc.cn-hangzhou.aliyuncs.com/shop/web:1.0",
                },
                {
                    "object": "apps/v1/Deployment/shop/web",
                    "path": "/spec/template/spec/containers/0/env/0/value",
                    "rule": "references/endpoints",
                    "from": f"postgres://shop:{MARKER}@db",
                    "to": f"postgres://shop:{MARKER}@database",
                },
            ],
            "dropped_objects": [
                {"object": "v1/ConfigMap/shop/aws-auth", "rule": "cleanup/eks", "reason": "belongs to EKS"}
            ],
        },
        readiness=[
            ReadinessFinding(
                check="controllers",
                severity="decision",
                object="Argo CD application shop",
                reason="keeps 12 objects, such as apps/v1/Deployment/shop/web; it runs elsewhere",
                suggestion="suspend it where it runs before the cutover",
            ),
            ReadinessFinding(
                check="source-health",
                severity="warning",
                object="v1/Pod/shop/report-27",
                reason="doesn't work in the source: container main waits: CrashLoopBackOff",
                suggestion="mend it first",
            ),
            ReadinessFinding(
                check="vault", severity="info", object="source", reason="61.2 MiB/s up, 140.0 MiB/s down"
            ),
        ],
        forecast=forecast,
        addresses=[
            AddressChange(
                object="v1/Service/shop-prod/web",
                hosts=["shop.example.com"],
                old=["a1b2-1234.us-east-1.elb.amazonaws.com"],
                new=["47.98.12.34"],
            ),
            AddressChange(
                object="networking.k8s.io/v1/Ingress/shop-prod/web",
                hosts=["api.example.com"],
                old=["3.4.5.6"],
            ),
        ],
        objects=[
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "login", "namespace": "shop"},
                "data": {"password": base64.b64encode(MARKER.encode()).decode()},
            }
        ],
    )


def plan_namespaces() -> dict[str, str]:
    return {"shop": "shop-prod"}


@pytest.fixture
def report(plan: Plan, facts: Facts) -> RunReport:
    return build_report(plan, "cutover", "run-1", facts, now=START + timedelta(minutes=125))
