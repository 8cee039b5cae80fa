"""Velero's resource modifier files work as they are."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from migration_ops.transform import Parameters, RuleSetError, TransformResult, load_rule_sets, transform

Manifest = dict[str, Any]


def modified(
    tmp_path: Path, body: str, *objects: Manifest, namespaces: dict[str, str] | None = None
) -> TransformResult:
    file = tmp_path / "modifiers.yaml"
    file.write_text("version: v1\nresourceModifierRules:\n" + textwrap.dedent(body))
    return transform(objects, load_rule_sets([str(file)]), Parameters(namespaces=namespaces or {}))


@pytest.fixture
def claim() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "mysql-0", "namespace": "bar", "labels": {"foo": "bar", "test": "x"}},
        "spec": {"storageClassName": "standard", "resources": {"requests": {"storage": "1Gi"}}},
    }


def test_the_documentations_example(tmp_path: Path, claim: Manifest) -> None:
    result = modified(
        tmp_path,
        """
        - conditions:
            groupResource: persistentvolumeclaims
            resourceNameRegex: "^mysql.*$"
            namespaces: [bar, foo]
            labelSelector: {matchLabels: {foo: bar}}
          patches:
          - {operation: replace, path: /spec/storageClassName, value: premium}
          - {operation: remove, path: /metadata/labels/test}
        """,
        claim,
    )

    assert result.objects[0]["spec"]["storageClassName"] == "premium"
    assert result.objects[0]["metadata"]["labels"] == {"foo": "bar"}
    assert [change.rule for change in result.changes] == ["modifiers/rule-1", "modifiers/rule-1"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5", 5),
        ('"5"', "5"),
        ("true", True),
        ("True", True),
        ("null", None),
        ('{"a": [1]}', {"a": [1]}),
        ("[1, 2]", [1, 2]),
        ("1.5", 1.5),
        ("text", "text"),
        ("", ""),
    ],
)
def test_a_patchs_text_becomes_what_it_looks_like(
    tmp_path: Path, deployment: Manifest, value: str, expected: Any
) -> None:
    quoted = value.replace("'", "''")
    result = modified(
        tmp_path,
        f"""
        - conditions: {{groupResource: deployments.apps}}
          patches: [{{operation: add, path: /spec/x, value: '{quoted}'}}]
        """,
        deployment,
    )

    assert result.objects[0]["spec"]["x"] == expected


def test_matches_and_test_decide_whether_a_rule_applies(tmp_path: Path, deployment: Manifest) -> None:
    result = modified(
        tmp_path,
        """
        - conditions: {groupResource: "*.apps", matches: [{path: /spec/replicas, value: "2"}]}
          patches: [{operation: replace, path: /spec/replicas, value: "3"}]
        - conditions: {groupResource: "*.apps", matches: [{path: /spec/replicas, value: "7"}]}
          patches: [{operation: remove, path: /spec}]
        - conditions: {groupResource: deployments.apps}
          patches:
          - {operation: test, path: /metadata/name, value: other}
          - {operation: remove, path: /spec}
        """,
        deployment,
    )

    assert result.objects[0]["spec"]["replicas"] == 3
    assert result.findings == []


def test_conditions_look_at_the_object_as_it_came(tmp_path: Path, deployment: Manifest) -> None:
    result = modified(
        tmp_path,
        """
        - conditions: {groupResource: deployments.apps}
          mergePatches: [{patchData: '{"metadata": {"labels": {"app": null, "new": "x"}}}'}]
        - conditions: {groupResource: deployments.apps, labelSelector: {matchLabels: {app: web}}}
          strategicPatches:
          - patchData: |
              spec:
                template:
                  spec:
                    containers:
                    - name: side
                      image: side:2
        """,
        deployment,
    )

    written = result.objects[0]
    assert written["metadata"]["labels"] == {"tier": "front", "new": "x"}
    assert [item["image"] for item in written["spec"]["template"]["spec"]["containers"]] == [
        "web:1",
        "side:2",
    ]


def test_namespaces_are_the_sources_even_when_they_are_mapped(tmp_path: Path, claim: Manifest) -> None:
    result = modified(
        tmp_path,
        """
        - conditions: {groupResource: persistentvolumeclaims, namespaces: [bar]}
          patches: [{operation: replace, path: /spec/storageClassName, value: premium}]
        """,
        claim,
        namespaces={"bar": "bar-prod"},
    )

    assert result.objects[0]["metadata"]["namespace"] == "bar-prod"
    assert result.objects[0]["spec"]["storageClassName"] == "premium"


def test_the_config_map_that_velero_reads_is_read_too(tmp_path: Path, claim: Manifest) -> None:
    file = tmp_path / "cm.yaml"
    file.write_text(
        textwrap.dedent(
            """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: modifiers, namespace: velero}
            data:
              modifiers.yaml: |
                version: v1
                resourceModifierRules:
                - conditions: {groupResource: persistentvolumeclaims}
                  patches: [{operation: replace, path: /spec/storageClassName, value: premium}]
            """
        )
    )

    result = transform([claim], load_rule_sets([str(file)]), Parameters())

    assert result.objects[0]["spec"]["storageClassName"] == "premium"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "- conditions: {groupResource: pods}\n",
            r"modifiers.yaml:3: resourceModifierRules.0: .*give patches",
        ),
        ("- conditions: {}\n  patches: []\n", r"modifiers.yaml:3: .*groupResource: is missing"),
        (
            "- conditions: {groupResource: pods}\n  mergePatches: [{patchData: 'a: ['}]\n",
            "a text inside isn't YAML: did not find",
        ),
        (
            "- conditions: {groupResource: pods}\n  patches: [{operation: add, path: /x, value: '{a'}]\n",
            "begins like JSON",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    tmp_path: Path, claim: Manifest, body: str, message: str
) -> None:
    with pytest.raises(RuleSetError, match=message):
        modified(tmp_path, body, claim)


def test_a_patch_that_does_not_fit_is_a_blocker(tmp_path: Path, claim: Manifest) -> None:
    result = modified(
        tmp_path,
        """
        - conditions: {groupResource: persistentvolumeclaims}
          patches: [{operation: remove, path: /spec/none}]
        """,
        claim,
    )

    assert [finding.severity for finding in result.findings] == ["blocker"]
