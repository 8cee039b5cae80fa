"""A label that a rule takes away stays while another object of the result selects by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, transform
from migration_ops.transform.rules import RuleSet

Manifest = dict[str, Any]
Make = Callable[[str], RuleSet]

STRIP = """\
    rules:
      - name: of-the-platform
        do:
          - remove_labels: platform/*
      - name: of-the-platform-in-pods
        scope: pod
        do:
          - remove_labels: platform/*
    """
LABEL = {"platform/tier": "front"}
SELECTS = {"matchLabels": LABEL}


def made(kind: str, api_version: str, **content: Any) -> Manifest:
    metadata = {"name": "other", "namespace": "shop"} | content.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def workload() -> Manifest:
    pods = {
        "metadata": {"labels": {"app": "web", **LABEL}},
        "spec": {"containers": [{"name": "web", "image": "w"}]},
    }
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": pods}
    return made("Deployment", "apps/v1", metadata={"name": "web", "labels": dict(LABEL)}, spec=spec)


def after(rule_set: RuleSet, *objects: Manifest) -> tuple[TransformResult, Manifest]:
    """The result, and the last object in it."""
    result = transform(objects, [rule_set], Parameters())
    name = objects[-1]["metadata"]["name"], objects[-1]["kind"]
    return result, next(one for one in result.objects if (one["metadata"]["name"], one["kind"]) == name)


AFFINITY = {"topologyKey": "zone", "labelSelector": SELECTS}
PEER = {
    "podSelector": {"matchExpressions": [{"key": "platform/tier", "operator": "In", "values": ["front"]}]}
}


@pytest.mark.parametrize(
    ("other", "place"),
    [
        (made("Service", "v1", spec={"selector": LABEL}), "/spec/selector"),
        (made("PodDisruptionBudget", "policy/v1", spec={"selector": SELECTS}), "/spec/selector"),
        (
            made(
                "NetworkPolicy",
                "networking.k8s.io/v1",
                spec={"podSelector": {}, "ingress": [{"from": [PEER]}]},
            ),
            "/spec/ingress/0/from/0/podSelector",
        ),
        (
            made(
                "Pod",
                "v1",
                spec={
                    "affinity": {
                        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [AFFINITY]}
                    }
                },
            ),
            "podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/0/labelSelector",
        ),
        (
            made("Pod", "v1", spec={"topologySpreadConstraints": [AFFINITY]}),
            "/spec/topologySpreadConstraints/0",
        ),
        (
            made(
                "PodMonitor",
                "monitoring.coreos.com/v1",
                metadata={"namespace": "monitoring"},
                spec={"namespaceSelector": {"any": True}, "selector": SELECTS},
            ),
            "/spec/selector",
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_label_of_pods_stays_that_somebody_selects_by(rules: Make, other: Manifest, place: str) -> None:
    result, kept = after(rules(STRIP), other, workload())

    assert kept["spec"]["template"]["metadata"]["labels"] == {"app": "web", **LABEL}
    told = [one for one in result.findings if one.rule == "engine/selected-labels"]
    named = "platform/tier at /spec/template/metadata/labels stays, though own/of-the-platform-in-pods"
    (message,) = (one.message for one in told if named in one.message)
    assert place in message
    assert "/other selects by it" in message
    assert "/spec/template/metadata/labels/platform~1tier" not in {change.path for change in result.changes}


@pytest.mark.parametrize(
    "other",
    [
        made("Service", "v1", spec={"selector": {"platform/tier": "back"}}),
        made("Service", "v1", spec={"selector": {"app": "web"}}),
        made("Service", "v1", metadata={"namespace": "b"}, spec={"selector": LABEL}),
        made("PodDisruptionBudget", "policy/v1", spec={"selector": {"matchExpressions": "garbage"}}),
        made(
            "Pod",
            "v1",
            spec={
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "platform/tier", "operator": "Exists"}]}
                            ]
                        }
                    }
                }
            },
        ),
    ],
    ids=["other value", "other label", "other namespace", "garbage", "labels of nodes"],
)
def test_a_label_goes_that_nobody_selects_by(rules: Make, other: Manifest) -> None:
    _, kept = after(rules(STRIP), other, workload())

    assert kept["spec"]["template"]["metadata"]["labels"] == {"app": "web"}
    assert "labels" not in kept["metadata"]


def test_the_labels_of_a_workload_itself_are_not_those_of_its_pods(rules: Make) -> None:
    own = workload()
    own["spec"]["selector"] = SELECTS

    _, kept = after(rules(STRIP), made("Service", "v1", spec={"selector": LABEL}), own)

    assert "labels" not in kept["metadata"]
    assert kept["spec"]["template"]["metadata"]["labels"] == {"app": "web", **LABEL}


def test_a_service_keeps_what_its_monitor_selects_by(rules: Make) -> None:
    service = made(
        "Service", "v1", metadata={"name": "web", "labels": dict(LABEL)}, spec={"ports": [{"port": 80}]}
    )
    monitor = made("ServiceMonitor", "monitoring.coreos.com/v1", spec={"selector": SELECTS})

    assert after(rules(STRIP), monitor, service)[1]["metadata"]["labels"] == LABEL


def test_a_namespace_keeps_what_policies_select_it_by(rules: Make) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b", "labels": dict(LABEL)}}
    peer = {"namespaceSelector": SELECTS}
    policy = made(
        "NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "ingress": [{"from": [peer]}]}
    )

    assert after(rules(STRIP), policy, namespace)[1]["metadata"]["labels"] == LABEL
    assert (
        "labels"
        not in after(rules(STRIP), made("Service", "v1", spec={"selector": LABEL}), namespace)[1]["metadata"]
    )


def test_a_label_goes_with_the_object_that_selected_by_it(rules: Make) -> None:
    own = rules(STRIP + "\n      - {name: gone, when: {kind: [Service]}, do: [{drop: not needed}]}\n")
    _, kept = after(own, made("Service", "v1", spec={"selector": LABEL}), workload())

    assert kept["spec"]["template"]["metadata"]["labels"] == {"app": "web"}


def test_a_second_run_changes_nothing(rules: Make) -> None:
    first, _ = after(rules(STRIP), made("Service", "v1", spec={"selector": LABEL}), workload())

    second = transform(first.objects, [rules(STRIP)], Parameters())

    assert (second.objects, second.changes) == (first.objects, [])
