"""What is away for a moment, or for good, keeps no other workload stopped, and is named."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from migration_ops.cluster import Cluster, QuiescedWorkload, QuiesceRecord, resume, resuming
from migration_ops.cluster.bare_pods import COMPONENT
from migration_ops.cluster.exclusions import OWN_LABEL
from migration_ops.cluster.suspension import QUIESCED_BY, noted_state, stop_patch

from .conftest import Asked, FakeServer, Reply, status

DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
DEAD = status(500, 'failed calling webhook "x": connection refused', "InternalError")


def stopped(name: str, wave: int = 0) -> dict[str, object]:
    """A Deployment as quiesce leaves it."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "shop",
        "resourceVersion": "1",
        "uid": name,
        "labels": {QUIESCED_BY: "p"},
    }
    manifest: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 2},
    }
    note = {"plan": "p", "run": "r", "wave": wave, "at": "2026-11-23T00:00:00+00:00", "was": {"replicas": 2}}
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


def test_what_was_deleted_is_told_and_stands_against_nothing(source: FakeServer, cluster: Cluster) -> None:
    on_patch(source, "a", status(404, "not found", "NotFound"))
    on_patch(source, "b", Reply(stopped("b")))
    result = resume(cluster, "p")
    assert result.complete
    assert (result.resumed, result.gone) == (
        ("apps/v1/Deployment/shop/b",),
        ("apps/v1/Deployment/shop/a",),
    )


def test_a_kind_that_cannot_be_listed_keeps_no_other_one_stopped(
    source: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its conversion webhook is what is stopped."""
    monkeypatch.setattr(resuming, "POLL_SECONDS", 0.01)
    for name in ("a", "b"):
        on_patch(source, name, Reply(stopped(name)))
    serve_cron_jobs(source)
    listed = Reply({"kind": "CronJobList", "metadata": {}, "items": []})
    source.on("/apis/batch/v1/cronjobs", DEAD, DEAD, listed)
    assert resume(cluster, "p").resumed == ("apps/v1/Deployment/shop/a", "apps/v1/Deployment/shop/b")

    monkeypatch.setattr(resuming, "PATIENCE_SECONDS", 0.1)
    source.on("/apis/batch/v1/cronjobs", DEAD)
    result = resume(cluster, "p")
    assert len(result.resumed) == 2
    assert len(result.problems) == 1


def test_a_kind_that_is_away_for_a_moment_is_started_though_the_record_names_it_too(
    source: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "POLL_SECONDS", 0.01)
    for name in ("a", "b"):
        on_patch(source, name, Reply(stopped(name)))
    serve_cron_jobs(source)
    job: dict[str, Any] = {"metadata": {"name": "n", "namespace": "shop", "resourceVersion": "1"}}
    note = {"plan": "p", "run": "r", "wave": 0, "at": "", "was": {"suspend": False}}
    patch = stop_patch({"apiVersion": "batch/v1", "kind": "CronJob", **job}, note)
    job["metadata"]["annotations"] = patch["metadata"]["annotations"]
    listed = Reply({"kind": "CronJobList", "metadata": {}, "items": [job | {"spec": {"suspend": True}}]})
    source.on("/apis/batch/v1/cronjobs", DEAD, DEAD, listed)
    path = "/apis/batch/v1/namespaces/shop/cronjobs/n"
    lists = "/apis/batch/v1/cronjobs"
    source.on(path, lambda _: Reply(job) if [one.path for one in source.asked].count(lists) > 2 else DEAD)
    entry = QuiescedWorkload("batch/v1/CronJob/shop/n", 0, {"suspend": False})
    record = QuiesceRecord("p", "r", ("shop",), "", workloads=(entry,))

    result = resume(cluster, "p", record=record)

    assert result.problems == ()
    assert result.resumed[-1] == "batch/v1/CronJob/shop/n"


def serve_cron_jobs(source: FakeServer) -> None:
    """Let the source know one more kind."""
    groups = source.answers["/apis"](Asked("GET", "/apis", {}, {}, None)).body
    version = {"groupVersion": "batch/v1", "version": "v1"}
    groups["groups"].append({"name": "batch", "versions": [version], "preferredVersion": version})
    entry = {"name": "cronjobs", "kind": "CronJob", "namespaced": True, "verbs": ["list", "get", "patch"]}
    source.on("/apis/batch/v1", Reply({"groupVersion": "batch/v1", "resources": [entry]}))


def test_a_wave_that_never_gets_ready_holds_up_the_next_one_for_a_while_only(
    source: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What starts later may be what it needs; at the end all are waited for together."""
    monkeypatch.setattr(resuming, "WAVE_SECONDS", 0.0)
    waves: list[int] = []
    ready = {"observedGeneration": 1, "availableReplicas": 2, "updatedReplicas": 2}
    both = [stopped("a", wave=2), stopped("b", wave=1)]
    source.on("/apis/apps/v1/deployments", Reply({"kind": "DeploymentList", "metadata": {}, "items": both}))
    started: set[str] = set()

    def on(name: str) -> None:
        def answer(asked: Asked) -> Reply:
            if asked.method == "PATCH":
                started.add(name)
                return Reply(stopped(name))
            status_of = ready if "b" in started else {}
            return Reply(stopped(name) | {"spec": {"replicas": 2}, "status": status_of})

        source.on(f"{DEPLOYMENTS}/{name}", answer)

    on("a")
    on("b")
    result = resume(cluster, "p", timeout=30, on_wave=lambda number, _: waves.append(number))
    assert waves == [2, 1]
    assert result.complete


NOTES = "/api/v1/secrets"
PODS = "/api/v1/namespaces/shop/pods"


@pytest.mark.parametrize("there", ["going", "gone"])
def test_a_pod_that_is_still_shutting_down_is_made_again_after_that(
    source: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    monkeypatch.setattr(resuming, "POLL_SECONDS", 0.01)
    for name in ("a", "b"):
        on_patch(source, name, Reply(stopped(name)))
    core = [
        {"name": plural, "kind": kind, "namespaced": True, "verbs": ["list", "get", "create"]}
        for plural, kind in (("pods", "Pod"), ("secrets", "Secret"))
    ]
    source.on("/api", Reply({"kind": "APIVersions", "versions": ["v1"]}))
    source.on("/api/v1", Reply({"groupVersion": "v1", "resources": core}))
    pod: dict[str, Any] = {"metadata": {"name": "lonely", "namespace": "shop"}, "spec": {"containers": []}}
    packed = base64.b64encode(zlib.compress(json.dumps(pod).encode())).decode()
    labels = {OWN_LABEL: COMPONENT, QUIESCED_BY: "p"}
    note = {
        "metadata": {"name": "note", "namespace": "shop", "labels": labels},
        "data": {"pod": packed},
        "apiVersion": "v1",
        "kind": "Secret",
    }
    notes = [note]
    source.on(NOTES, lambda _: Reply({"kind": "SecretList", "metadata": {}, "items": list(notes)}))
    taken = status(409, "object is being deleted: pods lonely already exists", "AlreadyExists")
    source.on(PODS, taken, taken, Reply(pod, 201))
    going = Reply(pod | {"metadata": pod["metadata"] | {"deletionTimestamp": "2026-11-23T00:00:00Z"}})
    source.on(f"{PODS}/lonely", going if there == "going" else status(404, "not found", "NotFound"))

    def forget(_: Asked) -> Reply:
        notes.clear()
        return Reply({})

    source.on("/api/v1/namespaces/shop/secrets/note", forget)
    result = resume(cluster, "p")
    assert result.complete
    assert "v1/Pod/shop/lonely" in result.resumed
