"""Small manifests and rule sets that the tests of the rules share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, transform
from migration_ops.transform.loading import parse_rule_set
from migration_ops.transform.rules import RuleSet

HEAD = """\
apiVersion: migration-ops/v1
kind: RuleSet
name: own
description: rules of a test
"""


@pytest.fixture
def rules() -> Callable[[str], RuleSet]:
    """Make a rule set of the YAML below its head."""

    def make(body: str) -> RuleSet:
        return parse_rule_set(HEAD + textwrap.dedent(body), source="own.yaml", name="own")

    return make


@pytest.fixture
def deployment() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": {"app": "web", "tier": "front"},
            "annotations": {"example.com/old": "1", "example.com/other": "2"},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}]},
                        {"name": "side", "image": "side:1"},
                    ]
                },
            },
        },
    }


@pytest.fixture
def apply(rules: Callable[[str], RuleSet]) -> Callable[..., TransformResult]:
    """Run the rules of a YAML text over objects."""

    def run(body: str, *objects: dict[str, Any], **parameters: Any) -> TransformResult:
        return transform(objects, [rules(body)], Parameters(**parameters))

    return run
