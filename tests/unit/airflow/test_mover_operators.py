"""A mover's task waits in the triggerer, finds its Job again, and deletes it only when all is known."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import create_autospec

import jinja2
import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger

from migration_ops.migration.events import QUIESCE_BEGUN, RESUMED, Event
from migration_ops.migration.journal import Journal
from migration_ops.migration.retention import CutoverUnderWayError
from migration_ops.migration.staging import StagedClaimChangedError
from migration_ops.mover import Credentials, MoverFailedError, MoverNotStartedError
from migration_ops.mover.submission import Submission
from migration_ops.operators.base import RetryUnlessHopeless, movers_results
from migration_ops.operators.maintain import VaultWorkOperator
from migration_ops.operators.mover import BackupVolumeOperator, ProbeVaultOperator, RestoreVolumeOperator
from migration_ops.triggers.mover import MoverTrigger

WAITING = {"namespace": "shop", "name": "mover-x", "uid": "u", "start_deadline": 1.0, "deadline": 2.0e9}
VOLUME = {
    "namespace": "shop",
    "claim": "data",
    "point": "p1",
    "consistency": "live",
    "parent": "abc",
    "node": "node-1",
    "storage_class": "gp2",
    "capacity": "1Gi",
    "volume_mode": "Filesystem",
}


@pytest.fixture
def world(monkeypatch):
    """Submissions and removals as they happen, instead of a cluster and a vault."""
    happened = SimpleNamespace(submitted=[], removed=[])

    def submit(_api, spec, credentials):
        happened.submitted.append((spec, credentials))
        return Submission(spec.namespace, spec.name, "uid-1", adopted=len(happened.submitted) > 1)

    monkeypatch.setattr("migration_ops.mover.submission.submit", submit)
    monkeypatch.setattr(
        "migration_ops.mover.submission.remove",
        lambda _api, namespace, name: happened.removed.append((namespace, name)),
    )
    return happened


@pytest.fixture
def context(store):
    return {
        "dag_run": SimpleNamespace(dag_id="shop.backup", run_id="manual__1"),
        "task_state_store": store,
    }


def connected(operator):
    """An operator whose hooks lead nowhere."""
    for side in ("source", "target"):
        operator.__dict__[f"{side}_hook"] = SimpleNamespace(
            api_client=None, conn_id=f"shop_{side}", cluster_name=side, cluster=None
        )
    operator.__dict__["vault_hook"] = SimpleNamespace(
        credentials=lambda: Credentials({"RESTIC_PASSWORD": "hunter2"})
    )
    return operator


@pytest.fixture
def backup(plan):
    return connected(BackupVolumeOperator(task_id="volume", plan=plan, volume=VOLUME))


def deferral(operator, context):
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    return caught.value


def test_a_backup_starts_a_read_only_mover_on_the_claims_node(world, backup, context):
    deferral(backup, context)
    ((spec, _),) = world.submitted
    assert (spec.namespace, spec.claim, spec.node, spec.writable) == ("shop", "data", "node-1", False)
    assert "--parent" in spec.command
    assert {"plan=shop", "point=p1", "content=volume", "namespace=shop", "claim=data"} <= set(spec.command)


def test_upkeep_leaves_the_vault_to_a_cutover_that_has_stopped_the_source(world, plan, context):
    prune = connected(VaultWorkOperator(task_id="prune", plan=plan, command=["prune"]))
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    stopped = Event(plan="shop", run="r", name=QUIESCE_BEGUN, began=moment, ended=moment)
    journal = prune.__dict__["journal"] = create_autospec(Journal, instance=True)
    journal.events.return_value = [stopped]
    with pytest.raises(CutoverUnderWayError, match="cutover r of plan shop has stopped the source"):
        prune.execute(context)
    assert world.submitted == []

    later = moment + timedelta(hours=1)
    resumed = Event(plan="shop", run="r", name=RESUMED, began=later, ended=later)
    journal.events.return_value = [stopped, resumed]
    deferral(prune, context)
    ((spec, _),) = world.submitted
    assert (spec.command, spec.claim) == (("prune",), None)


@pytest.fixture
def staged(monkeypatch):
    """What the target's claims say they hold; tests write into it."""
    held = {}
    monkeypatch.setattr("migration_ops.migration.staging.staged_snapshots", lambda _target, _claims: held)
    monkeypatch.setattr(
        "migration_ops.migration.staging.mark_staged", lambda _target, claim, said: held.update({claim: said})
    )
    return held


