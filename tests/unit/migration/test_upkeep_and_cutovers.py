"""Upkeep doesn't take the vault just before a stop, and nothing is stopped while it has the vault."""

import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from migration_ops.migration import Plan, upkeep
from migration_ops.migration.events import Event
from migration_ops.migration.retention import CutoverUnderWayError, forget_points, refuse_during_cutover
from migration_ops.migration.upkeep import APPROACH, UpkeepError, await_upkeep, cutover_on_its_way
from migration_ops.vault import init_repository
from migration_ops.vault.lock import locked

THEN = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
TIMEOUT = timedelta(hours=4)
SOON = THEN + timedelta(minutes=5)


def event(name, run="c1", at=THEN, **data):
    return Event(plan="shop", run=run, name=name, began=at, ended=at, data=data)


def answered(answer, question="approve", at=THEN + timedelta(minutes=1)):
    return event("answered", at=at, question=question, answer=answer)


@pytest.fixture
def repository(tmp_path):
    return init_repository(str(tmp_path / "vault"), "password")


@pytest.fixture
def plan():
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "vault": {"conn_id": "v"},
            "movers": {"image": "m"},
        }
    )


@pytest.mark.parametrize(
    ("happened", "until"),
    [
        ([event("prepared")], THEN + TIMEOUT),
        ([event("prepared"), answered("Approve"), event("staged")], THEN + timedelta(minutes=1) + APPROACH),
        ([event("prepared", run="c0", at=THEN - TIMEOUT), event("prepared")], THEN + TIMEOUT),
    ],
)
def test_a_cutover_is_on_its_way_from_its_preparation_until_the_stop(happened, until):
    assert cutover_on_its_way(happened, TIMEOUT, SOON) == ("c1", until)
    assert cutover_on_its_way(happened, TIMEOUT, until) is None  # its run may have failed without a word


@pytest.mark.parametrize(
    "happened",
    [
        [],
        [event("staged", run="s1")],
        [event("prepared"), answered("Reject")],
        [event("prepared"), answered("Approve"), event("quiesce-begun")],
        [answered("Approve", question="another"), event("finished")],
    ],
)
def test_one_that_was_refused_or_has_stopped_the_source_is_not(happened):
    assert cutover_on_its_way(happened, TIMEOUT, SOON) is None


def test_a_run_that_is_prepared_anew_waits_for_a_new_answer():
    again = THEN + timedelta(hours=1)
    happened = [event("prepared"), answered("Reject"), event("prepared", at=again)]
    assert cutover_on_its_way(happened, TIMEOUT, again) == ("c1", again + TIMEOUT)


def test_upkeep_of_the_plan_does_not_begin_meanwhile(repository, plan):
    happened = [event("prepared"), answered("Approve")]
    with pytest.raises(CutoverUnderWayError, match="c1 of plan shop is prepared and may stop the source"):
        refuse_during_cutover(plan, happened, SOON)
    with pytest.raises(CutoverUnderWayError):
        forget_points(plan, repository, happened, SOON)
    forget_points(plan, repository, happened, THEN + timedelta(days=1))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(upkeep, "_PAUSE_SECONDS", 0.01)


def test_nothing_is_waited_for_while_others_only_write(repository, impatient):
    said = []
    await_upkeep(repository, said.append)
    with locked(repository):
        await_upkeep(repository, said.append)
    assert said == []


def test_the_stop_waits_for_the_end_of_upkeep(repository, impatient):
    said, told = [], threading.Event()

    def say(text):
        said.append(text)
        told.set()

    waiting = threading.Thread(target=await_upkeep, args=(repository, say))
    with locked(repository, exclusive=True):
        waiting.start()
        assert told.wait(60)
        assert waiting.is_alive()
    waiting.join(60)
    assert not waiting.is_alive()
    assert len(said) == 1
    assert "Nothing is stopped yet" in said[0]


def test_the_wait_ends_with_what_to_do(repository, impatient):
    with locked(repository, exclusive=True), pytest.raises(UpkeepError, match="wait and retry") as caught:
        await_upkeep(repository, lambda _: None, seconds=0)
    assert caught.value.retryable


def test_a_lock_of_the_dead_keeps_nobody_waiting(repository, impatient, monkeypatch):
    later = datetime.now(UTC) + timedelta(hours=1)
    with locked(repository, exclusive=True):
        clock = SimpleNamespace(time=later.timestamp, monotonic=time.monotonic, sleep=time.sleep)
        monkeypatch.setattr(upkeep, "time", clock)
        await_upkeep(repository, lambda _: pytest.fail("it waited"), seconds=0)
