"""What a plan says about schedule, people, pools and parameters is in the DAGs that Airflow keeps."""

import json
from pathlib import Path

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

from migration_ops.notifiers.plan_notifier import PlanNotifier
from migration_ops.timetables.off_peak import OffPeakTimetable

REPOSITORY = Path(__file__).resolve().parents[3]
MORE = {
    "schedule": {
        "full": "0 1 * * 6",
        "incremental": "0 2-5 * * *",
        "timezone": "Asia/Shanghai",
        "windows": [{"start": "01:00", "end": "06:00", "limit_upload": "20MiB/s"}],
        "blackout": ["2026-12-24"],
        "deadline": "8h",
    },
    "notify": [
        {"notifier": "airflow.providers.smtp.notifications.smtp.SmtpNotifier", "kwargs": {"to": "a@b.c"}}
    ],
}


@pytest.fixture(scope="module")
def dags(tmp_path_factory):
    """The DAGs of the example plan with a schedule, pools and somebody to tell."""
    plan = yaml.safe_load((REPOSITORY / "include" / "plans" / "shop.yaml").read_text(encoding="utf-8")) | MORE
    plan["movers"]["pools"] = {"source": "old", "target": "new"}
    folder = tmp_path_factory.mktemp("plans")
    (folder / "shop.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGRATION_OPS_PLANS", str(folder))
        bag = DagBag(REPOSITORY / "dags")
    assert bag.import_errors == {}
    return bag.dags


def test_backups_have_the_plans_schedule_also_after_serialisation(dags):
    again = DagSerialization.from_dict(DagSerialization.to_dict(dags["shop.backup"]))
    assert isinstance(again.timetable, OffPeakTimetable)
    assert again.timetable == dags["shop.backup"].timetable
    assert again.timetable.summary == "full 0 1 * * 6, incremental 0 2-5 * * *, within 01:00-06:00"


def test_nothing_else_begins_by_itself(dags):
    scheduled = {name for name, dag in dags.items() if isinstance(dag.timetable, OffPeakTimetable)}
    assert scheduled == {"shop.backup"}


def test_a_late_backup_raises_airflows_own_alert(dags):
    (alert,) = dags["shop.backup"].deadline
    assert alert.interval.total_seconds() == 8 * 3600
    assert alert.callback.path == "migration_ops.notifiers.plan_notifier.tell_late"
    json.dumps(alert.callback.kwargs)
    assert not dags["shop.cutover"].deadline


def test_the_documentation_says_when_and_what_to_do(dags):
    text = dags["shop.backup"].doc_md
    assert "**When:** Full: At 01:00, only on Saturday" in text
    assert "**If it fails:**" in text
    for name, dag in dags.items():
        assert "Plan **shop**" in dag.doc_md, name


def test_a_cutovers_movers_go_first(dags):
    def weights(verb):
        return {task.priority_weight for task in dags[f"shop.{verb}"].tasks if task.weight_rule == "absolute"}

    assert min(weights("cutover")) > max(weights("restore")) > max(weights("backup")) > max(weights("stage"))


def test_movers_take_their_slots_from_their_clusters_pool(dags):
    assert dags["shop.backup"].task_dict["volume"].pool == "old"
    assert dags["shop.cutover"].task_dict["fresh.volume"].pool == "old"
    assert dags["shop.cutover"].task_dict["fresh.stage"].pool == "new"
    for verb, task in (("stage", "stage"), ("restore", "restore"), ("rehearse", "restore")):
        assert dags[f"shop.{verb}"].task_dict[task].pool == "new", verb
    for task in ("prune", "check"):
        assert dags["shop.maintain"].task_dict[task].pool == "old", task


def test_while_the_application_is_down_no_mover_waits_for_a_slot(dags):
    for task in ("final", "restore"):
        assert dags["shop.cutover"].task_dict[task].pool == "default_pool"


def test_questions_and_failures_are_told(dags):
    gate = dags["shop.restore"].task_dict["approve"]
    assert [type(one) for one in gate.notifiers] == [PlanNotifier]
    for name, dag in dags.items():
        if name != "plans":
            assert [type(one) for one in dag.on_failure_callback] == [PlanNotifier], name


def test_trigger_forms_ask_what_makes_sense(dags):
    assert set(dags["shop.backup"].params) == {"kind", "window", "namespaces"}
    assert set(dags["shop.stage"].params) == {"window", "verification", "rule_params", "after_finish"}
    assert {"verification", "rule_params"} <= set(dags["shop.cutover"].params)
    for verb in ("restore", "rehearse"):
        params = dags[f"shop.{verb}"].params
        assert {"point", "only_namespaces", "verification", "rule_params"} <= set(params)
    for dag in dags.values():
        dag.params.validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [("kind", "everything"), ("window", "open"), ("namespaces", ["Shop!"]), ("namespaces", "shop")],
)
def test_what_a_form_must_not_hold_is_refused(dags, name, value):
    param = dags["shop.backup"].params.get_param(name)
    with pytest.raises(Exception, match="Failed validating"):
        param.resolve(value=value)
