"""Stopping and starting are each other's inverse, for every kind."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_ops.cluster import QuiesceError
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.suspension import (
    SUSPENSIONS,
    as_before,
    merge,
    noted_state,
    start_patch,
    stop_patch,
    suspension_of,
)
from migration_ops.cluster.workloads import Workload, into_waves, pods_of


def made(api_version: str, kind: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """An object as the server would return it."""
    plain = {"name": "x", "namespace": "shop", "resourceVersion": "1", "uid": "u"}
    return {"apiVersion": api_version, "kind": kind, "metadata": plain | metadata, "spec": spec}


POD = {
    "template": {
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [], "nodeSelector": {"disk": "fast"}},
    }
}
RUNNING = [
    made("apps/v1", "Deployment", {"replicas": 3, **POD}),
    made("apps/v1", "StatefulSet", {"replicas": 1, **POD}, labels={"a": "b"}),
    made("apps/v1", "DaemonSet", copy.deepcopy(POD), annotations={"a": "b"}),
    made("batch/v1", "CronJob", {"schedule": "* * * * *", "suspend": False}),
    made("batch/v1", "Job", {"parallelism": 2}),
    made("autoscaling/v2", "HorizontalPodAutoscaler", {"minReplicas": 0, "maxReplicas": 4}),
    made("keda.sh/v1alpha1", "ScaledObject", {"minReplicaCount": 1}, annotations={"mine": "x"}),
    made(
        "argoproj.io/v1alpha1",
        "Application",
        {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}},
    ),
    made("kustomize.toolkit.fluxcd.io/v1", "Kustomization", {"path": "./", "suspend": False}),
    made("helm.toolkit.fluxcd.io/v2", "HelmRelease", {"suspend": False}),
    made("helm.toolkit.fluxcd.io/v2", "HelmRelease", {"interval": "1m"}),
    made("argoproj.io/v1alpha1", "Rollout", {"replicas": 2}),
]
IDLE = [
    made("apps/v1", "Deployment", {"replicas": 0}),
    made("batch/v1", "CronJob", {"suspend": True}),
    made("batch/v1", "Job", {"parallelism": 2}) | {"status": {"completionTime": "2026-01-01T00:00:00Z"}},
    made("autoscaling/v2", "HorizontalPodAutoscaler", {"minReplicas": 1}),
    made("argoproj.io/v1alpha1", "Application", {"syncPolicy": {}}),
    made("keda.sh/v1alpha1", "ScaledObject", {}, annotations={"autoscaling.keda.sh/paused": "true"}),
]


def kind_of(value: Any) -> str:
    """A readable test id."""
    return f"{value['apiVersion'].split('/')[0]}/{value['kind']}"


def stopped(manifest: dict[str, Any], wave: int = 1) -> dict[str, Any]:
    """The object after the stopping patch."""
    suspension = suspension_of(manifest)
    assert suspension is not None
    was = suspension.remember(manifest)
    after = copy.deepcopy(manifest)
    merge(after, stop_patch(manifest, {"plan": "p", "run": "r", "wave": wave, "was": was}))
    return after


@pytest.mark.parametrize("manifest", RUNNING, ids=kind_of)
def test_what_was_stopped_starts_as_it_was(manifest: dict[str, Any]) -> None:
    after = stopped(manifest)
    assert after["spec"] != manifest["spec"] or after["metadata"] != manifest["metadata"]
    note = noted_state(after)
    assert note is not None
    again = copy.deepcopy(after)
    merge(again, start_patch(after, note["was"]))
    assert again["spec"] == manifest["spec"]
    for field in ("labels", "annotations"):
        assert again["metadata"].get(field, {}) == manifest["metadata"].get(field, {})


@pytest.mark.parametrize("manifest", RUNNING, ids=kind_of)
def test_a_quiesced_object_can_be_read_as_it_was_before(manifest: dict[str, Any]) -> None:
    assert as_before(stopped(manifest)) == manifest
    assert as_before(manifest) is manifest


@pytest.mark.parametrize("manifest", IDLE, ids=kind_of)
def test_what_does_nothing_is_not_touched(manifest: dict[str, Any]) -> None:
    suspension = suspension_of(manifest)
    assert suspension is not None
    assert suspension.remember(manifest) is None


def test_a_stopped_object_has_nothing_left_to_stop() -> None:
    for manifest in RUNNING:
        suspension = suspension_of(manifest)
        assert suspension is not None
        assert suspension.remember(stopped(manifest)) is None, manifest["kind"]


def test_patches_hold_for_the_read_version_only() -> None:
    patch = stop_patch(RUNNING[0], {"plan": "p", "run": "r", "wave": 1, "was": {"replicas": 3}})
    assert patch["metadata"]["resourceVersion"] == "1"
    assert start_patch(RUNNING[0], {"replicas": 3})["metadata"]["resourceVersion"] == "1"


def test_a_note_that_somebody_broke_is_no_note() -> None:
    for text in ("not json", "[]", '{"was": 3}'):
        broken = made("apps/v1", "Deployment", {}, annotations={"migration-ops.io/quiesced": text})
        assert noted_state(broken) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents, documents)
def test_merge_patches_follow_rfc_7386(document: dict[str, Any], patch: dict[str, Any]) -> None:
    def expected(target: Any, change: Any) -> Any:
        if not isinstance(change, dict):
            return change
        result = dict(target) if isinstance(target, dict) else {}
        for key, value in change.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = expected(result.get(key), value)
        return result

    want = expected(copy.deepcopy(document), patch)
    merge(document, copy.deepcopy(patch))
    assert document == want


def workload(kind: str, name: str, namespace: str = "shop", **spec: Any) -> Workload:
    """A workload as it was found."""
    api_version = next(f"{group}/v1" if group else "v1" for group, one in SUSPENSIONS if one == kind)
    manifest = made(api_version, kind, spec, name=name, namespace=namespace)
    return Workload(manifest, ApiResource("", "v1", kind, f"{kind.lower()}s", namespaced=True))


MOUNTING = {
    "template": {
        "spec": {"containers": [], "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]}
    }
}
FOUND = [
    workload("Deployment", "web", **POD),
    workload("Deployment", "files", **MOUNTING),
    workload("StatefulSet", "db", volumeClaimTemplates=[{}], **POD),
    workload("CronJob", "nightly"),
]


def waves(found: list[Workload]) -> list[list[str]]:
    """Names by wave."""
    numbers = sorted({one.wave for one in found})
    return [sorted(one.reference.name for one in found if one.wave == number) for number in numbers]


def test_without_waves_what_mounts_volumes_stops_last() -> None:
    assert waves(into_waves(FOUND, None)) == [["nightly"], ["web"], ["db", "files"]]


def test_waves_are_followed_and_the_rest_comes_last() -> None:
    assert waves(into_waves(FOUND, [["deployment/web"], ["shop/StatefulSet/*"]])) == [
        ["nightly"],
        ["web"],
        ["db"],
        ["files"],
    ]


def test_a_pattern_without_workload_is_refused_with_what_there_is() -> None:
    with pytest.raises(QuiesceError, match=r"deployment/wbe.*there are .*deployment/web"):
        into_waves(FOUND, [["deployment/wbe"]])


def test_pods_belong_to_the_workload_that_selects_them() -> None:
    def pod(name: str, labels: dict[str, str], *, owned: bool = True) -> dict[str, Any]:
        owner = (
            [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "controller": True}]
            if owned
            else []
        )
        return {
            "metadata": {"name": name, "namespace": "shop", "labels": labels, "ownerReferences": owner},
            "kind": "Pod",
        }

    web = workload("Deployment", "web", selector={"matchLabels": {"app": "web"}})
    pods = [pod("a", {"app": "web"}), pod("b", {"app": "db"}), pod("c", {"app": "web"}, owned=False)]
    assert [one["metadata"]["name"] for one in pods_of([web], pods)] == ["a"]
