"""A webhook that is away for a moment keeps no workload stopped; one that stays away is named once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from migration_ops.cluster import Cluster, resume, resuming
from migration_ops.cluster.suspension import QUIESCED_BY, noted_state, stop_patch

from .conftest import FakeServer, Reply, status

DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
DEAD = status(500, 'failed calling webhook "x": connection refused', "InternalError")


def stopped(name: str) -> dict[str, object]:
    """A Deployment as quiesce leaves it."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "shop",
        "resourceVersion": "1",
        "labels": {QUIESCED_BY: "p"},
    }
    manifest: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 2},
    }
    note = {"plan": "p", "run": "r", "wave": 0, "at": "2026-11-23T00:00:00+00:00", "was": {"replicas": 2}}
    patch = stop_patch(manifest, note)
    metadata["annotations"] = patch["metadata"]["annotations"]
    manifest["spec"] = {"replicas": 0}
    assert noted_state(manifest) is not None
    return manifest


@pytest.fixture
def source(server: FakeServer) -> FakeServer:
    """A source with two stopped Deployments."""
    version = {"groupVersion": "apps/v1", "version": "v1"}
    group = {"name": "apps", "versions": [version], "preferredVersion": version}
    entry = {
        "name": "deployments",
        "kind": "Deployment",
        "namespaced": True,
        "verbs": ["list", "get", "patch"],
    }
    server.on("/api", Reply({"kind": "APIVersions", "versions": []}))
    server.on("/apis", Reply({"kind": "APIGroupList", "groups": [group]}))
    server.on("/apis/apps/v1", Reply({"groupVersion": "apps/v1", "resources": [entry]}))
    listed = {"kind": "DeploymentList", "metadata": {}, "items": [stopped("a"), stopped("b")]}
    server.on("/apis/apps/v1/deployments", Reply(json.loads(json.dumps(listed))))
    return server


def on_patch(server: FakeServer, name: str, *replies: Reply) -> None:
    """Answer reads of a Deployment, and each patch in turn, the last answer for ever."""
    left = list(replies)
    server.on(
        f"{DEPLOYMENTS}/{name}",
        lambda asked: (
            Reply(stopped(name)) if asked.method == "GET" else (left.pop(0) if len(left) > 1 else left[0])
        ),
    )


def test_what_a_webhook_refuses_for_a_moment_is_started(source: FakeServer, cluster: Cluster) -> None:
    on_patch(source, "a", DEAD, DEAD, Reply(stopped("a")))
    on_patch(source, "b", Reply(stopped("b")))
    result = resume(cluster, "p")
    assert result.complete
    assert result.resumed == ("apps/v1/Deployment/shop/a", "apps/v1/Deployment/shop/b")


def test_what_it_goes_on_to_refuse_is_named_when_the_time_is_over(
    source: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "PATIENCE_SECONDS", 0.1)
    on_patch(source, "a", DEAD)
    on_patch(source, "b", Reply(stopped("b")))
    result = resume(cluster, "p")
    assert result.resumed == ("apps/v1/Deployment/shop/b",)
    (problem,) = result.problems
    assert "failed calling webhook" in problem


def test_what_was_deleted_is_not_waited_for(source: FakeServer, cluster: Cluster) -> None:
    on_patch(source, "a", status(404, "not found", "NotFound"))
    on_patch(source, "b", Reply(stopped("b")))
    assert resume(cluster, "p").problems == ("apps/v1/Deployment/shop/a: was deleted since it was stopped",)
