"""Ingress classes with their parameters, and what the rules of a platform ask about them."""

from __future__ import annotations

from functools import cache
from typing import Any

from migration_ops.transform import TransformResult, load_rule_sets
from migration_ops.transform.rules import RuleSet

ALB = "alb.ingress.kubernetes.io/"


@cache
def rules_of(provider: str) -> list[RuleSet]:
    return load_rule_sets([f"{provider}-to-ack"])


def decisions(result: TransformResult) -> list[str]:
    return [finding.message for finding in result.findings if finding.severity == "decision"]


def ingress_class(name: str, controller: str, parameters: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"controller": controller}
    if parameters is not None:
        spec["parameters"] = {"apiGroup": "elbv2.k8s.aws", "kind": "IngressClassParams", "name": parameters}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": name},
        "spec": spec,
    }


def class_parameters(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "elbv2.k8s.aws/v1beta1",
        "kind": "IngressClassParams",
        "metadata": {"name": name},
        "spec": spec,
    }
