"""Triggers only wait: bounded, restartable anywhere, deaf to passing failures."""

import asyncio
import contextlib
import time
from types import SimpleNamespace

import pytest
from airflow.sdk.module_loading import import_string
from airflow.triggers.base import TaskSuccessEvent

from migration_ops.cluster import KubeconfigError
from migration_ops.mover import Observation
from migration_ops.triggers import mover as mover_module
from migration_ops.triggers.mover import MoverTrigger
from migration_ops.triggers.movers import MoversTrigger
from migration_ops.triggers.readiness import ReadinessTrigger

PROGRESS = {"message_type": "status", "percent_done": 0.5}


def trigger(**changes):
    now = time.time()
    settings = {
        "conn_id": "c",
        "namespace": "shop",
        "name": "mover-x",
        "uid": "u",
        "start_deadline": now + 60,
        "deadline": now + 60,
        "report_after_seconds": 60.0,
    }
    return MoverTrigger(**settings | changes)


def event_of(waiting, looks):
    """What the trigger says when its looks at the cluster see this, one after the other."""
    seen = iter(looks)

    async def look(_hook, progress):
        found = next(seen)
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, tuple) else (found, progress)

    async def first():
        return (await anext(waiting.run())).payload

    waiting._look = look
    return asyncio.run(first())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    async def at_once(_seconds):
        return None

    monkeypatch.setattr(mover_module.asyncio, "sleep", at_once)


@pytest.mark.parametrize(
    "waiting",
    [
        trigger(logged_until="t"),
        ReadinessTrigger(conn_id="c", objects=[{"kind": "Pod"}], deadline=1.5, began="t"),
    ],
)
def test_another_triggerer_can_go_on(waiting):
    path, arguments = waiting.serialize()
    again = import_string(path)(**arguments)
    assert type(again) is type(waiting)
    assert again.serialize() == (path, arguments)


def test_the_end_of_the_mover_is_told_with_its_summary():
    done = Observation("succeeded", summary={"snapshot_id": "x"})
    event = event_of(trigger(), [Observation("waiting", "starting"), Observation("running"), done])
    assert (event["phase"], event["summary"]) == ("succeeded", {"snapshot_id": "x"})


class Hook:
    """Leads to an API that only remembers what it was asked."""

    def __init__(self, error=None):
        self.asked, self.error = [], error

    @contextlib.asynccontextmanager
    async def get_conn(self):
        yield self

    def __getattr__(self, name):
        async def ask(*arguments, **_options):
            self.asked.append((name, *arguments))
            if self.error:
                raise self.error

        return ask


@pytest.fixture
def cluster(monkeypatch):
    hook = Hook()
    monkeypatch.setattr("kubernetes_asyncio.client.CoreV1Api", lambda _api: hook)
    monkeypatch.setattr("kubernetes_asyncio.client.BatchV1Api", lambda _api: hook)
    return hook


VOLUME = {"namespace": "shop", "claim": "data", "snapshot_id": "abc"}
DONE = Observation("succeeded", summary={"snapshot_id": "abc", "bytes_restored": 3})


def test_a_backup_that_went_well_ends_its_task_at_once(cluster):
    volume = {"namespace": "shop", "claim": "data", "point": "p", "consistency": "live"}
    waiting = trigger(finish={"kind": "backup", "volume": volume})
    record = asyncio.run(waiting._end(cluster, DONE))
    assert (record["snapshot_id"], record["claim"]) == ("abc", "data")
    assert cluster.asked == [("delete_namespaced_job", "mover-x", "shop")]


def test_a_restore_that_went_well_notes_first_what_the_claim_holds(cluster, monkeypatch):
    monkeypatch.setattr(
        "migration_ops.migration.staging.mark_staged",
        lambda _cluster, claim, snapshot: cluster.asked.append(("noted", claim, snapshot)),
    )
    monkeypatch.setattr(
        "migration_ops.hooks.cluster.ClusterHook",
        lambda _id, **_options: SimpleNamespace(cluster=SimpleNamespace(close=lambda: None)),
    )
    result = asyncio.run(trigger(finish={"kind": "restore", "volume": VOLUME})._end(cluster, DONE))
    assert result["summary"]["bytes_restored"] == 3
    assert [asked[0] for asked in cluster.asked] == ["get_conn_extras", "noted", "delete_namespaced_job"]
    assert cluster.asked[1] == ("noted", ("shop", "data"), "abc")


