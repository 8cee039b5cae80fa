"""A report says that secrets changed, and never what they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from migration_ops.transform import Parameters, load_rule_sets, transform
from migration_ops.transform.cli import transform as command
from migration_ops.transform.results import Change
from migration_ops.transform.rules import RuleSet
from migration_ops.transform.withheld import LAST_APPLIED

SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "db",
        "namespace": "shop",
        "uid": "6f1c",
        "annotations": {LAST_APPLIED: '{"stringData":{"password":"hunter22"}}'},
    },
    "type": "kubernetes.io/service-account-token",
    "data": {"token": "aHVudGVyMjI="},
}


def test_contents_of_a_secret_are_withheld() -> None:
    report = transform([SECRET], load_rule_sets(["cleanup"]), Parameters()).report()
    before = {change["path"]: change["from"] for change in report["changes"]}

    assert "hunter22" not in json.dumps(report)
    assert "aHVudGVyMjI=" not in json.dumps(report)
    assert before["/data/token"].startswith("(secret, fingerprint ")
    assert before["/metadata/uid"] == "6f1c"


def test_what_was_last_applied_is_withheld_of_every_kind() -> None:
    config = {**SECRET, "kind": "ConfigMap", "data": {}}

    assert "hunter22" not in json.dumps(
        transform([config], load_rule_sets(["cleanup"]), Parameters()).report()
    )


@pytest.mark.parametrize(
    ("reference", "path", "value"),
    [
        ("v1/Secret/shop/db", "/data", {"password": "hunter22"}),
        ("v1/Secret/shop/db", "/stringData/password", "hunter22"),
        ("v1/Secret/shop/db", "/metadata", {"annotations": {"note": "hunter22"}}),
        ("apps/v1/Deployment/shop/db", "/metadata/annotations", {LAST_APPLIED: "hunter22"}),
        ("apps/v1/Deployment/shop/db", "/spec/template/spec/containers/0/env/1/value", "mysql://a:hunter22@db/b"),
        ("v1/ConfigMap/shop/db", "/data/DB_PASSWORD", "hunter22"),
        ("apps/v1/Deployment/shop/db", "/spec/x/env", [{"name": "DB_PASSWORD", "value": "hunter22"}]),
    ],
)  # fmt: skip
def test_a_changed_value_that_is_secret_is_withheld(reference: str, path: str, value: Any) -> None:
    written = Change(reference, path, "own/rule", value, None).as_dict()

    assert "hunter22" not in json.dumps(written)
    assert "fingerprint" in json.dumps(written)
    assert written["to"] is None


def test_the_value_of_a_variable_is_withheld_by_the_variables_name(
    rules: Callable[[str], RuleSet], deployment: dict[str, Any]
) -> None:
    variables = [{"name": "DB_PASSWORD", "value": "hunter22"}, {"name": "MODE", "value": "fast"}]
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] = variables
    change_all = """\
    rules:
      - name: other
        do: [{set: {path: "$.spec.template.spec.containers[0].env[*].value", value: hunter33, only: present}}]
    """

    report = transform([deployment], [rules(change_all)], Parameters()).report()

    by_path = {change["path"][-7:]: (change["from"], change["to"]) for change in report["changes"]}
    assert by_path["1/value"] == ("fast", "hunter33")
    assert all("fingerprint" in shown for shown in by_path["0/value"])
    assert "hunter22" not in json.dumps(report)


@pytest.mark.parametrize("value", ["web:1", 3, True, ["a"], {"name": "A", "value": "1"}, "http://db:5432/a"])
def test_other_values_are_shown(value: Any) -> None:
    written = Change("apps/v1/Deployment/shop/web", "/spec/x", "own/rule", value, value)

    assert written.as_dict()["from"] == value


def test_two_values_have_two_fingerprints() -> None:
    written = Change("v1/Secret/shop/db", "/data/a", "own/rule", "one", "two").as_dict()

    assert written["from"] != written["to"]


def test_the_report_is_its_owners(tmp_path: Path) -> None:
    (tmp_path / "in.yaml").write_text(json.dumps(SECRET))
    report = tmp_path / "report.json"
    arguments = [
        "--rules",
        "cleanup",
        "--report",
        str(report),
        str(tmp_path / "in.yaml"),
        str(tmp_path / "o"),
    ]

    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert report.stat().st_mode & 0o777 == 0o600
