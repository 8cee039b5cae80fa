"""Namespaces that look like a platform's and are named by the plan."""

from __future__ import annotations

import pytest

from migration_ops.transform import Parameters, load_rule_sets, transform

OBJECTS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cattle-farm"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "cattle-farm"}},
]


@pytest.mark.parametrize(("named", "kept"), [((), 0), (("cattle-farm",), 2), (("other",), 0)])
def test_what_lies_in_a_platforms_namespace_comes_along_where_the_plan_names_it(
    named: tuple[str, ...], kept: int
) -> None:
    result = transform(OBJECTS, load_rule_sets(["cleanup"]), Parameters(named_namespaces=frozenset(named)))

    assert len(result.objects) == kept
