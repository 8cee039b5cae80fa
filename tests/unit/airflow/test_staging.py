"""Staging that a restore point has started keeps to the plan's windows; by hand it does what it is told."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import TaskDeferred

from migration_ops.migration import Plan
from migration_ops.operators import backup as windows
from migration_ops.operators import restore
from migration_ops.operators.mover import MoverOperator
from migration_ops.operators.staging import AdaptInWindowsOperator, StageVolumeOperator

NIGHT = datetime(2026, 11, 18, 2, 30, tzinfo=UTC)
DAY = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
SCHEDULE = {"incremental": "0 2 * * *", "window": {"start": "01:00", "end": "06:00"}}


@pytest.fixture
def done(monkeypatch):
    """What was adapted and which movers were started, without a cluster."""
    happened = []
    monkeypatch.setattr(restore, "adapt_with_claims", lambda *_: happened.append("adapted") or [])
    monkeypatch.setattr(MoverOperator, "execute", lambda *_: happened.append("mover"))
    return happened


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


def run(plan, store, run_type, *, window="auto", staging=None):
    plan = plan | {"schedule": SCHEDULE | ({"staging": staging} if staging else {})}
    context = {"dag_run": SimpleNamespace(run_type=run_type), "task_state_store": store, "params": {}}
    AdaptInWindowsOperator(task_id="adapt", plan=plan, window=window).execute(context)
    StageVolumeOperator(task_id="stage", plan=plan, volume={}, action="stage", window=window).execute(context)


@pytest.mark.parametrize(
    ("moment", "run_type", "options"),
    [
        (NIGHT, "asset_triggered", {}),
        (DAY, "asset_triggered", {"staging": "at-once"}),
        (DAY, "asset_triggered", {"window": "ignore"}),
        (DAY, "manual", {}),
        (NIGHT, "manual", {"window": "keep"}),
    ],
)
def test_staging_begins_where_it_may(plan, store, done, at, moment, run_type, options):
    at(moment)
    run(plan, store, run_type, **options)
    assert done == ["adapted", "mover"]


@pytest.mark.parametrize(
    ("run_type", "options"),
    [
        ("asset_triggered", {}),
        ("manual", {"window": "keep"}),
        ("asset_triggered", {"window": "keep", "staging": "at-once"}),
    ],
)
def test_staging_waits_for_the_next_window_before_it_chooses_what_to_stage(
    plan, store, done, at, run_type, options
):
    at(DAY)
    with pytest.raises(TaskDeferred) as waits:
        run(plan, store, run_type, **options)
    begins = DAY.replace(hour=1) + timedelta(days=1)
    assert done == []
    assert waits.value.trigger.moment == begins
    assert store.values["waits_until"] == begins.isoformat()
    assert waits.value.method_name == "window_is_open"


def test_a_volume_whose_turn_comes_after_the_windows_end_waits_too(plan, store, done, at):
    at(DAY)
    step = StageVolumeOperator(task_id="stage", plan=plan | {"schedule": SCHEDULE}, volume={}, action="stage")
    context = {"dag_run": SimpleNamespace(run_type="asset_triggered"), "task_state_store": store}
    with pytest.raises(TaskDeferred):
        step.execute(context)
    at(NIGHT + timedelta(days=1))
    step.window_is_open(context)
    assert done == ["mover"]


def test_a_plan_without_windows_stages_at_once(plan, store, done, at):
    at(DAY)
    assert Plan.model_validate(plan).schedule.staging == "in-windows"
    context = {"dag_run": SimpleNamespace(run_type="asset_triggered"), "task_state_store": store}
    AdaptInWindowsOperator(task_id="adapt", plan=plan).execute(context)
    assert done == ["adapted"]
