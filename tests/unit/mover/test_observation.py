"""A mover's state is told from its Job and pods, never from its log."""

import json

import pytest

from migration_ops.mover import observe, summary_text

SUMMARY = {"message_type": "summary", "snapshot_id": "abc", "total_bytes_processed": 2048}


def pod(name="p", created="2026-01-01T00:00:00Z", phase="Running", state=None, **status):
    statuses = [{"name": "istio-proxy", "state": {"running": {}}}]
    if state is not None:
        statuses.append({"name": "mover", "state": state})
    return {
        "metadata": {"name": name, "creationTimestamp": created},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": phase, "containerStatuses": statuses, **status},
    }


def ended(code, message="", reason="Error"):
    return {"terminated": {"exitCode": code, "message": message, "reason": reason}}


def job(condition=None):
    conditions = [{"type": condition, "status": "True", "reason": "R", "message": "why"}] if condition else []
    return {"metadata": {"name": "j"}, "status": {"conditions": conditions}}


def test_success_comes_with_the_summary_even_while_a_sidecar_still_runs():
    seen = observe(job(), [pod(state=ended(0, json.dumps(SUMMARY)))])
    assert (seen.phase, seen.summary, seen.node) == ("succeeded", SUMMARY, "node-1")


def test_some_unreadable_files_are_a_success_if_there_is_a_snapshot():
    assert observe(job(), [pod(state=ended(3, json.dumps(SUMMARY)))]).phase == "succeeded"
    assert observe(job(), [pod(state=ended(3, "cut off"))]).phase == "failed"


def test_a_failure_carries_the_programs_own_words():
    message = json.dumps({"message_type": "exit_error", "code": 1, "message": "bucket is gone"})
    seen = observe(job("Failed"), [pod(state=ended(1, message))])
    assert (seen.phase, seen.exit_code, seen.retryable) == ("failed", 1, True)
    assert "bucket is gone" in seen.reason


@pytest.mark.parametrize("code", [10, 12])
def test_a_missing_repository_or_wrong_password_is_not_worth_a_retry(code):
    assert observe(job(), [pod(state=ended(code, "no"))]).retryable is False


def test_running_out_of_memory_says_what_to_change():
    seen = observe(job(), [pod(state=ended(137, "", "OOMKilled"))])
    assert "movers.limits.memory" in seen.reason


def test_an_evicted_pod_is_a_failure_with_its_reason():
    seen = observe(job(), [pod(phase="Failed", reason="Evicted", message="disk pressure")])
    assert (seen.phase, seen.reason) == ("failed", "Evicted: disk pressure")


def test_waiting_says_for_what():
    image = pod(
        phase="Pending", state={"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    )
    assert observe(job(), [image]).reason == "ImagePullBackOff: no such image"
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    nowhere = pod(phase="Pending", conditions=[condition])
    assert observe(job(), [nowhere]).reason == "Unschedulable: 0/1 nodes"
    assert observe(job(), []).phase == "waiting"


def test_the_newest_pod_counts():
    old = pod("old", "2026-01-01T00:00:00Z", state=ended(1))
    new = pod("new", "2026-01-01T00:01:00Z", state={"running": {}})
    assert observe(job(), [new, old]).pod == "new"


def test_without_pods_the_jobs_own_end_counts():
    assert observe(job("Complete"), []).phase == "succeeded"
    assert observe(job("Complete"), []).summary is None
    failed = observe(job("Failed"), [])
    assert (failed.phase, failed.reason) == ("failed", "R: why")


def test_a_job_that_is_gone_is_not_a_failure_yet():
    assert observe(None, []).phase == "gone"


def test_a_summary_is_told_in_one_line():
    text = summary_text({"total_files_processed": 3, "total_bytes_processed": 2048, "data_added_packed": 100})
    assert text == "3 files, 2.0 KiB, 100 B added"
    assert summary_text({}) == "done"
