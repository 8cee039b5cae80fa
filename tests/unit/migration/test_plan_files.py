"""Plan files are read with every mistake named by line and field."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from migration_ops.migration import Plan, PlanError, load_plan, load_plans, plan_schema, plans_folder
from migration_ops.migration.errors import PlansError
from migration_ops.migration.plan_check import check_plans
from migration_ops.migration.plan_cli import plan as plan_command
from migration_ops.migration.plan_file import read_plans

EXAMPLE = Path(__file__).parents[3] / "include" / "plans" / "shop.yaml"

SMALLEST = """\
apiVersion: migration-ops/v1
name: tiny
source: {conn_id: here}
vault: {conn_id: vault}
movers: {image: mover:1}
"""


def written(folder: Path, text: str, name: str = "plan.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.lines()]


def test_the_example_plan_is_valid():
    plan = load_plan(EXAMPLE)
    assert plan.name == "shop"
    assert plan.target_namespace("shop") == "shop-prod"
    assert plan.target_namespace("other") == "other"


def test_a_plan_needs_little_and_has_careful_defaults(tmp_path):
    plan = load_plan(written(tmp_path, SMALLEST))
    assert plan.target is None
    assert plan.restore.existing == "skip"
    assert plan.verify.data == "full"
    assert plan.approvals.timeout.total_seconds() == 4 * 3600


def test_a_plan_survives_the_way_through_airflow():
    plan = load_plan(EXAMPLE)
    assert Plan.model_validate(json.loads(json.dumps(plan.document()))) == plan


def test_every_mistake_is_named_with_its_line_and_field(tmp_path):
    path = written(
        tmp_path,
        """\
apiVersion: migration-ops/v1
name: Shop!
source: {conn_id: a}
target: {conn_id: b, version: 1.32}
vault: {}
select:
  namespaces:
    include: []
    exlude: [x]
  label_selectors: ["app in web"]
  cluster_scoped: sometimes
  volumes: {exclude_labels: ["=x"]}
movers:
  image: x
  limit_upload: 5x
verify:
  probes:
    - http: {service: web}
      exec: {pod: x, command: [y]}
    - {}
