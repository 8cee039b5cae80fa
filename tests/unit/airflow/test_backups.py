"""A backup decides what it is, waits for its window, stops with it, and goes on; no two fulls in one slot."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration_ops.migration import Plan, backup_kind
from migration_ops.migration.backup_kind import kind_due, reason_to_skip
from migration_ops.migration.journal import Event
from migration_ops.migration.off_peak import Calendar
from migration_ops.migration.plan_schedule import Schedule
from migration_ops.migration.restore_point import point_id
from migration_ops.operators import backup, windows
from migration_ops.operators.backup import (
    BackupInWindowsOperator,
    BeginBackupOperator,
    CommitBackupOperator,
    asset_facts,
)
from migration_ops.operators.run_params import params_of, with_run_params
from migration_ops.operators.runbook import restore_points
from migration_ops.operators.windows import is_stopped_by_window, within
from migration_ops.triggers.mover import MoverTrigger

REPOSITORY = Path(__file__).resolve().parents[3]

NOW = datetime(2026, 11, 18, 2, 30, tzinfo=UTC)  # a Wednesday
NIGHT = {"start": "01:00", "end": "06:00", "limit_upload": "1MiB/s"}
SCHEDULE = {"full": "0 1 * * 6", "incremental": "0 2-5 * * *", "window": NIGHT}
VOLUME = {"namespace": "shop", "claim": "data", "point": "p1", "consistency": "live", "off_peak": True}
STOPPED = {
    "phase": "failed",
    "exit_code": 130,
    "reason": "Error, exit code 130: stopped: the time window ended (--stop-at); run it again to go on",
    "retryable": True,
}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock(datetime):
        time = NOW

        @classmethod
        def now(cls, tz=None):
            return cls.time.astimezone(tz)

    for module in (backup, windows):
        monkeypatch.setattr(module, "datetime", Clock)
    return Clock


class Journal:
    def __init__(self):
        self.written = []

    def events(self, run=None, name=None):
        return [event for event in self.written if name in {None, event.name}]

    def write(self, run, name, **about):
        event = Event(plan="shop", run=run, name=name, began=NOW, ended=NOW, data=about.get("data") or {})
        self.written.append(event)
        return event


@pytest.fixture
def world(monkeypatch):
    """Movers that are submitted, points that the vault holds, words that are told: without any server."""
    happened = SimpleNamespace(submitted=[], points=[], told=[], journal=Journal())

    def submit(_api, spec, _credentials):
        happened.submitted.append(spec)
        return SimpleNamespace(namespace=spec.namespace, name=spec.name, uid="u", adopted=False)

    monkeypatch.setattr("migration_ops.mover.submission.submit", submit)
    monkeypatch.setattr(backup_kind, "whole_points", lambda *_: list(happened.points))
    monkeypatch.setattr(
        "migration_ops.notifiers.telling.tell_overrun", lambda *told: happened.told.append(told[2])
    )
    monkeypatch.setattr(
        "airflow.sdk.Variable.get", lambda _name, default=None: happened.__dict__.get("skip", default)
    )
    claims = [
        SimpleNamespace(
            namespace="shop",
            name="data",
            volume_mode="Filesystem",
            storage_class="",
            capacity="",
            node=None,
            access_modes=[],
        )
    ]
    found = SimpleNamespace(left_out=[], claims=claims)
    monkeypatch.setattr("migration_ops.cluster.capture", lambda *_: found)
    monkeypatch.setattr("migration_ops.migration.vault_records.latest_restore_point", lambda *_: None)
    return happened


@pytest.fixture
def context(store):
    return {
        "dag_run": SimpleNamespace(dag_id="shop.backup", run_id="r1", run_after=NOW, run_type="scheduled"),
        "task_state_store": store,
        "params": {},
        "ti": SimpleNamespace(xcom_push=lambda **_: None),
    }


@pytest.fixture
def scheduled(plan):
    return plan | {"schedule": SCHEDULE}


def connected(operator, world):
    operator.__dict__["source_hook"] = SimpleNamespace(
        api_client=None, conn_id="s", cluster_name="s", cluster=None
    )
    operator.__dict__["vault_hook"] = SimpleNamespace(credentials=lambda: None)
    operator.__dict__["repository"] = None
    operator.__dict__["journal"] = world.journal
    return operator


@pytest.fixture
def begin(scheduled, world):
    return connected(BeginBackupOperator(task_id="list_volumes", plan=scheduled, kind="auto"), world)


@pytest.fixture
def volume(scheduled, world):
    return connected(BackupInWindowsOperator(task_id="volume", plan=scheduled, volume=VOLUME), world)


def deferral(call, *arguments):
    with pytest.raises(TaskDeferred) as caught:
        call(*arguments)
    return caught.value


def test_a_scheduled_run_keeps_to_the_windows_and_one_by_hand_does_not(begin, world, context, clock):
    assert [task["off_peak"] for task in begin.execute(context)] == [True]
    context["dag_run"].run_type = "manual"
    begin.kind = "auto"
    assert [task["off_peak"] for task in begin.execute(context)] == [False]


def test_a_run_that_comes_too_late_waits_for_the_next_window(begin, context, clock, store):
    clock.time = NOW.replace(hour=7)
    waiting = deferral(begin.execute, context)
    assert isinstance(waiting.trigger, DateTimeTrigger)
    assert waiting.trigger.moment == NOW.replace(day=19, hour=1, minute=0)
    assert waiting.method_name == "window_is_open"
    assert store.values["waits_until"].startswith("2026-11-19T01:00")


def test_a_mover_knows_when_to_stop_and_how_fast_to_be(volume, world, context, clock):
    waiting = deferral(volume.execute, context)
    assert isinstance(waiting.trigger, MoverTrigger)
    (spec,) = world.submitted
    assert spec.command[-4:] == ("--limit-upload", "1024", "--stop-at", "2026-11-18T06:00:00+00:00")


def test_every_try_within_a_window_asks_for_the_same_job(volume, world, context, clock):
    deferral(volume.execute, context)
    clock.time = NOW + timedelta(hours=3)
    deferral(volume.execute, context)
    first, second = world.submitted
    assert first == second


def test_a_mover_that_the_window_stopped_goes_on_in_the_next_one(volume, world, context, clock):
    deferral(volume.execute, context)
    clock.time = NOW.replace(hour=6, minute=0)
    waiting = deferral(volume.resume_with, context, STOPPED, {"namespace": "shop", "name": "m"}, 15.0)
    assert waiting.trigger.moment == NOW.replace(day=19, hour=1, minute=0)
    clock.time = NOW.replace(day=19, hour=1, minute=0)
    assert isinstance(deferral(volume.window_is_open, context).trigger, MoverTrigger)
    assert world.submitted[-1].command[-1] == "2026-11-19T06:00:00+00:00"


def test_people_are_told_once_for_each_window_and_run(volume, world, context, clock):
    clock.time = NOW.replace(hour=6, minute=0)
    for _ in range(3):
        deferral(volume.resume_with, context, STOPPED, {}, 15.0)
    assert world.told == [NOW.replace(day=19, hour=1, minute=0)]


def test_where_the_next_window_follows_at_once_so_does_the_mover(plan, world, context, clock):
    windows = [NIGHT, {"start": "06:00", "end": "22:00", "limit_upload": "64KiB/s"}]
    document = plan | {"schedule": {"incremental": "0 2 * * *", "windows": windows}}
    volume = connected(BackupInWindowsOperator(task_id="volume", plan=document, volume=VOLUME), world)
    clock.time = NOW.replace(hour=6, minute=0)
    assert isinstance(deferral(volume.resume_with, context, STOPPED, {}, 15.0).trigger, MoverTrigger)
    assert world.submitted[-1].command[-3:] == ("64", "--stop-at", "2026-11-18T22:00:00+00:00")
    assert world.told == []


def test_any_other_end_of_a_mover_is_a_failure_as_ever():
    assert is_stopped_by_window(STOPPED)
    assert not is_stopped_by_window(STOPPED | {"reason": "SIGTERM received"})
    assert not is_stopped_by_window(STOPPED | {"exit_code": 1})
    assert not is_stopped_by_window({"phase": "succeeded"})


def test_outside_of_a_schedule_nothing_is_added_to_a_movers_work(volume, world, context, clock):
    volume.volume = VOLUME | {"off_peak": False}
    clock.time = NOW.replace(hour=12)
    deferral(volume.execute, context)
    assert "--stop-at" not in world.submitted[0].command


def test_a_windows_limit_takes_the_place_of_the_plans():
    opening = Calendar(Schedule.model_validate({"window": NIGHT})).opening_at(NOW)
    assert within(opening, ("backup", "--limit-upload", "99", "--as-root"))[1:4] == (
        "--as-root",
        "--limit-upload",
        "1024",
    )


@pytest.mark.parametrize(
    ("points", "moment", "kind"),
    [
        ([], NOW, "full"),
        (["20261114T010000Z-full-a"], NOW, "incremental"),
        (["20261107T010000Z-full-a", "20261118T020000Z-incremental-b"], NOW, "full"),
        (["20261107T010000Z-full-a", "20261116T120000Z-full-b"], NOW, "incremental"),
        (["20261114T010000Z-full-a", "20261118T020000Z-final-b"], NOW, "incremental"),
    ],
)
def test_a_full_backup_is_owed_until_there_is_one(world, points, moment, kind):
    world.points = points
    assert kind_due(Schedule.model_validate(SCHEDULE), None, "shop", moment)[0] == kind


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.booleans(), min_size=60, max_size=60),
    st.sampled_from(["0 1 * * 6", "30 2 * * *", "0 12 * * 1,4"]),
)
def test_there_are_never_two_fulls_for_one_moment_and_none_is_lost(world, successes, full):
    schedule = Schedule.model_validate(SCHEDULE | {"full": full})
    plan, slot, made = Calendar(schedule), NOW, []
    world.points = ["20261101T010000Z-full-0"]
    for good in successes:
        slot = plan.next_slot(slot)
        kind, _ = kind_due(schedule, None, "shop", slot)
        due = plan.full_due(slot)
        if kind == "full":
            assert due not in made
        else:
            assert any(point > f"{due:%Y%m%dT%H%M%SZ}" for point in world.points if "-full-" in point)
        if good:
            world.points.append(point_id(kind, slot, f"run-{slot:%H%M}"))
            made += [due] if kind == "full" else []


def event(name, run="c1", minutes=0):
    moment = NOW + timedelta(minutes=minutes)
    return Event(plan="shop", run=run, name=name, began=moment, ended=moment)


def test_scheduled_runs_are_skipped_while_the_source_stands_still():
    assert reason_to_skip([]) is None
    stopped = event("quiesce-begun")
    assert "has stopped the source" in reason_to_skip([stopped])
    assert "finished by c1" in reason_to_skip([stopped, event("finished", minutes=5)])
    assert reason_to_skip([stopped, event("rolled-back", minutes=5)]) is None
    assert reason_to_skip([stopped, event("finished", minutes=5), event("resumed", minutes=9)]) is None


def test_some_nights_can_be_skipped(begin, world, context, clock):
    world.skip = "2026-11-20"
    with pytest.raises(AirflowSkipException, match=r"shop\.skip_until says to skip until 2026-11-20"):
        begin.execute(context)
    world.skip = "2026-11-18T02:00"
    assert begin.execute(context)
    world.skip = "tomorrow"
    with pytest.raises(ValueError, match="write a date or a time"):
        begin.execute(context)


def test_a_skipped_run_commits_nothing(scheduled, world, context):
    commit = connected(CommitBackupOperator(task_id="commit", plan=scheduled, point=None, volumes=[]), world)
    with pytest.raises(AirflowSkipException):
        commit.execute(context)


def test_an_assets_event_says_what_the_restore_point_holds():
    done = {
        "point": "p",
        "kind": "full",
        "snapshot": "s",
        "objects": 3,
        "bytes": 9,
        "added_bytes": 2,
        "seconds": 1.0,
    }
    assert asset_facts(done | {"volumes": [{}, {}]}) == done | {"volumes": 2}


def test_the_documented_consumer_begins_with_each_restore_point_and_reads_its_facts(plan, capsys):
    text = (REPOSITORY / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    found = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], found)
    asset = restore_points(Plan.model_validate(plan))
    assert (found["shop"].name, found["shop"].uri) == (asset.name, asset.uri)
    table = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`[a-z_`, ]+) \|", text, re.MULTILINE))))
    facts = dict.fromkeys(("point", "kind", "snapshot", "objects", "bytes", "added_bytes", "seconds"), 7)
    event = SimpleNamespace(extra=asset_facts(facts | {"volumes": [{}]}))
    (tell,) = found["after_each_backup"]().tasks
    tell.python_callable({found["shop"]: [event]})
    assert capsys.readouterr().out == "7 7\n"
    assert set(event.extra) <= table


def test_a_run_may_narrow_its_plan_and_never_widen_it(plan):
    selected = Plan.model_validate(plan | {"select": {"namespaces": {"include": ["shop", "team-*"]}}})
    narrowed = with_run_params(selected, {"namespaces": ["team-a"]})
    assert narrowed.select.namespaces.include == ["team-a"]
    with pytest.raises(ValueError, match="namespace kube-system isn't selected by plan shop"):
        with_run_params(selected, {"namespaces": ["kube-system"]})


def test_a_run_may_say_more_about_rules_and_verification(plan):
    given_plan = Plan.model_validate(plan | {"transform": {"params": {"region": "a", "zone": "b"}}})
    said = with_run_params(given_plan, {"rule_params": {"region": "c"}, "verification": "metadata"})
    assert said.transform.params == {"region": "c", "zone": "b"}
    assert said.verify.data == "metadata"
    assert with_run_params(given_plan, {"verification": "plan"}) is given_plan


def test_a_trigger_forms_fields_explain_themselves_and_have_valid_defaults():
    for verb in ("backup", "stage", "restore", "cutover"):
        for name, param in params_of(verb).items():
            assert param.schema["title"], name
            assert param.schema["description_md"], name
            assert param.resolve() == param.value
