"""YAML that would grow without bounds is refused, with the line where it does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from migration_ops.transform import RuleSetError
from migration_ops.transform.loading import parse_rule_set, read_rule_set
from migration_ops.transform.yamlio import load_all

LEVELS = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
BOMB = f"l0: &l0 [x, x, x, x, x, x, x, x, x]\n{LEVELS}"


def test_aliases_that_multiply_are_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="more than 200000 values once aliases are expanded"):
        list(load_all(BOMB))


def test_a_value_that_contains_itself_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="contains itself"):
        list(load_all("a: &a [*a]\n"))


def test_a_rule_file_that_grows_is_refused_with_its_line() -> None:
    with pytest.raises(RuleSetError, match=r"bomb\.yaml:\d+: has more than"):
        parse_rule_set(BOMB, source="bomb.yaml", name="bomb")


def test_ordinary_aliases_are_welcome() -> None:
    assert list(load_all("a: &a {b: 1}\nc: *a\n")) == [{"a": {"b": 1}, "c": {"b": 1}}]


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{b: " * 5_000, "- " * 5_000 + "x"])
def test_what_is_nested_too_deeply_is_refused_instead_of_ending_the_process(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="nested deeper than 200 levels"):
        list(load_all(text))


def test_brackets_in_quotes_are_no_nesting() -> None:
    assert list(load_all("a: '" + "[" * 1_000 + "'")) == [{"a": "[" * 1_000}]


def test_a_rule_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(RuleSetError, match=r"binary\.yaml"):
        read_rule_set(tmp_path / "binary.yaml")


def test_a_rule_file_with_an_impossible_number_is_refused_by_name() -> None:
    with pytest.raises(RuleSetError, match=r"rules\.yaml"):
        parse_rule_set("name: !!int abc", source="rules.yaml", name="rules")
