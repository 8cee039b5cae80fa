"""What the author of a rule file is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from migration_ops.transform import RuleSetError, load_rule_sets, rule_set_schema
from migration_ops.transform.rules import RuleSet

Rules = Callable[[str], RuleSet]
SCHEMA_FILE = Path(__file__).parents[3] / "docs" / "reference" / "rule-set.schema.json"


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        (
            "rules:\n  - name: a\n    do: [{sett: {}}]\n",
            7,
            "rules.0.do.0.sett: is no field here",
        ),
        ("rules:\n  - name: a\n    do: []\n", 7, "rules.0.do"),
        ("rules:\n  - name: a\n    do: [{drop: x, remove: $.a}]\n", 7, "exactly one action"),
        ("rules:\n  - name: a\n    do: [{remove: spec.a}]\n", 7, "a JSONPath begins with $"),
        ("rules:\n  - name: a\n    do: [{remove: '$.a['}]\n", 7, "isn't JSONPath"),
        ("rules:\n  - name: a\n    do: [{drop: '{{ x'}]\n", 6, "is no template"),
        (
            "rules:\n  - name: a\n    do: [{strategic_merge_patch: {a: '{{ params.b }}'}}]\n",
            7,
            "texts of strategic_merge_patch are no templates",
        ),
        ("rules:\n  - name: a\n    do: [{call: nothing}]\n", 7, "there is no adapter 'nothing'"),
        (
            "rules:\n  - name: a\n    when: {labels: 'a ~ b'}\n    do: [{drop: x}]\n",
            7,
            "no label requirement",
        ),
        (
            "rules:\n  - name: a\n    when: {name_matches: '('}\n    do: [{drop: x}]\n",
            7,
            "no regular expression",
        ),
        (
            "rules:\n  - name: a\n    do: [{set: {path: $.a, value: 1}}]\n  - name: a\n    do: [{drop: x}]\n",
            1,
            "two rules",
        ),
        ("rules:\n  - name: a\n    name: b\n", 7, "'name' is there twice"),
        ("rules:\n  - name: Not A Name\n    do: [{drop: x}]\n", 6, "rules.0.name"),
        ("rules: [\n", 6, ""),
    ],
)
def test_an_error_names_file_line_and_field(rules: Rules, body: str, line: int, message: str) -> None:
    with pytest.raises(RuleSetError) as caught:
        rules(body)

    assert f"own.yaml:{line}: " in str(caught.value)
    assert message in str(caught.value)


def test_yaml_words_for_true_are_no_texts(rules: Rules) -> None:
    with pytest.raises(RuleSetError, match="must be text"):
        rules("rules:\n  - name: a\n    do: [{annotations: {table: {a: {to: b, values: {x: on}}}}}]\n")


def test_an_unknown_rule_set_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RuleSetError, match=r"known by name: .*eks-to-ack"):
        load_rule_sets(["eks-to-acks"])


def test_a_plans_own_file_is_found_below_the_rules_folder(tmp_path: Path) -> None:
    for name in ("local/own", "namespaces"):
        file = tmp_path / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{{apiVersion: migration-ops/v1, kind: RuleSet, name: {file.stem}, description: d}}")

    loaded = load_rule_sets(["local/own.yaml"], search_path=tmp_path)

    assert [rule_set.name for rule_set in loaded] == ["own", "namespaces"]


def test_a_set_that_brings_itself_along_is_refused(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(
            f"{{apiVersion: migration-ops/v1, kind: RuleSet, name: {name}, description: d,"
            f" brings: {{after: [{other}]}}}}"
        )

    with pytest.raises(RuleSetError, match="brings itself along"):
        load_rule_sets(["a"], search_path=tmp_path)


def test_the_published_schema_is_the_models() -> None:
    assert json.loads(SCHEMA_FILE.read_text()) == rule_set_schema()
