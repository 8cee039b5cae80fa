"""The target is built claims first, with its namespaces, and waited for without telling secrets."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.cluster import ObjectResult
from migration_ops.migration.errors import ApplyError, BlockerError, VerificationError
from migration_ops.migration.findings import raise_for_blockers
from migration_ops.migration.journal import Event
from migration_ops.migration.plan import Plan
from migration_ops.migration.report import connect_table, cutover_summary
from migration_ops.migration.target import ApplyOutcome, part_of, readiness_subjects, with_namespaces
from migration_ops.migration.verification import Verification, verify_volumes
from migration_ops.transform import Finding

T0 = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLAN = Plan.model_validate(
    {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "a"},
        "vault": {"conn_id": "v"},
        "movers": {"image": "m"},
    }
)


def thing(kind, name, namespace=None, **content):
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}


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


def test_any_difference_fails_the_verification():
    Verification(objects=1, volumes=1, bytes=1).raise_for_differences()
    with pytest.raises(VerificationError, match="v1/Secret/ns/a is missing"):
        Verification(
            objects=1, volumes=1, bytes=1, different=["v1/Secret/ns/a is missing"]
        ).raise_for_differences()


def event(name, began, ended, **data):
    began, ended = (T0 + timedelta(seconds=seconds) for seconds in (began, ended))
    return Event(plan="shop", run="r", name=name, began=began, ended=ended, data=data)


def test_downtime_lasts_from_the_first_stop_to_the_end_of_the_verification():
    events = [
        event("quiesce-begun", 0, 1),
        event("quiesced", 0, 5, workloads=[{}, {}]),
        event("final-delta", 5, 9, added_bytes=2048, bytes=4096),
        event("applied", 9, 12, counts={"created": 3}),
        event("verified", 20, 30.5, objects=3, volumes=2, probes=[]),
    ]
    summary = cutover_summary(PLAN, events)
    assert summary.downtime_seconds == 30.5
    text = summary.markdown()
    assert "Downtime: **30.5 s**" in text
    assert "| final-delta | 4.0 | 2.0 KiB added, 4.0 KiB in volumes |" in text
    assert "| quiesced | 5.0 | 2 workloads stopped |" in text


def test_a_cutover_that_did_not_get_there_has_no_downtime_to_tell():
    assert cutover_summary(PLAN, [event("quiesce-begun", 0, 1)]).downtime_seconds is None


def test_the_clusters_are_shown_next_to_each_other():
    state = {"name": "eks", "version": "v1.20.2", "storage_classes": ["gp2"], "volumes": ["a", "b"]}
    probe = {"bytes": 8 * 2**20, "write_seconds": 2.0, "read_seconds": 1.0}
    text = connect_table({"source": state}, {"source": probe})
    assert "| source | eks | v1.20.2 | gp2 | 2 | 4.0 MiB/s up, 8.0 MiB/s down |" in text
