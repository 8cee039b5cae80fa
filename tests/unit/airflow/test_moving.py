"""All volumes of a step in one task: as many movers at a time as allowed, found again, seen to their end."""

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import TaskDeferred
from kubernetes.client.exceptions import ApiException

from migration_ops.migration.errors import DisturbedError
from migration_ops.mover import Credentials, MoverError, MoverFailedError, Observation
from migration_ops.mover.submission import Submission
from migration_ops.operators import moving
from migration_ops.operators.moving import SaveVolumesOperator

SUMMARY = {"snapshot_id": "5" * 64, "total_bytes_processed": 5, "total_duration": 1.0}


class Saving(SaveVolumesOperator):
    """Returns the volumes' records."""

    def conclude(self, context, results):
        return [one["claim"] for one in results]


class World:
    """Movers that end when they are looked at for the second time."""

    def __init__(self):
        self.submitted, self.removed, self.most, self.looks = [], [], 0, {}
        self.says, self.refuses = {}, {}

    def submit(self, _api, spec, _credentials):
        if error := self.refuses.get(spec.claim):
            raise error
        self.submitted.append(spec.claim)
        return Submission(spec.namespace, spec.name, f"uid-{spec.claim}", adopted=False)

    def look(self, _api, movers, *, listen):
        assert listen
        self.most = max(self.most, len(movers))
        for item in movers:
            self.looks[item] = self.looks.get(item, 0) + 1
        ended = Observation("succeeded", summary=SUMMARY)
        running = Observation("running", pod="p")
        return {item: self.says.get(item, ended if self.looks[item] > 1 else running) for item in movers}


@pytest.fixture
def world(monkeypatch):
    made = World()
    monkeypatch.setattr("migration_ops.mover.submission.submit", made.submit)
    monkeypatch.setattr(
        "migration_ops.mover.submission.remove", lambda _api, _space, name: made.removed.append(name)
    )
    monkeypatch.setattr("migration_ops.mover.watching.look", made.look)
    monkeypatch.setattr(moving, "_PAUSE_SECONDS", 0.0)
    return made


@pytest.fixture
def context(store):
    run = SimpleNamespace(dag_id="shop.cutover", run_id="manual__1")
    return {"dag_run": run, "task_state_store": store}


@pytest.fixture
def step(plan):
    def volume(name):
        return {"namespace": "shop", "claim": name, "point": "p1", "consistency": "quiesced"}

    plan = {**plan, "movers": {"image": "mover:1", "parallelism": {"source": 2}}}
    made = Saving(task_id="final", plan=plan, volumes=[volume(f"data-{n}") for n in range(5)])
    made.__dict__["source_hook"] = SimpleNamespace(api_client=None, conn_id="shop_source", cluster_name="s")
    made.__dict__["vault_hook"] = SimpleNamespace(credentials=lambda: Credentials({}))
    return made


def test_all_volumes_are_moved_as_many_at_a_time_as_the_plan_allows(step, world, context):
    assert step.execute(context) == [f"data-{n}" for n in range(5)]
    assert world.most == 2
    assert sorted(world.submitted) == [f"data-{n}" for n in range(5)]
    assert len(world.removed) == 5


def test_a_mover_that_is_refused_keeps_none_beside_it_from_starting(step, world, context):
    world.refuses["data-0"] = MoverError("claim shop/data-0 is mounted")
    with pytest.raises(MoverError, match="data-0 is mounted"):
        step.execute(context)
    assert world.submitted == ["data-1"]
    world.refuses.clear()
    assert step.execute(context) == [f"data-{n}" for n in range(5)]


def test_what_a_source_that_runs_again_makes_worthless_is_saved_anew_by_the_next_try(
    step, world, context, monkeypatch
):
    def refuse(_step, _context, _results):
        raise DisturbedError("v1/Pod/shop/web runs on")

    monkeypatch.setattr(Saving, "conclude", refuse)
    with pytest.raises(DisturbedError):
        step.execute(context)
    assert len(world.removed) == 5


def test_what_takes_longer_waits_in_the_triggerer_and_nothing_is_removed(step, world, context, monkeypatch):
    monkeypatch.setattr(moving, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(TaskDeferred) as deferred:
        step.execute(context)
    assert set(deferred.value.trigger.movers) == {"shop/data-0", "shop/data-1"}
    assert world.removed == []
    assert deferred.value.kwargs["since"].keys() == {"shop/data-0", "shop/data-1"}


def test_a_mover_that_failed_fails_the_step_and_the_jobs_stay_for_the_retry(step, world, context):
    world.says["shop/data-1"] = Observation("failed", "exit code 12: wrong password", retryable=False)
    with pytest.raises(MoverFailedError, match="wrong password") as raised:
        step.execute(context)
    assert raised.value.retryable is False
    assert world.removed == []


def test_an_api_server_that_is_away_is_waited_for_in_the_triggerer(step, world, context, monkeypatch):
    def refuse(_api, _movers, *, listen):
        raise ApiException(status=503, reason="away")

    monkeypatch.setattr("migration_ops.mover.watching.look", refuse)
    monkeypatch.setattr(moving, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(TaskDeferred):
        step.execute(context)


def test_a_server_that_is_away_for_too_long_is_named(step, world, context):
    event = {"phase": "unreachable", "reason": "connection refused"}
    with pytest.raises(MoverFailedError, match="shop_source did not answer"):
        step.resume_with(context, event, since={}, report_after=15)


def test_a_connection_that_leads_nowhere_is_told_in_its_own_words(step, world, context):
    event = {"phase": "misdirected", "reason": "connection shop_source names no cluster"}
    with pytest.raises(MoverFailedError, match="about the movers: connection shop_source names no cluster"):
        step.resume_with(context, event, since={}, report_after=15)


def test_what_has_a_result_is_not_moved_again_after_a_wait(step, world, context, monkeypatch):
    world.says["shop/data-1"] = Observation("running", pod="p")
    monkeypatch.setattr(moving, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(TaskDeferred) as deferred:
        step.execute(context)
    assert deferred.value.trigger.movers.keys() == {"shop/data-1"}
    world.submitted.clear()
    del world.says["shop/data-1"]
    assert step.resume_with(context, {"phase": "ended"}, **deferred.value.kwargs) == [
        f"data-{n}" for n in range(5)
    ]
    assert world.submitted == ["data-1"]
    assert len(world.removed) == 5
