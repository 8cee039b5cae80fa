"""`migration-ops transform` as people and pipelines call it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from migration_ops.cli import main

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  annotations: {service.beta.kubernetes.io/aws-load-balancer-internal: "true"}
spec: {type: LoadBalancer, ports: [{port: 80}]}
"""
BLOCKED = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {}\n"


def run(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["transform", *map(str, arguments)], input=text)


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "service.yaml").write_text(SERVICE)
    (folder / "deep" / "list.json").write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "ConfigMapList",
                "items": [{"metadata": {"name": "a", "namespace": "shop"}}, {"metadata": {"name": "b"}}],
            }
        )
    )
    (folder / "notes.txt").write_text("no manifest")
    return folder


def test_a_folder_becomes_a_folder_in_apply_order(manifests: Path, tmp_path: Path) -> None:
    result = run("--rules", "eks-to-ack", manifests, tmp_path / "out")

    assert result.exit_code == 0, result.output
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.yaml")) == [
        "40-configuration/configmap-b.yaml",
        "40-configuration/shop/configmap-a.yaml",
        "60-services/shop/service-web.yaml",
    ]


def test_the_report_has_the_shape_that_is_promised(manifests: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    run("--rules", "eks-to-ack", "--report", report, manifests, tmp_path / "out.yaml")

    written: dict[str, Any] = json.loads(report.read_text())
    assert {key: written[key] for key in ("objects", "changed", "dropped")} == {
        "objects": 3,
        "changed": 1,
        "dropped": 0,
    }
    assert set(written["changes"][0]) == {"object", "path", "rule", "from", "to"}
    assert written["findings"] == []


def test_standard_input_and_output(tmp_path: Path) -> None:
    result = run("--rules", "eks-to-ack", "-", "-", text=SERVICE)

    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout)["metadata"]["annotations"] == {
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type": "intranet"
    }


def test_what_is_the_same_about_many_objects_is_printed_once_and_reported_for_each(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    items = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}", "namespace": "shop"}}
        | {"data": {f"HOST_{number}": "db.rds.amazonaws.com"}}
        for number in range(5)
    ]

    result = run("--rules", "eks-to-ack", "--report", report, "-", tmp_path / "o", text=json.dumps(items))

    (line,) = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert "v1/ConfigMap/shop/c0 /data/HOST_0, " in line
    assert "/data/HOST_2 and 2 more: names .rds.amazonaws.com" in line
    assert "c4" not in line
    assert len({one["object"] for one in json.loads(report.read_text())["findings"]}) == 5


def test_blockers_end_with_2_and_the_output_is_still_written(tmp_path: Path) -> None:
    apis = tmp_path / "apis.txt"
    apis.write_text("v1\napps/v1\n")

    result = run("--rules", "api-versions", "--target-apis", apis, "-", tmp_path / "out.json", text=BLOCKED)

    assert result.exit_code == 2
    assert "blocker: extensions/v1beta1/Ingress/shop/web" in result.stderr
    assert json.loads((tmp_path / "out.json").read_text())["items"][0]["kind"] == "Ingress"


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        (["--rules", "none", "-", "-"], SERVICE, "there is no such rule set"),
        (["--rules", "eks-to-ack", "nowhere", "-"], "", "there is no such file or folder"),
        (["--rules", "eks-to-ack", "-", "-"], "a: [", "is no YAML"),
        (["--rules", "eks-to-ack", "-", "-"], "a: 1", "document 1: .*has no apiVersion"),
        (
            ["--rules", "eks-to-ack", "-", "-"],
            SERVICE.replace("name: web", "name: 123"),
            "metadata.name must be text, this is a number; put quotes around it",
        ),
        (["--rules", "eks-to-ack", "-", "-"], SERVICE.replace("v1", "1"), "apiVersion must be text"),
        (["--rules", "eks-to-ack", "-", "-"], SERVICE.replace("name: web", ""), "has no metadata.name"),
        (["--rules", "eks-to-ack", "--param", "x", "-", "-"], SERVICE, "write it as name=value"),
        (["--rules", "eks-to-ack", "--param", "x=1", "-", "-"], SERVICE, "no rule set knows the parameter x"),
        (["--rules", "eks-to-ack", "--target-version", "new", "-", "-"], SERVICE, "is no Kubernetes version"),
        (["--rules", "eks-to-ack"], "", "give --rules, IN and OUT"),
        (["--rules", "eks-to-ack", "--report"], "", "requires an argument"),
        (["--params", "nowhere.yaml", "-", "-"], "", "does not exist"),
        (["--rules", "api-versions", "-", "-"], "a: 1\nb: [1\n", r"standard input:\d: is no YAML"),
        (
            ["--rules", "api-versions", "-", "-"],
            "a: {b: 1,\n b: 2}",
            "input:2: is no YAML: 'b' is there twice",
        ),
        (["--rules", "api-versions", "-", "-"], '{"a": {"b": 1, "c": 2, "b": 3}}', "'b' is there twice"),
        (["--rules", "api-versions", "-", "-"], "a: !!int " + "9" * 5000, ":1: is no YAML: has a value"),
        (["--rules", "api-versions", "-", "-"], "- 5", "must be a mapping, this is a number"),
        (["--rules", "api-versions", "--source-provider", "oke", "-", "-"], SERVICE, "'oke' is no provider"),
        (["--rules", "api-versions", "--target-version", "9.1", "-", "-"], SERVICE, "is no Kubernetes 9.1"),
        (
            ["--rules", "api-versions", "--target-version", "-1.-5", "-", "-"],
            SERVICE,
            "no Kubernetes version",
        ),
        (["--rules", "api-versions", "--param", "=x", "-", "-"], SERVICE, "write it as name=value"),
        (["--params", "/dev/zero", "--rules", "api-versions", "-", "-"], SERVICE, "larger than 4 MiB"),
        (["--target-apis", "/dev/zero", "--rules", "api-versions", "-", "-"], SERVICE, "larger than 4 MiB"),
        (["--rules", "api-versions", "-", "nowhere/out.yaml"], SERVICE, "the folder nowhere is not there"),
        (["--rules", "api-versions", "-", "/dev/null/out"], SERVICE, "/dev/null is a file"),
        (
            ["--rules", "api-versions", "-", "/tmp/a.yaml", "--report", "/tmp/a.yaml"],
            SERVICE,
            "written twice",
        ),
    ],
)
def test_bad_input_ends_with_1_and_says_what_is_wrong(arguments: list[str], text: str, message: str) -> None:
    result = run(*arguments, text=text)

    assert result.exit_code == 1
    assert re.search(message, result.stderr)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["--report", "--copy-list"])
