"""When something is ready, and what is said when it isn't."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.cluster.claims import PodMounts, list_claims
from migration_ops.cluster.pods import pods_holding, why_still_there
from migration_ops.cluster.readiness_reasons import pod_problems
from migration_ops.cluster.readiness_rules import RULES
from migration_ops.cluster.selection import Selection


def missing(kind: str, spec: dict[str, Any], status: dict[str, Any], group: str = "apps") -> str | None:
    """What the rule of a kind says."""
    rule = RULES[group, kind]
    return rule({"metadata": {"generation": 2}, "spec": spec, "status": {"observedGeneration": 2} | status})


@pytest.mark.parametrize(
    ("kind", "spec", "status", "says"),
    [
        ("Deployment", {"replicas": 2}, {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, None),
        (
            "Deployment",
            {"replicas": 2},
            {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 1},
            "1 of 2",
        ),
        (
            "Deployment",
            {"replicas": 1},
            {"replicas": 2, "updatedReplicas": 1, "availableReplicas": 1},
            "1 of 1",
        ),
        ("Deployment", {"replicas": 0}, {}, None),
        ("Deployment", {"replicas": 1}, {"observedGeneration": 1}, "not seen"),
        ("StatefulSet", {"replicas": 2}, {"readyReplicas": 2, "updatedReplicas": 2}, None),
        ("StatefulSet", {"replicas": 2}, {"readyReplicas": 1}, "1 of 2"),
        ("DaemonSet", {}, {"desiredNumberScheduled": 3, "numberReady": 2}, "2 of 3"),
        ("DaemonSet", {}, {"desiredNumberScheduled": 0}, None),
        ("ReplicaSet", {"replicas": 1}, {"readyReplicas": 1}, None),
    ],
)
def test_workloads(kind: str, spec: dict[str, Any], status: dict[str, Any], says: str | None) -> None:
    said = missing(kind, spec, status)
    assert (said is None) if says is None else (said is not None and says in said)


@pytest.mark.parametrize(
    ("spec", "status", "says"),
    [
        ({}, {"active": 1}, None),
        ({}, {"succeeded": 1}, None),
        ({"parallelism": 0}, {}, None),
        ({}, {}, "has not started"),
        ({}, {"conditions": [{"type": "Failed", "status": "True", "message": "backoff"}]}, "backoff"),
    ],
)
def test_jobs(spec: dict[str, Any], status: dict[str, Any], says: str | None) -> None:
    said = missing("Job", spec, status, "batch")
    assert (said is None) if says is None else (said is not None and says in said)


def test_claims_definitions_and_api_services() -> None:
    assert missing("PersistentVolumeClaim", {}, {"phase": "Bound"}, "") is None
    assert missing("PersistentVolumeClaim", {}, {}, "") == "is Pending"
    established = {"conditions": [{"type": "Established", "status": "True"}]}
    assert missing("CustomResourceDefinition", {}, established, "apiextensions.k8s.io") is None
    away = {"conditions": [{"type": "Available", "status": "False", "message": "no endpoints"}]}
    assert "no endpoints" in str(missing("APIService", {}, away, "apiregistration.k8s.io"))


def test_problems_of_pods_are_told_in_words() -> None:
    pod = {
        "metadata": {"name": "web-1"},
        "status": {
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}],
            "initContainerStatuses": [
                {"name": "init", "state": {"terminated": {"exitCode": 2, "reason": "Error"}}, "ready": False}
            ],
            "containerStatuses": [
                {
                    "name": "a",
                    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
                },
                {"name": "b", "state": {"waiting": {"reason": "ContainerCreating"}}},
                {"name": "c", "state": {"running": {}}, "ready": False},
                {"name": "d", "state": {"running": {}}, "ready": True},
            ],
        },
    }
    assert list(pod_problems(pod)) == [
        "pod web-1 cannot be scheduled: 0/3 nodes are available",
        "pod web-1, container init: exited with 2 Error",
        "pod web-1, container a: ImagePullBackOff: no such image",
        "pod web-1, container c runs, but is not ready",
    ]


def pod(name: str = "db-0", phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    """A pod of namespace shop that mounts the claims data and (ephemeral) scratch."""
    volumes = [
        {"name": "v", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "scratch", "ephemeral": {}},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"} | metadata,
        "spec": {"volumes": volumes, "nodeName": "n1"},
        "status": {"phase": phase},
    }


def test_only_pods_that_live_and_are_not_ours_hold_volumes() -> None:
    ended, mover = pod("old", "Succeeded"), pod("mover", labels={"migration-ops.io/mover": "true"})
    pods = [pod(), ended, mover]
    assert pods_holding(pods, [("shop", "data")]) == [pods[0]]
    assert pods_holding(pods, [("shop", "db-0-scratch")]) == [pods[0]]
    assert pods_holding(pods, [("other", "data")]) == []


def test_a_pod_that_stays_is_explained() -> None:
    assert "has no controller" in why_still_there(pod())
    late = why_still_there(pod(deletionTimestamp="2026-01-01T00:00:00Z"))
    assert "is node n1 alive?" in late
    held = why_still_there(pod(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["a/b"]))
    assert "held by finalizers a/b" in held


def claim(name: str, phase: str = "Bound", **metadata: Any) -> dict[str, Any]:
    """A claim of namespace shop."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "shop"} | metadata,
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": phase, "capacity": {"storage": "2Gi"}},
    }


def test_claims_are_listed_with_their_users_and_real_size() -> None:
    (found,), left, dropped = list_claims([claim("data")], [PodMounts.of(pod())], Selection())
    assert (found.capacity, found.node, found.mounted_by) == ("2Gi", "n1", ("v1/Pod/shop/db-0",))
    assert (left, dropped) == ([], [])


def test_veleros_annotation_on_a_pod_leaves_its_volume_out() -> None:
    excluding = pod(annotations={"backup.velero.io/backup-volumes-excludes": "x, v"})
    taken, left, dropped = list_claims([claim("data")], [PodMounts.of(excluding)], Selection())
    assert taken == []
    assert "backup-volumes-excludes of v1/Pod/shop/db-0" in left[0][1]
    assert dropped == [], "the pod could not start without the claim"


def test_a_claim_without_volume_has_nothing_to_move() -> None:
    taken, left, dropped = list_claims([claim("data", "Pending")], [], Selection())
    assert (taken, dropped) == ([], [])
    assert "has no volume yet" in left[0][1]
