"""Steps of a finished cutover fill no claim anew when they are cleared; first tries aren't looked at."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from migration_ops.migration import staging
from migration_ops.migration.aftermath import FinishedError
from migration_ops.migration.journal import Event
from migration_ops.operators.mover import RestoreVolumeOperator
from migration_ops.operators.moving import RestoreVolumesOperator

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
VOLUME = {"namespace": "shop", "claim": "data", "snapshot_id": "b" * 64}


@pytest.fixture
def journal():
    """A journal of a finished cutover that remembers what was asked."""
    made = SimpleNamespace(asked=0)

    def events(*, names):
        made.asked += 1
        assert "finished" in names
        return [Event(plan="shop", run="c1", name="finished", began=NOW)]

    made.events = events
    return made


@pytest.fixture(autouse=True)
def claims(monkeypatch):
    monkeypatch.setattr(staging, "as_it_holds_now", lambda _target, task: task)


def step_of(kind, plan, journal, **options):
    made = kind(task_id="restore", plan=plan, **options)
    made.__dict__.update(
        journal=journal, target_hook=SimpleNamespace(cluster=None, api_client=None, conn_id="t")
    )
    return made


def context_of(try_number):
    run = SimpleNamespace(dag_id="shop.cutover", run_id="r1", run_type="manual")
    return {"dag_run": run, "ti": SimpleNamespace(try_number=try_number), "params": {}}


def test_the_restore_of_a_finished_cutover_is_refused_when_it_is_cleared(plan, journal, monkeypatch):
    step = step_of(RestoreVolumesOperator, plan, journal, volumes=[VOLUME])
    monkeypatch.setattr(
        "migration_ops.mover.submission.submit", lambda *_: pytest.fail("a mover was started")
    )
    with pytest.raises(FinishedError, match=r"finished by c1.*leave this task as it is"):
        step.execute(context_of(2))


def test_a_row_of_its_staging_is_refused_as_well(plan, journal):
    step = step_of(RestoreVolumeOperator, plan, journal, volume=VOLUME, action="stage")
    with pytest.raises(FinishedError):
        step.spec(context_of(2))


def test_a_first_try_does_not_read_the_journal(plan, journal):
    step_of(RestoreVolumesOperator, plan, journal, volumes=[]).look_before(context_of(1))
    step_of(RestoreVolumeOperator, plan, journal, volume=VOLUME, action="stage").spec(context_of(1))
    assert journal.asked == 0


def test_a_restore_that_somebody_approved_may_be_tried_again(plan, journal):
    step = step_of(RestoreVolumeOperator, plan, journal, volume=VOLUME, action="restore")
    assert step.spec(context_of(2)).action == "restore"
