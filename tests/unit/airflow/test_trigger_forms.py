"""What can't be meant is refused when a run is started: by the form, or by the first task."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from migration_ops.migration import Plan
from migration_ops.operators import run_params
from migration_ops.operators.cutover import PrepareCutoverOperator
from migration_ops.operators.run_params import params_of, without_blanks
from tests.unit.airflow.conftest import REPOSITORY

POINT = "20261122T181700Z-full-1a2b3c4d"


def started(verb: str, said: dict[str, object]) -> dict[str, object]:
    params = ParamsDict(params_of(verb))
    params.update(said)
    return params.validate()


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("restore", {"point": "; rm -rf"}),
        ("restore", {"point": f"{POINT}\nx"}),
        ("restore", {"claims": [""]}),
        ("restore", {"claims": ["a/b/c"]}),
        ("restore", {"names": ["two words"]}),
        ("restore", {"kinds": ["a/b/C"]}),
        ("restore", {"only_namespaces": ["shop/web"]}),
        ("restore", {"rename": {"shop": 5}}),
        ("restore", {"rename": {"Bad Name": "x"}}),
        ("restore", {"rename": {"shop": "X Y"}}),
        ("restore", {"rename": {"shop": "x" * 64}}),
        ("restore", {"rule_params": []}),
        ("rehearse", {"point": "newest"}),
        ("rehearse", {"only_namespaces": ["x" * 600]}),
        ("backup", {"namespaces": [f"team-{number}" for number in range(5000)]}),
        ("rollback", {"run": "x" * 300}),
        ("backup", {"namespaces": [" "]}),
        ("restore", {"names": ["shop/ web"]}),
    ],
)
def test_a_form_refuses_what_cannot_be_meant_and_names_the_field(verb, said):
    with pytest.raises(ParamValidationError, match=next(iter(said))):
        started(verb, said)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        (
            "restore",
            {"point": POINT, "claims": ["shop/cache-*", "data"], "names": ["system:web", "shop/[ab]*"]},
        ),
        (
            "restore",
            {"point": "", "kinds": ["Secret", "apps/Deployment", "/Pod"], "only_namespaces": ["te?m-*"]},
        ),
        ("restore", {"rename": {"shop": "shop-yesterday"}, "rule_params": {"region": "cn-shanghai"}}),
        ("restore", {"point": None, "rename": None, "claims": None}),
        ("rehearse", {"point": POINT.replace("full", "final")}),
        ("restore", {"point": f" {POINT}\n", "names": [" shop/web "], "rename": {" shop": "shop-new "}}),
        ("backup", {"namespaces": ["team-a "]}),
    ],
)
def test_a_form_takes_what_is_meant(verb, said):
    assert started(verb, said).items() >= said.items()


def test_upkeep_reads_a_part_or_says_so():
    param = DagBag(REPOSITORY / "dags" / "maintain.py").dags["shop.maintain"].params.get_param("read")
    assert [param.resolve(part) for part in ("1%", "55%", "100%")] == ["1%", "55%", "100%"]
    for part in ("0%", "101%", "5"):
        with pytest.raises(ParamValidationError):
            param.resolve(part)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"regionn": 1}, "rule_params: no rule set knows the parameter regionn; did you mean region?"),
        ({"region": {"a": [1]}}, "rule_params: params.region must be text"),
    ],
)
def test_the_first_task_refuses_parameters_that_no_rule_knows_before_anything_is_done(
    plan, monkeypatch, said, words
):
    plan["transform"] = {"rules": ["api-versions", "eks-to-ack"]}
    monkeypatch.setattr(run_params, "get_current_context", lambda: {"params": {"rule_params": said}})
    prepare = PrepareCutoverOperator(task_id="prepare", plan=plan)
    with pytest.raises(ValueError, match="Nothing was done; trigger it again") as caught:
        prepare.execute(
            {"params": {"rule_params": said}, "dag_run": SimpleNamespace(dag_id="shop.cutover", run_id="r")}
        )
    assert words in str(caught.value)


def test_later_tasks_read_no_rules_for_that(plan, monkeypatch):
    plan["transform"] = {"rules": ["api-versions", "eks-to-ack"]}
    params = {"params": {"rule_params": {"region": "cn-shanghai"}}}
    monkeypatch.setattr(run_params, "get_current_context", lambda: params)
    given = Plan.model_validate(plan)
    assert run_params.as_this_run_wants(given, is_first=True).transform.params == {"region": "cn-shanghai"}

    def refuse(*_):
        raise AssertionError("rules were read")

    monkeypatch.setattr("migration_ops.migration.plan_check.wrong_parameters", refuse)
    assert run_params.as_this_run_wants(given).transform.params == {"region": "cn-shanghai"}


def test_a_plan_without_target_asks_for_the_cluster_of_a_restore():
    assert "target" in params_of("restore")["cluster"].schema["description_md"]
    assert "Needed" in params_of("restore", protects_only=True)["cluster"].schema["description_md"]


@pytest.mark.parametrize("said", [{}, {"cluster": None}, {"cluster": ""}, {"cluster": "  "}])
def test_a_plan_without_target_refuses_a_restore_to_nowhere(said, tmp_path, monkeypatch):
    text = (REPOSITORY / "include" / "plans" / "shop.yaml").read_text(encoding="utf-8")
    protected = "\n".join(line for line in text.splitlines() if not line.startswith("target:"))
    (tmp_path / "shop.yaml").write_text(protected, encoding="utf-8")
    monkeypatch.setenv("MIGRATION_OPS_PLANS", str(tmp_path))
    dag = DagBag(REPOSITORY / "dags" / "restore.py").dags["shop.restore"]
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag)).params
    with pytest.raises(ValueError, match="cluster"):
        stored.deep_merge(said).validate()
    assert stored.deep_merge({"cluster": "dr"}).validate()["cluster"] == "dr"


def test_blanks_around_what_was_pasted_are_taken_away(plan):
    said = {"point": f" {POINT}\n", "names": [" web "], "rename": {" shop": "new "}, "only_claims": True}
    assert without_blanks(said) == {
        "point": POINT,
        "names": ["web"],
        "rename": {"shop": "new"},
        "only_claims": True,
    }
    narrowed = run_params.with_run_params(Plan.model_validate(plan), {"namespaces": [" team-a "]})
    assert narrowed.select.namespaces.include == ["team-a"]


def test_a_form_refuses_the_same_after_airflow_has_stored_the_dag():
    dag = DagBag(REPOSITORY / "dags" / "restore.py").dags["shop.restore"]
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag)).params
    stored.validate()
    for name, value in (("rename", {"shop": 5}), ("rename", {"Bad Name": "x"}), ("claims", [""])):
        with pytest.raises(ValueError, match=name):
            stored.deep_merge({name: value}).validate()
