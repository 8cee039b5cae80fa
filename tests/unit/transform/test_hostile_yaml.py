"""YAML that would grow without bounds is refused, with the line where it does."""

from __future__ import annotations

import pytest
import yaml

from migration_ops.transform import RuleSetError
from migration_ops.transform.loading import parse_rule_set
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
