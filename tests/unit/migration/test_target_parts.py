"""The target is built claims first, with its namespaces, and waited for without telling secrets."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.cluster import ObjectResult
from migration_ops.migration import Plan
from migration_ops.migration.errors import ApplyError, BlockerError, VerificationError
from migration_ops.migration.findings import raise_for_blockers
from migration_ops.migration.report import connect_table, finish_text, restored_volumes, run_text
from migration_ops.migration.report_page import RunReport
from migration_ops.migration.report_page.model import ResourcesPart, Span, VerificationPart
from migration_ops.migration.switchover import AddressChange
from migration_ops.migration.target import (
    ApplyOutcome,
    part_of,
    readiness_subjects,
    start_order,
    with_namespaces,
)
from migration_ops.migration.verification import Verification, readings_of, verify_volumes
from migration_ops.transform import Finding

T0 = datetime(2026, 11, 22, 12, tzinfo=UTC)


def thing(kind, name, namespace=None, **content):
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}


def report_of(kind, **parts):
    """The report of a verified run from EKS to ACK."""
    told = {"plan": "shop", "run": "r", "source": "eks", "target": "ack"}
    times = dict.fromkeys(("began", "ended", "made"), T0)
    return RunReport(kind=kind, outcome="verified", **told, **times, **parts)


def span(name, seconds, detail=""):
    return Span(name=name, began=T0, ended=T0 + timedelta(seconds=seconds), detail=detail)


OBJECTS = [
    thing("PersistentVolumeClaim", "data", "shop-prod"),
    thing("Secret", "keys", "shop-prod", data={"password": "c2VjcmV0"}),
    thing("Deployment", "web", "shop-prod", spec={"env": "secret"}),
]


def test_namespaces_that_are_used_are_made():
    found = with_namespaces(OBJECTS)
    assert found[0] == thing("Namespace", "shop-prod")
    assert with_namespaces(found) == found


def test_claims_and_what_they_need_come_before_the_rest():
    everything = with_namespaces(OBJECTS)
    claims, resources = part_of(everything, "claims"), part_of(everything, "resources")
    assert [item["kind"] for item in claims] == ["Namespace", "PersistentVolumeClaim"]
    assert [item["kind"] for item in resources] == ["Secret", "Deployment"]


def test_what_is_waited_for_is_named_and_no_more():
    subjects = readiness_subjects(OBJECTS)
    assert subjects == [thing("Deployment", "web", "shop-prod")]
    assert "secret" not in json.dumps(subjects)


@pytest.mark.parametrize("kind", ["Pod", "ReplicaSet", "ReplicationController", "Job", "DaemonSet"])
def test_whatever_runs_is_waited_for(kind):
    assert readiness_subjects([thing(kind, "web", "shop-prod")]) == [thing(kind, "web", "shop-prod")]


def test_refused_objects_stop_the_run_with_the_servers_words():
    outcome = ApplyOutcome(
        [
            ObjectResult("v1/Secret/ns/a", "created"),
            ObjectResult("v1/Service/ns/b", "failed", "port is taken"),
        ]
    )
    assert outcome.counts == {"created": 1, "failed": 1}
    assert "failed: v1/Service/ns/b (port is taken)" in outcome.lines()
    with pytest.raises(ApplyError, match="v1/Service/ns/b: port is taken"):
        outcome.raise_for_failures()


def test_blockers_stop_the_run_and_other_findings_do_not():
    warning = Finding("v1/Service/ns/b", "warning", "r/x", "changes its address")
    raise_for_blockers([warning])
    blocker = Finding("v1/Pod/ns/p", "blocker", "r/y", "uses a host path", "use a claim")
    with pytest.raises(BlockerError, match=r"v1/Pod/ns/p: uses a host path \(use a claim\)"):
        raise_for_blockers([warning, blocker])


def test_a_volume_whose_second_reading_differs_is_named():
    volumes = [
        {"namespace": "ns", "claim": "a", "summary": {"differences": 2}},
        {"namespace": "ns", "claim": "b", "summary": {"differences": 0}},
    ]
    assert verify_volumes(volumes) == ["volume ns/a has 2 differences"]


def test_the_report_says_how_each_volume_was_read():
    read = {"summary": {"differences": 0}}
    volumes = [read, read, read | {"verify_percent": 5}, read | {"verify_percent": 0}, {"summary": {}}]
    assert readings_of(volumes) == [
        "2 volumes read again, all content and metadata",
        "1 volume read again, metadata and 5 % of the content",
        "1 volume compared by metadata alone",
        "1 volume not read again",
    ]


def test_any_difference_fails_the_verification():
    Verification(objects=1, volumes=1, bytes=1).raise_for_differences()
    with pytest.raises(VerificationError, match="v1/Secret/ns/a is missing"):
        Verification(
            objects=1, volumes=1, bytes=1, different=["v1/Secret/ns/a is missing"]
        ).raise_for_differences()


def test_the_last_approval_is_told_what_was_measured():
    report = report_of(
        "cutover",
        downtime_seconds=30.5,
        timeline=[span("quiesce", 5, "2 workloads")],
        verification=VerificationPart(objects=1, settled=["probe x (for 9 s)"]),
        addresses=[AddressChange(object="v1/Service/ns/web", hosts=["a.b"], old=["1.1.1.1"], new=[])],
    )
    text = finish_text(report)
    assert "Downtime: **30 s**" in text
    assert "Wrong for a while during the verification, right in the end:\n\n- probe x (for 9 s)" in text
    assert "| quiesce | 5.0 s | 2 workloads |" in text
    assert "| v1/Service/ns/web | a.b | 1.1.1.1 | - |" in text
    assert "`shop.rollback`" in text


def test_a_run_without_downtime_tells_its_steps_and_what_stayed_behind():
    report = report_of(
        "rehearsal",
        timeline=[span("tear down", 16)],
        resources=ResourcesPart(stayed=[("networking.k8s.io/v1/Ingress/a/web", "is an entrance")]),
        verification=VerificationPart(objects=3, volumes=1, bytes=1024),
    )
    text = run_text(report)
    assert "Rehearsal of **shop** in ack: **verified**" in text
    assert "| tear down | 16 s |" in text
    assert "3 objects and 1 volumes (1.0 KiB) compared" in text
    assert "1 objects stayed behind" in text


def test_what_a_restore_moved_is_kept_for_forecasts():
    summary = {"bytes_restored": 7, "total_duration": 1.5, "differences": 0}
    (found,) = restored_volumes([{"namespace": "ns", "claim": "a", "summary": summary}])
    assert found == {"namespace": "ns", "claim": "a", "bytes": 7, "seconds": 1.5, "differences": 0}
    assert restored_volumes(None) == []


def test_the_clusters_are_shown_next_to_each_other():
    state = {"name": "eks", "version": "v1.20.2", "storage_classes": ["gp2"], "volumes": ["a", "b"]}
    probe = {"bytes": 8 * 2**20, "write_seconds": 2.0, "read_seconds": 1.0}
    text = connect_table({"source": state}, {"source": probe})
    assert "| source | eks | v1.20.2 | gp2 | 2 | 4.0 MiB/s up, 8.0 MiB/s down |" in text


def test_stateful_sets_start_in_the_opposite_order_of_stopping():
    plan = Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "v"},
            "movers": {"image": "m"},
            "namespaces": {"shop": "shop-cn"},
            "quiesce": {"waves": [["deployment/web", "shop/statefulset/queue"], ["statefulset/db"]]},
        }
    )
    assert start_order(plan) == [["statefulset/db"], ["deployment/web", "shop-cn/statefulset/queue"]]
