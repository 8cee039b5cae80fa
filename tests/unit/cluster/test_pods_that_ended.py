"""When a pod stops holding its volumes: as soon as nothing in it can write any more."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.cluster.podspec import holds_volumes

RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
TERMINATED: dict[str, Any] = {"terminated": {"exitCode": 0}}
CREATING: dict[str, Any] = {"waiting": {"reason": "ContainerCreating"}}
NOT_FOUND: dict[str, Any] = {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}}


def pod(
    *states: dict[str, Any], deleted: bool = True, phase: str = "Running", **status: Any
) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "db-0"}
    return {
        "metadata": metadata | ({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}),
        "spec": {"containers": [{"name": "main"}, {"name": "side"}]},
        "status": {"phase": phase, "containerStatuses": [{"state": state} for state in states], **status},
    }


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_ended_holds_nothing(phase: str) -> None:
    assert not holds_volumes(pod(TERMINATED, TERMINATED, deleted=False, phase=phase))


def test_a_deleted_pod_whose_containers_ended_holds_nothing() -> None:
    assert not holds_volumes(pod(TERMINATED, TERMINATED))


@pytest.mark.parametrize(
    ("state", "before", "holds"),
    [
        (CREATING, NOT_FOUND, False),
        (CREATING, {}, True),
        (CREATING, {"terminated": {"exitCode": 1, "reason": "Error"}}, True),
        (RUNNING, NOT_FOUND, True),
    ],
)
def test_of_a_deleted_pod_the_kubelet_may_say_that_the_runtime_has_no_such_container(
    state: dict[str, Any], before: dict[str, Any], holds: bool
) -> None:
    containers = [{"state": state, "lastState": before}] * 2
    assert holds_volumes(pod(containerStatuses=containers)) is holds


def test_a_deleted_pod_holds_its_volumes_while_one_container_runs() -> None:
    assert holds_volumes(pod(TERMINATED, RUNNING))


def test_a_deleted_pod_holds_its_volumes_while_a_native_sidecar_runs() -> None:
    assert holds_volumes(pod(TERMINATED, TERMINATED, initContainerStatuses=[{"state": RUNNING}]))


def test_a_deleted_pod_that_does_not_tell_of_all_its_containers_may_hold_volumes() -> None:
    assert holds_volumes(pod(TERMINATED))
    assert holds_volumes(pod())


def test_a_pod_that_is_not_deleted_may_start_its_containers_again() -> None:
    assert holds_volumes(pod(TERMINATED, TERMINATED, deleted=False))