RESTORED = {"namespace": "shop-prod", "claim": "data", "snapshot_id": "abc", "base": "before"}


def test_a_restore_starts_a_writable_mover_that_reads_again(world, plan, context, staged):
    volume = {"namespace": "shop-prod", "claim": "data", "snapshot_id": "abc"}
    deferral(connected(RestoreVolumeOperator(task_id="r", plan=plan, volume=volume)), context)
    ((spec, _),) = world.submitted
    assert (spec.namespace, spec.writable) == ("shop-prod", True)
    assert {"--delete", "--verify"} <= set(spec.command)


def test_a_filled_claim_says_what_it_holds(world, plan, context, staged):
    staged["shop-prod", "data"] = "before"
    restore = connected(RestoreVolumeOperator(task_id="r", plan=plan, volume=RESTORED))
    deferral(restore, context)
    assert "before" in world.submitted[0][0].command
    restore.resume_with(context, {"phase": "succeeded", "summary": {"bytes_restored": 1}}, WAITING, 15.0)
    assert staged == {("shop-prod", "data"): "abc"}


def test_a_claim_that_somebody_wrote_to_is_noticed_and_the_next_try_restores_all_of_it(
    world, plan, context, staged
):
    staged["shop-prod", "data"] = "before"
    restore = connected(RestoreVolumeOperator(task_id="r", plan=plan, volume=RESTORED))
    deferral(restore, context)
    failed = {"phase": "failed", "summary": {"differences": 2}, "reason": "exit code 1", "retryable": True}
    with pytest.raises(StagedClaimChangedError, match="shop-prod/data has 2 differences") as caught:
        restore.resume_with(context, failed, WAITING, 15.0)
    assert caught.value.retryable
    deferral(restore, context)
    assert "--base" in world.submitted[0][0].command
    assert "--base" not in world.submitted[1][0].command


def test_a_base_that_another_run_has_put_there_meanwhile_is_not_trusted(world, plan, context, staged):
    staged["shop-prod", "data"] = "of-another-run"
    deferral(connected(RestoreVolumeOperator(task_id="r", plan=plan, volume=RESTORED)), context)
    assert "--base" not in world.submitted[0][0].command


def test_an_unfinished_restore_of_a_raw_device_leaves_no_base_for_the_next(world, plan, context, staged):
    staged["shop-prod", "data"] = "before"
    volume = {**RESTORED, "volume_mode": "Block"}
    restore = connected(RestoreVolumeOperator(task_id="r", plan=plan, volume=volume))
    deferral(restore, context)
    assert staged == {("shop-prod", "data"): None}
    deferral(restore, context)
    assert ["--base" in spec.command for spec, _ in world.submitted] == [True, False]


def test_a_probe_mounts_nothing(world, plan, context):
    deferral(connected(ProbeVaultOperator(task_id="p", plan=plan, side="target")), context)
    ((spec, _),) = world.submitted
    assert (spec.claim, spec.namespace, spec.command[0]) == (None, "default", "probe")


def test_every_try_asks_for_the_same_job(world, backup, context):
    deferral(backup, context)
    deferral(backup, context)
    first, second = (spec for spec, _ in world.submitted)
    assert first == second


def test_the_mover_is_known_before_the_task_waits_and_no_secret_goes_with_it(world, backup, context, store):
    waiting = deferral(backup, context)
    assert store.values["mover"]["item"] == "shop/data"
    assert store.values["mover"]["uid"] == "uid-1"
    assert "hunter2" not in repr(waiting.trigger.serialize()) + repr(waiting.kwargs) + repr(store.values)
    assert waiting.timeout is not None


