"""Whoever starts again what was stopped is noticed and named, before the target takes over."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.cluster import Cluster, disturbances
from migration_ops.cluster.suspension import QUIESCED_BY, merge, stop_patch

from .conftest import FakeServer, Reply

PODS = "/api/v1/namespaces/shop/pods"
CLAIMS = [("shop", "data")]


def deployment(*, runs: bool, plan: str = "p") -> dict[str, Any]:
    """A Deployment that was stopped, and perhaps started again by Argo CD."""
    metadata = {"name": "web", "namespace": "shop", "resourceVersion": "1"}
    manifest: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 2},
    }
    note = {"plan": plan, "run": "r", "wave": 0, "at": "2026-11-23T00:00:00+00:00", "was": {"replicas": 2}}
    merge(manifest, stop_patch(manifest, note))
    if runs:
        manifest["spec"]["replicas"] = 2
        manifest["metadata"]["managedFields"] = [
            {"manager": "migration-ops", "time": "2", "fieldsV1": {"f:spec": {}}},
            {"manager": "argocd-controller", "time": "3", "fieldsV1": {"f:spec": {}}},
            {"manager": "kube-controller-manager", "time": "4", "subresource": "status", "fieldsV1": {}},
        ]
    return manifest


def pod(name: str, claim: str, phase: str = "Running", **labels: str) -> dict[str, Any]:
    """A pod that mounts a claim."""
    owner = {"kind": "ReplicaSet", "name": "web-1", "controller": True}
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": labels, "ownerReferences": [owner]},
        "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]},
        "status": {"phase": phase},
    }


@pytest.fixture
def source(server: FakeServer) -> FakeServer:
    """A source that stands still."""
    version = {"groupVersion": "apps/v1", "version": "v1"}
    group = {"name": "apps", "versions": [version], "preferredVersion": version}
    verbs = ["list", "get"]
    kinds = {"/api/v1": ("v1", "pods", "Pod"), "/apis/apps/v1": ("apps/v1", "deployments", "Deployment")}
    server.on("/api", Reply({"kind": "APIVersions", "versions": ["v1"]}))
    server.on("/apis", Reply({"kind": "APIGroupList", "groups": [group]}))
    for path, (group_version, plural, kind) in kinds.items():
        entry = {"name": plural, "kind": kind, "namespaced": True, "verbs": verbs}
        server.on(path, Reply({"groupVersion": group_version, "resources": [entry]}))
    holds(server)
    was_stopped(server, deployment(runs=False))
    return server


def holds(server: FakeServer, *pods: dict[str, Any]) -> None:
    """Let pods be there."""
    server.on(PODS, Reply({"kind": "PodList", "metadata": {}, "items": list(pods)}))


def was_stopped(server: FakeServer, *items: dict[str, Any]) -> None:
    """Let Deployments carry the note."""
    server.on(
        "/apis/apps/v1/deployments",
        Reply({"kind": "DeploymentList", "metadata": {}, "items": list(items)}),
    )


def test_a_source_that_stands_still_is_told_by_silence(source: FakeServer, cluster: Cluster) -> None:
    holds(source, pod("other", "cache"), pod("done", "data", "Succeeded"))
    assert disturbances(cluster, "p", CLAIMS) == []
    (asked,) = [one for one in source.asked if one.path == "/apis/apps/v1/deployments"]
    assert asked.query["labelSelector"] == f"{QUIESCED_BY}=p"


def test_movers_may_mount_the_volumes(source: FakeServer, cluster: Cluster) -> None:
    holds(source, pod("mover", "data", **{"migration-ops.io/mover": "true"}))
    assert disturbances(cluster, "p", CLAIMS) == []


def test_a_pod_that_mounts_a_volume_is_named(source: FakeServer, cluster: Cluster) -> None:
    holds(source, pod("web-1-x", "data"))
    assert disturbances(cluster, "p", CLAIMS) == ["v1/Pod/shop/web-1-x runs on (kept by ReplicaSet web-1)"]


def test_a_workload_that_runs_again_is_named_with_who_started_it(
    source: FakeServer, cluster: Cluster
) -> None:
    was_stopped(source, deployment(runs=True))
    assert disturbances(cluster, "p", CLAIMS) == [
        "apps/v1/Deployment/shop/web runs again (written last by argocd-controller)"
    ]


def test_what_another_plan_stopped_is_its_own_affair(source: FakeServer, cluster: Cluster) -> None:
    was_stopped(source, deployment(runs=True, plan="q"))
    assert disturbances(cluster, "p", []) == []