def test_a_side_file_that_cant_be_written_is_told_before_anything_is(tmp_path: Path, option: str) -> None:
    out = tmp_path / "out"

    result = run("--rules", "eks-to-ack", option, tmp_path / "missing" / "file", "-", out, text=SERVICE)

    assert result.exit_code == 1
    assert "is not there; make it first" in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("apps/v1\na: [1\n", "'a: \\[1' is neither group/version nor"),
        ("- apps/v1\n- [\n", r"apis:\d: is no YAML"),
        ("- 5\n", "must list group/version"),
    ],
)
def test_a_list_of_apis_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    apis = tmp_path / "apis"
    apis.write_text(content)

    result = run("--rules", "api-versions", "--target-apis", apis, "-", "-", text=SERVICE)

    assert result.exit_code == 1
    assert re.search(message, result.stderr)


def test_keys_that_are_no_text_become_text_as_for_kubectl() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {1: one, on: x, 1.5: y, null: z}\n"

    result = run("--rules", "api-versions", "-", "-", text=text)

    assert yaml.safe_load(result.stdout)["data"] == {"1": "one", "true": "x", "1.5": "y", "null": "z"}


def test_anchors_merge_keys_and_equal_keys_in_several_mappings_are_read(tmp_path: Path) -> None:
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: a, labels: {name: a}}\n"
        "data: {<<: {a: '1', b: '2'}, b: '3'}\n"
    )

    result = run("--rules", "api-versions", "-", "-", text=text)

    assert result.exit_code == 0, result.stderr
    assert yaml.safe_load(result.stdout)["data"] == {"a": "1", "b": "3"}


def test_parameters_come_from_a_file_and_from_flags(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(
        "rules: [eks-to-ack]\nnamespaces: {shop: shop-prod}\nparams: {zones: {a: b}, region: cn-hangzhou}\n"
    )

    result = run("--params", params, "--param", "zones.c=d", "-", "-", text=SERVICE)

    assert result.exit_code == 0, result.stderr
    assert yaml.safe_load(result.stdout)["metadata"]["namespace"] == "shop-prod"


def test_rules_of_a_file_that_are_no_names_are_refused(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("rules: [5]\n")

    result = run("--params", params, "-", "-", text=SERVICE)

    assert result.exit_code == 1
    assert "rules must list names of rule sets" in result.stderr


def test_a_file_of_a_former_run_goes_when_its_object_is_gone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("--rules", "eks-to-ack", "-", out, text=SERVICE)
    (out / "README.md").write_text("mine")

    run("--rules", "eks-to-ack", "-", out, text=SERVICE.replace("name: web", "name: api"))

    names = sorted(path.name for path in out.rglob("*") if path.is_file())
    assert names == [".migration-ops-transform.json", "README.md", "service-api.yaml"]


def test_the_schema_is_printed() -> None:
    assert json.loads(run("--schema").stdout)["title"] == "RuleSet"


def test_the_copy_list_is_what_image_syncer_reads(tmp_path: Path) -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: nginx}]}}"
    params = tmp_path / "params.yaml"
    params.write_text("image_registries: {docker.io/: reg.example.com/hub/}")

    run("--rules", "images", "--params", params, "--copy-list", tmp_path / "images.yaml", "-", "-", text=pod)

    assert (tmp_path / "images.yaml").read_text() == (
        "docker.io/library/nginx: reg.example.com/hub/library/nginx\n"
    )


def test_examples_of_a_rule_file_are_run(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        """
        apiVersion: migration-ops/v1
        kind: RuleSet
        name: own
        description: d
        rules: [{name: r, do: [{remove_labels: old}]}]
        tests:
          - name: good
            given: &given {apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {old: x, new: y}}}
            expect: {apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {new: y}}}
          - name: bad
            given: *given
            expect: *given
        """
    )

    result = run("--test", "--rules", str(file))

    assert result.exit_code == 1
    assert "passed: own: good" in result.stdout
    assert "FAILED: own: bad" in result.stdout
