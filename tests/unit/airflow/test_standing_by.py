"""Movers are started before the stop where they can be; nothing about them keeps a cutover from going on."""

from types import SimpleNamespace

import pytest
from kubernetes.client.exceptions import ApiException

from migration_ops.mover import Credentials, MoverError, Observation
from migration_ops.mover.submission import Submission
from migration_ops.operators import standby
from migration_ops.operators.standby import StandByOperator

RUNNING = Observation("running", pod="p")


class World:
    """Movers that run as soon as they are there, unless something else is said of them."""

    def __init__(self):
        self.submitted, self.removed, self.refuses, self.says = {}, [], {}, {}
        self.deaf = set()

    def submit(self, side, spec, _credentials):
        if error := self.refuses.get((side, spec.item)):
            raise error
        self.submitted[side, spec.item] = spec
        return Submission(spec.namespace, spec.name, f"uid-{side}-{spec.item}", adopted=False)

    def look(self, side, movers):
        found = {item: self.says.get((side, item), RUNNING) for item in movers}
        for one in found.values():
            if isinstance(one, Exception):
                raise one
        return found

    def remove(self, side, namespace, name):
        self.removed.append((side, namespace, name))


@pytest.fixture
def world(monkeypatch):
    made = World()
    monkeypatch.setattr("migration_ops.mover.submission.submit", made.submit)
    monkeypatch.setattr("migration_ops.mover.submission.remove", made.remove)
    monkeypatch.setattr("migration_ops.mover.watching.look", made.look)
    monkeypatch.setattr(
        "migration_ops.mover.standby.can_be_told", lambda side, _namespace, _pod: side not in made.deaf
    )
    monkeypatch.setattr(standby, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(standby, "PATIENCE_SECONDS", 0.05)
    return made


@pytest.fixture
def context(store):
    run = SimpleNamespace(dag_id="shop.cutover", run_id="manual__1")
    return {"dag_run": run, "task_state_store": store}


@pytest.fixture
def make(plan):
    def made(**movers):
        saves = [
            {"namespace": "shop", "claim": f"data-{n}", "point": "p", "consistency": "live"} for n in range(3)
        ]
        restores = [{"namespace": "new", "claim": f"data-{n}", "snapshot_id": "5" * 64} for n in range(3)]
        step = StandByOperator(
            task_id="standby",
            plan={**plan, "movers": {"image": "mover:1", **movers}},
            saves=saves,
            restores=restores,
        )
        source = SimpleNamespace(api_client="source", conn_id="s", cluster_name="s")
        step.__dict__["source_hook"] = source
        step.__dict__["target_hook"] = SimpleNamespace(api_client="target", conn_id="t", cluster_name="t")
        step.__dict__["vault_hook"] = SimpleNamespace(credentials=lambda: Credentials({}))
        return step

    return made


def test_each_volume_has_one_in_both_clusters_as_far_as_they_may_work_at_a_time(make, world, context):
    found = make(parallelism={"source": 2, "target": 3}).execute(context)
    assert found == {"source": 2, "target": 3}
    assert {(side, spec.action, spec.writable) for (side, _), spec in world.submitted.items()} == {
        ("source", "final", False),
        ("target", "restore", True),
    }
    assert {spec.command[0] for spec in world.submitted.values()} == {"standby"}
    assert world.removed == []


def test_their_names_are_those_of_the_movers_that_the_steps_after_the_stop_start(make, world, context, plan):
    from migration_ops.migration import Plan
    from migration_ops.migration.mover_specs import backup_spec, restore_spec
    from migration_ops.migration.volumes import BackupTask, RestoreTask
    from migration_ops.mover import run_key

    make().execute(context)
    the_plan, run = Plan.model_validate(plan), run_key("shop.cutover", "manual__1")
    final = BackupTask(namespace="shop", claim="data-0", point="other", consistency="quiesced", parent="x")
    back = RestoreTask(namespace="new", claim="data-0", snapshot_id="6" * 64, base="x")
    assert world.submitted["source", "shop/data-0"].name == backup_spec(the_plan, final, run, "s").name
    assert world.submitted["target", "new/data-0"].name == restore_spec(the_plan, back, run, "restore").name


def test_one_that_does_not_run_in_time_is_taken_away(make, world, context):
    world.says["source", "shop/data-1"] = Observation("waiting", "Unschedulable: no node left")
    assert make().execute(context) == {"source": 2, "target": 3}
    ((side, _, name),) = world.removed
    assert side == "source"
    assert "data-1" in name


@pytest.mark.parametrize(
    "error", [MoverError("another mover works on new/data-0"), ApiException(status=503, reason="away")]
)
def test_one_that_is_refused_is_done_without(make, world, context, error):
    world.refuses["target", "new/data-0"] = error
    assert make().execute(context) == {"source": 3, "target": 2}
    assert world.removed == []


def test_what_would_be_refused_after_the_stop_as_well_is_told_before_it(make, world, context):
    world.refuses["target", "new/data-0"] = MoverError("claim new/data-0 is mounted", retryable=False)
    with pytest.raises(MoverError, match="is mounted"):
        make().execute(context)


def test_a_server_that_does_not_answer_ends_the_waiting_and_not_the_run(make, world, context):
    world.says["target", "new/data-0"] = ApiException(status=503, reason="away")
    assert make().execute(context) == {"source": 3, "target": 0}
    assert len(world.removed) == 3


def test_where_no_order_can_be_given_none_is_kept(make, world, context):
    world.deaf.add("source")
    assert make().execute(context) == {"source": 0, "target": 3}
    assert {side for side, _, _ in world.removed} == {"source"}


def test_a_plan_may_do_without(make, world, context):
    assert make(standby=False).execute(context) == {"source": 0, "target": 0}
    assert world.submitted == {}
