"""The examples inside the shipped rule files, and what every rule file must be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from migration_ops.transform import load_rule_sets, rule_set_schema
from migration_ops.transform.catalogue import describe
from migration_ops.transform.loading import default_search_path, read_rule_set
from migration_ops.transform.rules import RuleSet, RuleTest
from migration_ops.transform.testing import run_test
from migration_ops.transform.yamlio import Loader

CATALOGUE_HEAD = """\
# The rule sets that come along

This page is made from the rule files in `include/transform_rules/`, in the order in which they run when
all are asked for. `migration-ops transform --describe --rules NAME` prints it for a set of your own; how
rules are written is in [rules.md](rules.md).

"""
FILES = sorted(default_search_path().glob("*.yaml"))
RULE_SETS = {path.stem: read_rule_set(path) for path in FILES}
WITH_BROUGHT = {name: load_rule_sets([name]) for name in RULE_SETS}
EXAMPLES = [
    pytest.param(rule_set, test, id=f"{rule_set.name}: {test.name}")
    for rule_set in RULE_SETS.values()
    for test in rule_set.tests
]
BY_NAME = (
    "api-versions",
    "eks-to-ack",
    "gke-to-ack",
    "aks-to-ack",
    "tke-to-ack",
    "cce-to-ack",
    "onprem-to-ack",
)


@pytest.mark.parametrize(("rule_set", "test"), EXAMPLES)
def test_a_rule_files_example_comes_out_as_it_says(rule_set: RuleSet, test: RuleTest) -> None:
    assert run_test(rule_set, test, brought=WITH_BROUGHT[rule_set.name]) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_file_is_called_as_its_rule_set(path: Path) -> None:
    assert RULE_SETS[path.stem].name == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_rule_file_proves_itself_by_examples(path: Path) -> None:
    assert RULE_SETS[path.stem].tests


@pytest.mark.parametrize("name", BY_NAME[1:])
def test_a_provider_set_brings_along_what_every_migration_needs(name: str) -> None:
    brought = [rule_set.name for rule_set in load_rule_sets([name])]

    assert set(brought) == {
        "cleanup", name, "traffic", "storage", "images", "identity", "scheduling", "references", "namespaces"
    }  # fmt: skip
    assert brought[-1] == "namespaces"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_editors_find_nothing_wrong_in_a_rule_file(path: Path) -> None:
    errors = Draft202012Validator(rule_set_schema()).iter_errors(yaml.load(path.read_text(), Loader))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_the_catalogues_page_is_what_the_rule_files_say() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "rules-catalogue.md"
    providers = [f"{name}-to-ack" for name in ("eks", "gke", "aks", "tke", "cce", "onprem")]
    written = CATALOGUE_HEAD + describe(load_rule_sets(["api-versions", *providers]))
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(written)

    assert page.read_text() == written
