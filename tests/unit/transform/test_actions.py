"""What each action of the rule language does, and what the report says about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migration_ops.transform import TransformResult
from migration_ops.transform.objects import value_at

Apply = Callable[..., TransformResult]
Manifest = dict[str, Any]


def test_set_makes_what_is_missing_and_says_so(apply: Apply, deployment: Manifest) -> None:
    result = apply(
        """
        rules:
          - name: limit
            do: [{set: {path: $.spec.template.spec.securityContext.runAsNonRoot, value: true}}]
        """,
        deployment,
    )

    place = ("spec", "template", "spec", "securityContext", "runAsNonRoot")
    assert value_at(result.objects[0], place) is True
    assert [change.as_dict() for change in result.changes] == [
        {
            "object": "apps/v1/Deployment/shop/web",
            "path": "/spec/template/spec/securityContext/runAsNonRoot",
            "rule": "own/limit",
            "from": None,
            "to": True,
        }
    ]


@pytest.mark.parametrize(
    ("only", "expected"),
    [("always", 5), ("missing", 2), ("present", 5)],
    ids=["always", "missing", "present"],
)
def test_set_can_be_limited_to_what_is_there_or_not(
    apply: Apply, deployment: Manifest, only: str, expected: int
) -> None:
    body = f"rules: [{{name: r, do: [{{set: {{path: $.spec.replicas, value: 5, only: {only}}}}}]}}]"

    assert apply(body, deployment).objects[0]["spec"]["replicas"] == expected


def test_set_reaches_every_match_of_a_wildcard(apply: Apply, deployment: Manifest) -> None:
    body = """
    rules:
      - name: pull
        do:
          - set: {path: "$.spec.template.spec.containers[*].imagePullPolicy", value: Always, only: present}
          - set:
              path: "$.spec.template.spec.containers[?@.name == 'side'].image"
              value: other
              only: present
    """
    containers = apply(body, deployment).objects[0]["spec"]["template"]["spec"]["containers"]

    assert [container["image"] for container in containers] == ["web:1", "other"]


def test_values_are_templates_over_parameters_and_object(apply: Apply, deployment: Manifest) -> None:
    body = """
    parameters: {region: {description: where, default: cn-hangzhou}}
    rules:
      - name: r
        do: [{set: {path: $.metadata.labels.where, value: "{{ params.region }}-{{ object.metadata.name }}"}}]
    """

    assert apply(body, deployment).objects[0]["metadata"]["labels"]["where"] == "cn-hangzhou-web"


def test_a_parameter_keeps_its_type(apply: Apply, deployment: Manifest) -> None:
    body = """
    parameters: {replicas: {description: how many, type: number, default: 3}}
    rules: [{name: r, do: [{set: {path: $.spec.replicas, parameter: replicas}}]}]
    """

    assert apply(body, deployment, params={"replicas": "7"}).objects[0]["spec"]["replicas"] == 7


def test_a_template_that_names_nothing_is_a_blocker_on_the_object(apply: Apply, deployment: Manifest) -> None:
    result = apply(
        "rules: [{name: r, do: [{set: {path: $.spec.x, value: '{{ params.missing }}'}}]}]", deployment
    )

    assert [finding.severity for finding in result.findings] == ["blocker"]
    assert "missing" in result.findings[0].message


def test_templates_run_in_a_sandbox(apply: Apply, deployment: Manifest) -> None:
    body = "rules: [{name: r, do: [{set: {path: $.spec.x, value: \"{{ ''.__class__.__mro__ }}\"}}]}]"

    assert [finding.severity for finding in apply(body, deployment).findings] == ["blocker"]


def test_remove_takes_away_every_match(apply: Apply, deployment: Manifest) -> None:
    result = apply(
        'rules: [{name: r, do: [{remove: ["$.spec.template.spec.containers[*].env", $.spec.nothing]}]}]',
        deployment,
    )

    assert all("env" not in item for item in result.objects[0]["spec"]["template"]["spec"]["containers"])
    assert [change.path for change in result.changes] == ["/spec/template/spec/containers/0/env"]


def test_the_last_annotation_takes_the_mapping_with_it(apply: Apply, deployment: Manifest) -> None:
    result = apply("rules: [{name: r, do: [{remove_annotations: example.com/*}]}]", deployment)

    assert "annotations" not in result.objects[0]["metadata"]


def test_translations_rename_map_keep_and_tell(apply: Apply, deployment: Manifest) -> None:
    result = apply(
        """
        rules:
          - name: t
            do:
              - annotations:
                  prefix: example.com/
                  to_prefix: new.example.com/
                  table:
                    old: {to: state, values: {"1": "on"}}
                  rest: {finding: {severity: warning, message: "{{ key }}={{ value }}"}}
              - labels: {table: {tier: {keep: true, template: "{{ value | upper }}"}}}
        """,
        deployment,
    )
    metadata = result.objects[0]["metadata"]

    assert metadata["annotations"] == {"new.example.com/state": "on"}
    assert metadata["labels"] == {"app": "web", "tier": "FRONT"}
    assert [finding.message for finding in result.findings] == ["example.com/other=2"]


def test_a_translation_never_overwrites_what_is_there(apply: Apply, deployment: Manifest) -> None:
    body = "rules: [{name: t, do: [{annotations: {table: {example.com/old: {to: example.com/other}}}}]}]"

    assert apply(body, deployment).objects[0]["metadata"]["annotations"] == {"example.com/other": "2"}


def test_map_replaces_values_by_a_table_and_leaves_its_results_alone(
    apply: Apply, deployment: Manifest
) -> None:
    body = """
    rules:
      - name: m
        do:
          - map:
              path: "$.spec.template.spec.containers[*].image"
              table: {"web:1": "web:2"}
              unmapped: {severity: info, message: "{{ value }} stays"}
    """
    result = apply(body, deployment)
    again = apply(body, *result.objects)

    assert [finding.message for finding in result.findings] == ["side:1 stays"]
    assert again.changes == []


def test_json_patch_applies_all_or_nothing(apply: Apply, deployment: Manifest) -> None:
    body = """
    rules:
      - name: p
        do:
          - json_patch:
              - {op: replace, path: /spec/replicas, value: 9}
              - {op: test, path: /metadata/name, value: other}
    """

    assert apply(body, deployment).changes == []


def test_a_json_patch_without_its_place_is_a_blocker(apply: Apply, deployment: Manifest) -> None:
    result = apply("rules: [{name: p, do: [{json_patch: [{op: remove, path: /spec/none}]}]}]", deployment)

    assert [finding.severity for finding in result.findings] == ["blocker"]


def test_merge_patch_removes_by_null_and_replaces_lists(apply: Apply, deployment: Manifest) -> None:
    body = """
    rules:
      - name: p
        do:
          - merge_patch:
              metadata: {labels: {tier: null, new: x}}
              spec: {template: {spec: {containers: []}}}
    """
    written = apply(body, deployment).objects[0]

    assert written["metadata"]["labels"] == {"app": "web", "new": "x"}
    assert written["spec"]["template"]["spec"]["containers"] == []


def test_strategic_merge_patch_merges_lists_by_their_keys(apply: Apply, deployment: Manifest) -> None:
    body = """
    rules:
      - name: p
        do:
          - strategic_merge_patch:
              spec:
                template:
                  spec:
                    containers:
                      - {name: web, env: [{name: A, value: "2"}, {name: B, value: "3"}]}
                      - {name: side, $patch: delete}
                      - {name: third, image: third:1}
    """
    containers = apply(body, deployment).objects[0]["spec"]["template"]["spec"]["containers"]

    assert containers == [
        {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]},
        {"name": "third", "image": "third:1"},
    ]


def test_create_adds_an_object_once(apply: Apply, deployment: Manifest) -> None:
    other = {**deployment, "metadata": {**deployment["metadata"], "name": "api"}}
    body = """
    rules:
      - name: c
        when: {kind: Deployment}
        do: [{create: {apiVersion: v1, kind: ConfigMap, metadata: {name: new, namespace: shop}}}]
    """
    result = apply(body, deployment, other)

    assert [item["kind"] for item in result.objects] == ["ConfigMap", "Deployment", "Deployment"]
    assert [finding.rule for finding in result.findings] == ["own/c"]


def test_drop_says_why(apply: Apply, deployment: Manifest) -> None:
    result = apply("rules: [{name: d, do: [{drop: 'not {{ object.kind }}'}]}]", deployment)

    assert result.objects == []
    assert [dropped.as_dict() for dropped in result.dropped] == [
        {"object": "apps/v1/Deployment/shop/web", "rule": "own/d", "reason": "not Deployment"}
    ]


def test_two_objects_never_share_a_rules_value(apply: Apply, deployment: Manifest) -> None:
    other = {**deployment, "metadata": {**deployment["metadata"], "name": "api"}}
    first, second = apply(
        "rules: [{name: s, do: [{set: {path: $.spec.extra, value: {list: [1]}}}]}]", deployment, other
    ).objects
    first["spec"]["extra"]["list"].append(2)

    assert second["spec"]["extra"] == {"list": [1]}
