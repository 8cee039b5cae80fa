"""Ingresses of EKS that share a load balancer by `group.name`: one scheme for all of them, or a question."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, transform
from tests.unit.transform.entrances import ALB, class_parameters, decisions, ingress_class, rules_of


def group_member(name: str, scheme: str | None, group: str = "shared", of: str = "alb") -> dict[str, Any]:
    annotations = {f"{ALB}group.name": group} | ({f"{ALB}scheme": scheme} if scheme else {})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "other", "annotations": annotations},
        "spec": {
            "ingressClassName": of,
            "defaultBackend": {"service": {"name": "w", "port": {"number": 80}}},
        },
    }


def grouped(*others: dict[str, Any], scheme: str | None = None) -> tuple[str, TransformResult]:
    """Give the class of an Ingress of the group `shared`, and what was said."""
    own = group_member("own", scheme)
    result = transform([own, *others], rules_of("eks"), Parameters())
    (kept,) = (one for one in result.objects if one["metadata"]["name"] == "own")
    return kept["spec"]["ingressClassName"], result


def test_an_ingress_has_the_scheme_that_another_one_of_its_group_states() -> None:
    became, result = grouped(group_member("front", "internet-facing"), group_member("silent", None))

    assert became == "ack-alb-shared"
    assert {one["spec"]["ingressClassName"] for one in result.objects} == {"ack-alb-shared"}
    assert any("other/front says internet-facing" in finding.message for finding in result.findings)
    assert not any("scheme" in message for message in decisions(result))


def test_the_class_of_another_one_of_its_group_states_the_scheme_too() -> None:
    became, _ = grouped(
        ingress_class("edge", "ingress.k8s.aws/alb", "edge"),
        class_parameters("edge", scheme="internet-facing", group={"name": "shared"}),
        group_member("front", None, group="ignored", of="edge"),
    )

    assert became == "ack-alb-shared"


@pytest.mark.parametrize(
    "other",
    [
        group_member("front", "internet-facing", group="another"),
        group_member("front", "internet-facing", of="nginx"),
        group_member("front", None),
    ],
)
def test_nobody_else_states_the_scheme_of_a_group(other: dict[str, Any]) -> None:
    became, result = grouped(other)

    assert became == "ack-alb-shared-internal"
    assert any(
        finding.severity == "warning" and "its group shared" in finding.message for finding in result.findings
    )


@pytest.mark.parametrize(
    ("own", "others"),
    [
        (None, ["internal", "internet-facing"]),
        ("internet-facing", ["internal"]),
        ("internal", ["internet-facing"]),
        ("internet-facing", ["Public"]),
        (None, ["Public"]),
    ],
)
def test_a_group_that_contradicts_itself_becomes_internal(own: str | None, others: list[str]) -> None:
    members = [group_member(f"m{index}", scheme) for index, scheme in enumerate(others)]
    became, result = grouped(*members, scheme=own)

    assert became == "ack-alb-shared-internal"
    assert any("it becomes internal" in message for message in decisions(result))