""",
    )
    found = mistakes(path)
    assert [line.split(": ")[0] for line in found] == [
        "2", "4", "5", "8", "9", "10", "11", "12", "15", "18", "20"
    ]  # fmt: skip
    assert [line.split(": ")[1] for line in found] == [
        "name",
        "target.version",
        "vault.conn_id",
        "select.namespaces.include",
        "select.namespaces.exlude",
        "select.label_selectors[0]",
        "select.cluster_scoped",
        "select.volumes.exclude_labels[0]",
        "movers.limit_upload",
        "verify.probes[0]",
        "verify.probes[1]",
    ]
    assert "is no field here" in found[4]
    assert "50MiB/s" in found[8]


@pytest.mark.parametrize(
    ("settle", "expected"),
    [
        ("0s", 0),
        ("5m", 300),
        ("2h", "no more than 1h"),
        ("-5s", "is not a duration"),
        (-5, "shorter than nothing"),
    ],
)
def test_verification_may_wait_for_an_hour_or_not_at_all(tmp_path, settle, expected):
    text = SMALLEST + f"verify: {{settle: {settle}}}\n"
    path = written(tmp_path, text)
    if isinstance(expected, str):
        (mistake,) = mistakes(path)
        assert expected in mistake
    else:
        plan = load_plan(path)
        assert plan.verify.settle.total_seconds() == expected
        assert Plan.model_validate(plan.document()) == plan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\nb: 2", "2: isn't valid YAML"),
        ("a: 1\na: 2\n", "2: isn't valid YAML"),
        ("- 1\n", "1: isn't a plan"),
        ("", "1: isn't a plan"),
        ("name: \t@x\n", "1: isn't valid YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "apiVersion: is missing"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_line(tmp_path, text, expected):
    assert expected in "\n".join(mistakes(written(tmp_path, text)))


def test_a_missing_file_is_named(tmp_path):
    assert mistakes(tmp_path / "gone.yaml") == [
        " can't be read: No such file or directory; give a plan file's path"
    ]


def test_a_plan_that_explodes_by_aliases_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began = time.monotonic()
    found = mistakes(written(tmp_path, "\n".join(lines)))
    assert "aliases" in found[0]
    assert time.monotonic() - began < 60  # expanded it would be some thirty thousand million words


def test_a_huge_file_is_refused_unread(tmp_path):
    assert "larger than" in mistakes(written(tmp_path, "#" * 300_000))[0]


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"name: shop\nx: \xff\xfe")
    assert mistakes(path) == ["2: isn't UTF-8 text"]


def test_two_namespaces_never_go_to_one(tmp_path):
    found = mistakes(written(tmp_path, SMALLEST + "namespaces: {a: same, b: same}\n"))
    assert "a and b both go to same" in found[0]


def test_a_plan_does_not_restore_an_application_over_itself(tmp_path):
    found = mistakes(written(tmp_path, SMALLEST + "target: {conn_id: here}\n"))
    assert "restored over themselves" in found[0]


def test_plans_of_a_folder_come_by_file_name_and_have_names_of_their_own(tmp_path):
    written(tmp_path, SMALLEST.replace("tiny", "second"), "b.yaml")
    written(tmp_path, SMALLEST.replace("tiny", "first"), "a.yml")
    written(tmp_path, "not a plan", "notes.txt")
    assert [plan.name for plan in load_plans(tmp_path)] == ["first", "second"]
    written(tmp_path, SMALLEST.replace("tiny", "first"), "c.yaml")
    with pytest.raises(PlanError, match="also called first"):
        load_plans(tmp_path)


def test_no_folder_of_plans_means_no_plans(tmp_path):
    assert load_plans(tmp_path / "none") == []


def test_the_folder_of_plans_lies_beside_the_dags_or_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("MIGRATION_OPS_PLANS", raising=False)
    assert plans_folder("/opt/airflow/dags/backup.py") == Path("/opt/airflow/include/plans")
    monkeypatch.setenv("MIGRATION_OPS_PLANS", str(tmp_path))
    assert plans_folder("/opt/airflow/dags/backup.py") == tmp_path


def test_the_published_schema_accepts_the_example_and_refuses_a_typo():
    schema = plan_schema()
    Draft202012Validator.check_schema(schema)
    document = json.loads(json.dumps(YAML(typ="safe").load(EXAMPLE.read_text(encoding="utf-8"))))
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(document)) == []
    document["selekt"] = {}
    assert [error.validator for error in validator.iter_errors(document)] == ["additionalProperties"]


@pytest.mark.parametrize(
    ("timeout", "right"), [("5m", True), (300, True), (0, False), (-1, False), ("5q", False), (True, False)]
)
def test_schema_and_reader_agree_on_durations(tmp_path, timeout, right):
    document = {**YAML(typ="safe").load(SMALLEST), "quiesce": {"timeout": timeout}}
    path = written(tmp_path, json.dumps(document))
    schema_errors = list(Draft202012Validator(plan_schema()).iter_errors(document))
    assert (schema_errors == []) is right
    if right:
        load_plan(path)
    else:
        with pytest.raises(PlanError):
            load_plan(path)


def test_plan_check_prints_a_line_for_each_error_and_exits_with_one(tmp_path):
    good, bad = written(tmp_path, SMALLEST, "good.yaml"), written(tmp_path, "name: x\n", "bad.yaml")
    result = CliRunner().invoke(plan_command, ["check", str(good), str(bad)])
    assert result.exit_code == 1
    assert f"{good}: plan tiny is valid" in result.output
    assert f"{bad}:1: apiVersion: is missing" in result.output
    assert CliRunner().invoke(plan_command, ["check", str(good)]).exit_code == 0


def test_plan_check_finds_two_plans_of_one_name(tmp_path):
    one, two = written(tmp_path, SMALLEST, "one.yaml"), written(tmp_path, SMALLEST, "two.yaml")
    result = CliRunner().invoke(plan_command, ["check", str(one), str(two)])
    assert result.exit_code == 1
    assert f"{two}:2: name: the plan in {one} is also called tiny; rename one of them" in result.output
    assert CliRunner().invoke(plan_command, ["check", str(one), str(one)]).exit_code == 0


def test_what_only_looks_like_a_plan_file_is_told(tmp_path):
    (tmp_path / "gone.yaml").symlink_to("elsewhere.yaml")
    (tmp_path / ".#edited.yaml").symlink_to("somebody@here.4711")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(PlansError) as caught:
        check_plans(tmp_path)
    assert str(caught.value).splitlines() == [
        "2 plan files can't be used:",
        f"{tmp_path}/folder.yaml: is no file; give a plan file's path",
        f"{tmp_path}/gone.yaml: is a link to elsewhere.yaml, which isn't there; mend the link, or remove it",
    ]


@pytest.mark.parametrize(
    "image", ["A B  c:::", "", "https://host/mover", "mover:", "Mover/x", "a//b", "mover@sha256:12", "a b"]
)
def test_what_is_no_name_of_an_image_is_refused(tmp_path, image):
    (found,) = mistakes(written(tmp_path, SMALLEST.replace("mover:1", f'"{image}"')))
    assert found.startswith("5: movers.image: ")


@pytest.mark.parametrize(
    "image", ["mover", "localhost:5000/a/mover:1", "HOST.example/mover__x-y.z", f"h.cn/a@sha256:{'0f' * 32}"]
)
def test_images_are_named_as_clusters_pull_them(tmp_path, image):
    assert load_plan(written(tmp_path, SMALLEST.replace("mover:1", image))).movers.image == image


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "verify: {probes: [http: &h {service: web, timeout: 5q}, http: {<<: *h, path: /b}]}\n",
            "verify.probes[1].http.timeout",
        ),
        ("quiesce: &q {timeout: 5m}\nrestore: {<<: *q}\n", "restore.timeout: is no field here"),
        (
            "verify: {probes: [http: &h {service: w}, http: &g {port: -1}, http: {<<: [*h, *g]}]}\n",
            "verify.probes[2].http.port",
        ),
        ("select: !!omap [a: b]\n", "select"),
        ("description: !!int ''\n", "can't be read"),
        (
            "description: # why this plan exists\n  the shop\n\nquiesce: {timeout: 5q}\n",
            "has a comment between a key and its value",
        ),
    ],
)
def test_unusual_yaml_with_a_mistake_is_that_files_error_alone(tmp_path, text, expected):
    broken = written(tmp_path, SMALLEST.replace("tiny", "broken") + text, "broken.yaml")
    written(tmp_path, SMALLEST, "good.yaml")
    plans, errors = read_plans(tmp_path)
    assert [plan.name for plan in plans] == ["tiny"]
    assert [error.path for error in errors] == [broken]
    assert expected in "\n".join(mistakes(broken))


def test_a_target_that_is_the_source_by_a_merge_key_is_told(tmp_path):
    text = SMALLEST.replace("source: {conn_id: here}", "source: &s {conn_id: here}\ntarget: {<<: *s}")
    (line,) = mistakes(written(tmp_path, text))
    assert "is the source's connection, too" in line


def test_a_failure_of_a_reader_is_the_files_error(tmp_path, monkeypatch):
    def fails(*_):
        raise AssertionError("of a library")

    monkeypatch.setattr("migration_ops.migration.plan_file.parse_plan", fails)
    (line,) = mistakes(written(tmp_path, SMALLEST))
    assert "can't be read (AssertionError: of a library)" in line


def test_a_version_without_quotes_is_shown_as_it_was_typed_and_never_taken_for_another(tmp_path):
    text = SMALLEST + "target: {conn_id: there, version: %s}\n"
    (line,) = mistakes(written(tmp_path, text % "1.30"))
    assert "must be text (it is 1.30; put quotes around it)" in line
    (line,) = mistakes(written(tmp_path, text % '"1.3"'))
    assert "if 1.30 is meant, put quotes around it" in line
    assert load_plan(written(tmp_path, text % '"1.30.1-aliyun.1"')).target.version == "1.30.1-aliyun.1"


def test_plan_schema_prints_json():
    result = CliRunner().invoke(plan_command, ["schema"])
    assert json.loads(result.output)["title"] == "Migration plan"


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_in_another_way(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("plans") / "plan.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanError):
        load_plan(path)