def test_what_the_trigger_cannot_end_goes_back_to_the_operator(cluster):
    cluster.error = OSError("refused")
    assert asyncio.run(trigger(finish={"kind": "restore", "volume": VOLUME})._end(cluster, DONE)) is None
    lost = Observation("succeeded")
    assert asyncio.run(trigger(finish={"kind": "summary"})._end(cluster, lost)) is None
    assert asyncio.run(trigger()._end(cluster, DONE)) is None


def test_a_failure_is_told_with_its_reason():
    event = event_of(trigger(), [Observation("failed", "exit code 12", retryable=False)])
    assert (event["phase"], event["reason"], event["retryable"]) == ("failed", "exit code 12", False)


def test_an_api_server_that_is_away_for_a_while_is_waited_for():
    event = event_of(trigger(), [OSError("refused"), OSError("refused"), Observation("succeeded")])
    assert event["phase"] == "succeeded"


def test_a_refusal_is_answered_with_a_new_kubeconfig():
    """A temporary kubeconfig may end while a mover works for hours."""
    hooks = []

    async def look(hook, progress):
        hooks.append(hook)
        if len(hooks) == 2:
            raise PermissionError("401 Unauthorized")
        return Observation("succeeded" if len(hooks) == 4 else "running"), progress

    async def first():
        waiting = trigger()
        waiting._look = look
        return (await anext(waiting.run())).payload

    assert asyncio.run(first())["phase"] == "succeeded"
    assert hooks[0] is hooks[1]
    assert hooks[2] is hooks[3]
    assert hooks[1] is not hooks[2]


def test_a_refusal_about_several_movers_is_answered_with_a_new_kubeconfig():
    made, asked = [], []

    async def make():
        made.append(object())
        return made[-1]

    def ask(hook, _told, *, tell):
        asked.append(hook)
        if len(asked) == 1:
            raise PermissionError("401 Unauthorized")
        return {"shop/data": "succeeded"}, {}

    async def first():
        waiting = MoversTrigger(conn_id="c", movers={}, deadline=time.time() + 60)
        waiting._hook, waiting._ask = make, ask
        return (await anext(waiting.run())).payload

    assert asyncio.run(first()) == {"phase": "ended"}
    assert asked == made
    assert len(made) == 2


def test_an_api_server_that_stays_away_ends_the_wait(monkeypatch):
    monkeypatch.setattr(mover_module, "_UNREACHABLE_SECONDS", -1)
    assert event_of(trigger(), [OSError("refused")])["phase"] == "unreachable"


def test_a_connection_that_leads_nowhere_ends_the_wait_at_once():
    wrong = KubeconfigError("connection c names no cluster")
    assert event_of(trigger(), [wrong]) == {"phase": "misdirected", "reason": "connection c names no cluster"}


def test_a_connection_that_leads_nowhere_ends_the_wait_for_many_at_once():
    async def fail():
        raise KubeconfigError("connection c names no cluster")

    async def first():
        waiting = MoversTrigger(conn_id="c", movers={}, deadline=time.time() + 60)
        waiting._hook = fail
        return (await anext(waiting.run())).payload

    assert asyncio.run(first()) == {"phase": "misdirected", "reason": "connection c names no cluster"}


def test_a_pod_that_does_not_start_is_told_with_what_it_waits_for():
    event = event_of(trigger(start_deadline=0.0), [Observation("waiting", "Unschedulable: no node")])
    assert (event["phase"], event["reason"]) == ("not_started", "Unschedulable: no node")


def test_a_mover_that_runs_for_too_long_is_told():
    assert event_of(trigger(deadline=0.0), [Observation("running")])["phase"] == "timeout"


def test_progress_is_handed_over_after_a_while():
    event = event_of(trigger(report_after_seconds=-1.0), [(Observation("running"), PROGRESS)])
    assert (event["phase"], event["progress"]) == ("progress", PROGRESS)


def ready_event(monkeypatch, looks, deadline):
    seen = iter(looks)

    async def look(_seconds):
        found = next(seen)
        if isinstance(found, Exception):
            raise found
        return found

    async def first():
        waiting = ReadinessTrigger(conn_id="c", objects=[], deadline=deadline, began="t")
        waiting._look = look
        return await anext(waiting.run())

    return asyncio.run(first())


def test_readiness_is_waited_for(monkeypatch):
    looks = [(False, ["db: not scheduled"]), OSError("refused"), (True, [])]
    event = ready_event(monkeypatch, looks, time.time() + 60)
    assert isinstance(event, TaskSuccessEvent)
    assert set(event.xcoms["return_value"]) == {"began", "ended"}


def test_what_is_not_ready_in_time_is_named(monkeypatch):
    event = ready_event(monkeypatch, [(False, ["db: image can't be pulled"])], 0.0)
    assert event.payload == {"reasons": ["db: image can't be pulled"]}