def test_progress_is_written_down_and_the_task_waits_on(world, backup, context, store):
    progress = {"message_type": "status", "percent_done": 0.5}
    event = {"phase": "progress", "progress": progress, "node": "node-1", "logged_until": "t1"}
    with pytest.raises(TaskDeferred) as caught:
        backup.resume_with(context, event, WAITING, 15.0)
    assert store.values["progress"]["percent_done"] == 0.5
    assert caught.value.trigger.logged_until == "t1"
    assert caught.value.kwargs["report_after"] > 15.0
    assert world.removed == []


def test_the_job_stays_until_airflow_has_the_result(world, backup, context):
    summary = {"snapshot_id": "snap", "total_bytes_processed": 10, "data_added_packed": 3}
    record = backup.resume_with(context, {"phase": "succeeded", "summary": summary}, WAITING, 15.0)
    assert (record["snapshot_id"], record["bytes"], record["added_bytes"]) == ("snap", 10, 3)
    assert record["consistency"] == "live"
    assert world.removed == []
    (after_success,) = backup.on_success_callback
    after_success({"task": backup})
    assert world.removed == [("shop", "mover-x")]


def test_a_mover_that_vanished_after_its_work_is_found_in_the_vault(world, backup, context, monkeypatch):
    snapshot = SimpleNamespace(id="snap", summary={"total_bytes_processed": 7})
    monkeypatch.setattr(
        "migration_ops.migration.vault_records.find_volume_snapshot", lambda *_arguments: snapshot
    )
    backup.__dict__["repository"] = None
    record = backup.resume_with(context, {"phase": "gone"}, WAITING, 15.0)
    assert (record["snapshot_id"], record["bytes"]) == ("snap", 7)


def test_a_row_of_the_grid_carries_its_volumes_name(backup):
    template = jinja2.Template(backup.map_index_template)
    assert template.render(task=backup) == "shop/data"


def test_a_mapped_task_removes_its_job_too(plan):
    mapped = BackupVolumeOperator.partial(task_id="v", plan=plan).expand(volume=[VOLUME])
    assert len(mapped.unmap({"volume": VOLUME}).on_success_callback) == 1


def test_a_mover_that_vanished_without_a_trace_is_run_again(world, plan, context):
    probe = connected(ProbeVaultOperator(task_id="p", plan=plan, side="source"))
    with pytest.raises(MoverFailedError, match="a retry runs it again") as caught:
        probe.resume_with(context, {"phase": "gone"}, WAITING, 15.0)
    assert caught.value.retryable


def test_a_failed_mover_stays_for_the_retry_to_judge(world, backup, context):
    event = {"phase": "failed", "reason": "exit code 1: no space", "retryable": True}
    with pytest.raises(MoverFailedError, match="no space") as caught:
        backup.resume_with(context, event, WAITING, 15.0)
    assert caught.value.retryable
    assert world.removed == []


def test_a_connection_that_leads_nowhere_is_told_in_its_own_words(world, backup, context):
    event = {"phase": "misdirected", "reason": "connection shop_source names no cluster"}
    with pytest.raises(MoverFailedError, match=r"connection shop_source names no cluster\. The mover may"):
        backup.resume_with(context, event, WAITING, 15.0)


def test_a_mover_that_does_not_start_says_why(world, backup, context):
    event = {"phase": "not_started", "reason": "ImagePullBackOff: no such image"}
    with pytest.raises(MoverNotStartedError, match="ImagePullBackOff"):
        backup.resume_with(context, event, WAITING, 15.0)


def test_only_errors_that_may_go_away_are_retried():
    policy = RetryUnlessHopeless()
    hopeless = policy.evaluate(MoverFailedError("wrong password", retryable=False), 1, 2)
    assert hopeless.action.value == "fail"
    assert policy.evaluate(MoverFailedError("busy"), 1, 2).action.value == "default"
    assert policy.evaluate(OSError("network"), 1, 2).action.value == "default"


def test_an_airflow_worker_that_is_drained_leaves_the_mover_alone():
    assert BackupVolumeOperator.on_kill is BaseOperator.on_kill
    assert MoverTrigger.on_kill is BaseTrigger.on_kill


def test_results_are_read_whoever_ended_the_task():
    record = {"namespace": "shop", "claim": "data"}
    assert movers_results([record, json.dumps(record)]) == [record, record]
    assert movers_results(None) == []
