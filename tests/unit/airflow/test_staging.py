"""Staging that a restore point has started keeps to the plan's windows; by hand it does what it is told."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred

from migration_ops.migration import Plan
from migration_ops.migration.aftermath import FinishedError
from migration_ops.migration.journal import Event
from migration_ops.operators import restore, windows
from migration_ops.operators.mover import MoverOperator
from migration_ops.operators.staging import AdaptInWindowsOperator, StageVolumeOperator

NIGHT = datetime(2026, 11, 18, 2, 30, tzinfo=UTC)
DAY = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
NEXT_NIGHT = datetime(2026, 11, 19, 1, 0, tzinfo=UTC)
SCHEDULE = {
    "incremental": "0 2 * * *",
    "window": {"start": "01:00", "end": "06:00", "limit_upload": "1MiB/s"},
}
VOLUME = {"namespace": "shop", "claim": "data", "snapshot_id": "b" * 64, "base": "a" * 64}
WAITING = {"namespace": "shop", "name": "m"}
STOPPED = {
    "phase": "failed",
    "exit_code": 130,
    "reason": "Error, exit code 130: stopped: the time window ended (--stop-at); run it again to go on",
    "retryable": True,
}


@pytest.fixture
def world(monkeypatch):
    """What was adapted, started and told: without cluster and vault."""
    world = SimpleNamespace(done=[], commands=[], told=[], events=[])

    def execute(step, context):
        world.commands.append(step.spec(context).command)
        world.done.append("mover")

    def write(run, name, data):
        world.events.append(event(name, run, data=data))

    journal = SimpleNamespace(
        events=lambda run=None, name=None, names=(): [
            one for one in world.events if name in {None, one.name} and (not names or one.name in names)
        ],
        write=write,
    )
    claim = {"metadata": {"annotations": {"migration-ops.io/staged-snapshot": VOLUME["base"]}}}
    target = SimpleNamespace(
        get=lambda path, what: claim,
        each=map,
    )
    monkeypatch.setattr(restore, "adapt_with_claims", lambda *_: world.done.append("adapted") or [])
    monkeypatch.setattr(MoverOperator, "execute", execute)
    monkeypatch.setattr(AdaptInWindowsOperator, "journal", journal)
    monkeypatch.setattr(StageVolumeOperator, "journal", journal)
    monkeypatch.setattr(StageVolumeOperator, "target", target)
    monkeypatch.setattr(
        "migration_ops.notifiers.telling.tell_overrun", lambda *told: world.told.append(told[2:])
    )
    return world


@pytest.fixture
def at(monkeypatch):
    """Sets the clock."""

    def set_to(moment):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return moment.astimezone(tz)

        monkeypatch.setattr(windows, "datetime", Clock)

    return set_to


def event(name, run="c1", data=None):
    return Event(plan="shop", run=run, name=name, began=NIGHT, ended=NIGHT, data=data or {})


def run_of(run_type, store):
    run = SimpleNamespace(run_type=run_type, dag_id="shop.stage", run_id="r1")
    return {"dag_run": run, "task_state_store": store, "params": {}}


def volume_step(plan, **options):
    return StageVolumeOperator(
        task_id="stage", plan=plan | {"schedule": SCHEDULE}, volume=VOLUME, action="stage", **options
    )


def run(plan, store, run_type, *, window="auto", staging=None):
    plan = plan | {"schedule": SCHEDULE | ({"staging": staging} if staging else {})}
    context = run_of(run_type, store)
    AdaptInWindowsOperator(task_id="adapt", plan=plan, window=window).execute(context)
    step = StageVolumeOperator(task_id="stage", plan=plan, volume=VOLUME, action="stage", window=window)
    step.execute(context)


@pytest.mark.parametrize(
    ("moment", "run_type", "options", "ends"),
    [
        (NIGHT, "asset_triggered", {}, True),
        (DAY, "asset_triggered", {"staging": "at-once"}, False),
        (DAY, "asset_triggered", {"window": "ignore"}, False),
        (DAY, "manual", {}, False),
        (NIGHT, "manual", {"window": "keep"}, True),
    ],
)
def test_staging_begins_where_it_may_and_ends_with_its_window(
    plan, store, world, at, moment, run_type, options, ends
):
    at(moment)
    run(plan, store, run_type, **options)
    assert world.done == ["adapted", "mover"]
    (command,) = world.commands
    assert ("--stop-at" in command) is ends
    assert not ends or command[-1] == "2026-11-18T06:00:00+00:00"
    assert "--limit-upload" not in command


@pytest.mark.parametrize(
    ("run_type", "options"),
    [
        ("asset_triggered", {}),
        ("manual", {"window": "keep"}),
        ("asset_triggered", {"window": "keep", "staging": "at-once"}),
    ],
)
def test_staging_waits_for_the_next_window_before_it_chooses_what_to_stage(
    plan, store, world, at, run_type, options
):
    at(DAY)
    with pytest.raises(TaskDeferred) as waits:
        run(plan, store, run_type, **options)
    assert world.done == []
    assert waits.value.trigger.moment == NEXT_NIGHT
    assert store.values["waits_until"] == NEXT_NIGHT.isoformat()
    assert waits.value.method_name == "window_is_open"


def test_a_volume_whose_turn_comes_after_the_windows_end_waits_too(plan, store, world, at):
    at(DAY)
    step, context = volume_step(plan), run_of("asset_triggered", store)
    with pytest.raises(TaskDeferred):
        step.execute(context)
    at(NIGHT + timedelta(days=1))
    step.window_is_open(context)
    assert world.done == ["mover"]


def test_a_mover_that_the_window_stopped_goes_on_in_the_next_one_from_the_same_base(plan, store, world, at):
    step, context = volume_step(plan), run_of("asset_triggered", store)
    at(NIGHT)
    step.execute(context)
    at(NIGHT.replace(hour=6, minute=0))
    with pytest.raises(TaskDeferred) as waits:
        step.resume_with(context, STOPPED, WAITING, 15.0)
    assert waits.value.trigger.moment == NEXT_NIGHT
    at(NEXT_NIGHT)
    step.window_is_open(context)
    first, second = world.commands
    assert second[-1] == "2026-11-19T06:00:00+00:00"
    assert first[:-1] == second[:-1]
    assert first[first.index("--base") + 1] == VOLUME["base"]


def test_people_are_told_once_for_each_window_and_run(plan, store, world, at):
    step, context = volume_step(plan), run_of("asset_triggered", store)
    at(NIGHT.replace(hour=6, minute=0))
    for _ in range(3):
        with pytest.raises(TaskDeferred):
            step.resume_with(context, STOPPED, WAITING, 15.0)
    assert world.told == [(NEXT_NIGHT, "staging")]
    assert [one.name for one in world.events] == ["staging-stopped"]


@pytest.mark.parametrize(
    ("run_type", "happened", "reason"),
    [
        ("asset_triggered", ["quiesce-begun"], "cutover c1 has stopped the source"),
        ("asset_triggered", ["quiesce-begun", "finished"], "the migration was finished by c1"),
        ("manual", ["quiesce-begun"], "cutover c1 has stopped the source"),
    ],
)
def test_nothing_is_staged_over_what_a_cutover_fills(plan, store, world, at, run_type, happened, reason):
    at(NIGHT)
    context = run_of(run_type, store)
    world.events = [event(name) for name in happened]
    world.events[-1] = world.events[-1].model_copy(update={"ended": NIGHT + timedelta(minutes=5)})
    adapt = AdaptInWindowsOperator(task_id="adapt", plan=plan | {"schedule": SCHEDULE})
    for step in (adapt, volume_step(plan, window="keep")):
        with pytest.raises(AirflowSkipException, match=reason):
            step.execute(context)
    assert world.done == []


@pytest.mark.parametrize("window", ["auto", "keep"])
def test_after_a_finished_migration_staging_by_hand_needs_to_say_so(plan, store, world, at, window):
    at(NIGHT)
    world.events = [event("quiesce-begun"), event("finished")]
    world.events[-1] = world.events[-1].model_copy(update={"ended": NIGHT + timedelta(minutes=5)})
    adapt = AdaptInWindowsOperator(task_id="adapt", plan=plan | {"schedule": SCHEDULE}, window=window)
    row = volume_step(plan, window=window)  # somebody may clear it long after its run
    context = run_of("manual", store)
    for step in (adapt, row):
        with pytest.raises(
            FinishedError, match=r"finished by c1.*`after_finish`.*take .* back first: .*`rollback`"
        ):
            step.execute(context)
    assert world.done == []
    context["params"]["after_finish"] = True
    adapt.execute(context)
    row.execute(context)
    assert world.done == ["adapted", "mover"]


def test_a_row_that_is_cleared_while_the_source_stands_still_stages_nothing(plan, store, world, at):
    at(DAY)
    world.events = [event("quiesce-begun")]
    with pytest.raises(AirflowSkipException):
        volume_step(plan).execute(run_of("manual", store))
    assert world.done == []


def test_a_plan_without_windows_stages_at_once(plan, store, world, at):
    at(DAY)
    assert Plan.model_validate(plan).schedule.staging == "in-windows"
    AdaptInWindowsOperator(task_id="adapt", plan=plan).execute(run_of("asset_triggered", store))
    StageVolumeOperator(task_id="stage", plan=plan, volume=VOLUME).execute(run_of("asset_triggered", store))
    assert world.done == ["adapted", "mover"]
    assert "--stop-at" not in world.commands[0]
