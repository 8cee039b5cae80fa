"""Which objects a rule is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migration_ops.transform import TransformResult

Apply = Callable[..., TransformResult]
Manifest = dict[str, Any]


def is_met(apply: Apply, condition: str, *objects: Manifest, **parameters: Any) -> bool:
    body = f"""
    parameters:
      flag: {{description: f, default: ""}}
      deep: {{description: d, type: mapping, default: {{}}}}
    rules: [{{name: r, when: {condition}, do: [{{finding: {{severity: info, message: met}}}}]}}]
    """
    return bool(apply(body, *objects, **parameters).findings)


@pytest.mark.parametrize(
    "condition",
    [
        "{kind: Deployment}",
        "{kind: [Pod, Deploy*]}",
        "{kind: apps/Deployment}",
        "{kind: '*/Deployment'}",
        "{api_version: apps/*}",
        "{resource: deployments.apps}",
        "{resource: '*.apps'}",
        "{resource: '{deployments,pods}.apps'}",
        "{namespace: sh*, name: web}",
        "{name_matches: '^w.b$'}",
        "{labels: 'app in (web,api),!canary,tier'}",
        "{labels: 'tier!=back'}",
        "{labels: {app: w*, tier: null}}",
        "{label_selector: {matchExpressions: [{key: app, operator: NotIn, values: [api]}]}}",
        "{annotations: {example.com/o*: '1'}}",
        "{jsonpath: '$.spec.template.spec.containers[?@.name == \"side\"]'}",
        "{values: [{path: $.spec.replicas, one_of: [1, 2]}]}",
        "{values: [{path: '$.spec.template.spec.containers[*].image', glob: 'side:*'}]}",
        "{values: [{path: $.metadata.name, matches: '^w'}, {path: $.spec.paused, exists: false}]}",
        "{any: [{kind: Pod}, {name: web}]}",
        "{not: {namespace: other}}",
        "{provider: [eks]}",
        "{params: {flag: false, deep.in: 1}}",
    ],
)
def test_a_condition_that_holds(apply: Apply, deployment: Manifest, condition: str) -> None:
    assert is_met(apply, condition, deployment, source_provider="eks", params={"deep": {"in": 1}})


@pytest.mark.parametrize(
    "condition",
    [
        "{kind: Service}",
        "{kind: core/Deployment}",
        "{resource: deployments}",
        "{resource: '*'}",
        "{namespace: other}",
        "{labels: 'app notin (web)'}",
        "{labels: {none: null}}",
        "{values: [{path: $.spec.replicas, equals: '2'}]}",
        "{values: [{path: $.spec.replicas, equals: true}]}",
        "{jsonpath: [$.spec.replicas, $.spec.none]}",
        "{kind: Deployment, name: other}",
        "{not: {kind: Deployment}}",
        "{any: [{provider: [gke]}]}",
        "{provider: [gke]}",
        "{params: {flag: true}}",
    ],
)
def test_a_condition_that_does_not_hold(apply: Apply, deployment: Manifest, condition: str) -> None:
    assert not is_met(apply, condition, deployment, source_provider="eks")


def test_a_plain_kind_never_means_a_custom_resource_of_that_name(apply: Apply) -> None:
    knative = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
    }

    assert not is_met(apply, "{kind: Service}", knative)
    assert is_met(apply, "{kind: serving.knative.dev/Service}", knative)


def test_scopes_select_parts_and_where_judges_them(apply: Apply, deployment: Manifest) -> None:
    result = apply(
        """
        rules:
          - name: c
            scope: container
            where: {values: [{path: $.name, equals: side}]}
            do: [{set: {path: $.image, value: x}}]
          - name: p
            scope: pod
            where: {labels: {app: web}}
            do: [{set: {path: $.metadata.annotations.seen, value: "yes"}}]
        """,
        deployment,
    )

    assert [change.path for change in result.changes] == [
        "/spec/template/spec/containers/1/image",
        "/spec/template/metadata/annotations/seen",
    ]


def test_rules_run_in_their_order_and_see_what_was_done_before(apply: Apply, deployment: Manifest) -> None:
    result = apply(
        """
        rules:
          - {name: a, do: [{set: {path: $.spec.replicas, value: 5}}]}
          - {name: b, when: {values: [{path: $.spec.replicas, equals: 5}]}, do: [{remove: $.spec.replicas}]}
        """,
        deployment,
    )

    assert "replicas" not in result.objects[0]["spec"]
