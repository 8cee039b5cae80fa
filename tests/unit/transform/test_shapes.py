"""What isn't shaped as its kind is told, with the place: rules never pass by what they can't read."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_ops.transform import Parameters, load_rule_sets, read_manifests, transform
from migration_ops.transform.objects import pointer, value_at
from migration_ops.transform.shapes import SHAPES, shape_problems

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = [item for path in sorted(GOLDEN.glob("*/source.yaml")) for item in read_manifests(str(path))]
RULE_SETS = load_rule_sets(["api-versions"])
PARAMETERS = Parameters(target_version="1.32")
WRONG: dict[str, list[Any]] = {
    "mapping": [[], [{"a": 1}], "text", 7, True],
    "list of mappings": [{}, {"a": 1}, "text", 7, ["text"], [{}, None], [[]]],
    "list of texts": [{}, "text", 7, [1], [None], [{}]],
}


def blockers(manifest: dict[str, Any]) -> list[str]:
    return [finding.message for finding in transform([manifest], RULE_SETS, PARAMETERS).blockers]


@pytest.mark.parametrize(
    ("api_version", "kind", "content", "place"),
    [
        ("networking.k8s.io/v1beta1", "Ingress", {"spec": [{"rules": []}]}, "/spec must be a mapping"),
        ("networking.k8s.io/v1beta1", "Ingress", {"spec": {"rules": "x"}}, "/spec/rules must be a list"),
        (
            "extensions/v1beta1",
            "Ingress",
            {"spec": {"rules": [{"http": {"paths": {"path": "/"}}}]}},
            "/spec/rules/0/http/paths must be a list of mappings, and is a mapping",
        ),
        ("policy/v1beta1", "PodDisruptionBudget", {"spec": ["x"]}, "/spec must be a mapping, and is a list"),
        ("policy/v1beta1", "PodDisruptionBudget", {"spec": {"selector": "a=b"}}, "/spec/selector must be"),
        ("batch/v1beta1", "CronJob", {"spec": {"jobTemplate": [1]}}, "/spec/jobTemplate must be a mapping"),
        ("rbac.authorization.k8s.io/v1beta1", "Role", {"rules": {"verbs": []}}, "/rules must be a list"),
        (
            "autoscaling/v2beta1",
            "HorizontalPodAutoscaler",
            {"spec": {"metrics": {}}},
            "/spec/metrics must be",
        ),
    ],
)
def test_a_misshapen_object_is_a_blocker_that_names_object_and_place(
    api_version: str, kind: str, content: dict[str, Any], place: str
) -> None:
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}}
    result = transform([manifest | content], RULE_SETS, PARAMETERS)
    assert result.blockers[0].object == f"{api_version}/{kind}/shop/web"
    assert place in result.blockers[0].message


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ({"type": "Resource"}, "says nothing"),
        ({"type": "Moon", "moon": {}}, "unknown type Moon"),
        ({"resource": {"name": "cpu"}}, "says nothing"),
    ],
)
def test_a_metric_that_cannot_be_converted_is_a_blocker(metric: dict[str, Any], reason: str) -> None:
    scaler = {
        "apiVersion": "autoscaling/v2beta1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "metrics": [metric],
            "maxReplicas": 3,
            "scaleTargetRef": {"kind": "Deployment", "name": "w"},
        },
    }
    assert reason in blockers(scaler)[0]


def test_a_backend_with_a_port_and_no_service_is_a_blocker() -> None:
    ingress = {
        "apiVersion": "networking.k8s.io/v1beta1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"backend": {"servicePort": 80}},
    }
    assert "a port and no service" in blockers(ingress)[0]


def test_no_sample_of_a_real_cluster_is_misshapen() -> None:
    assert [problem for item in SAMPLES for problem in shape_problems(item)] == []


@st.composite
def misshapen(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A real manifest of a kind that is known, with one place of another shape."""
    manifest = copy.deepcopy(draw(st.sampled_from([one for one in SAMPLES if one["kind"] in SHAPES])))
    found = [
        (path, shape)
        for path, shape in SHAPES[manifest["kind"]]
        if "[]" not in path and value_at(manifest, path) is not None and path != ("metadata",)
    ]
    if not found:
        return manifest, ""
    path, shape = draw(st.sampled_from(found))
    container = value_at(manifest, path[:-1])
    container[path[-1]] = draw(st.sampled_from(WRONG[shape]))
    return manifest, pointer(path)


@given(given_one=misshapen())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_misshapen_is_told(given_one: tuple[dict[str, Any], str]) -> None:
    manifest, place = given_one
    result = transform([manifest], RULE_SETS, PARAMETERS)
    if place and not result.dropped:
        assert any(f"{place} must be" in blocker.message for blocker in result.blockers)
    if not result.blockers:
        again = transform(result.objects, RULE_SETS, PARAMETERS)
        assert [one["apiVersion"] for one in again.objects] == [one["apiVersion"] for one in result.objects]
