"""A mover's own word that all went well is known before its pod's end is; its pod's end tells the rest."""

import json

import pytest
from kubernetes.client.exceptions import ApiException

from migration_ops.mover import watching
from migration_ops.mover.submission import Submission
from migration_ops.mover.watching import look

MOVER = Submission("shop", "mover-x", "uid-1", adopted=False)
RUNNING = {
    "metadata": {"name": "mover-x-1", "labels": {"controller-uid": "uid-1"}, "creationTimestamp": "2026"},
    "spec": {"nodeName": "n1"},
    "status": {
        "phase": "Running",
        "containerStatuses": [{"name": "mover", "state": {"running": {"startedAt": "now"}}}],
    },
}
SUMMARY = {"message_type": "summary", "snapshot_id": "5" * 64, "errors": 0}


@pytest.fixture
def says(monkeypatch):
    """What the mover's log ends with; its pod is seen to run."""
    lines = []

    class Core:
        def __init__(self, _api):
            pass

        def read_namespaced_pod_log(self, pod, namespace, **_options):
            assert (pod, namespace) == ("mover-x-1", "shop")
            if lines and isinstance(lines[0], Exception):
                raise lines[0]
            return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)

    monkeypatch.setattr(watching.client, "CoreV1Api", Core)
    monkeypatch.setattr(watching, "_pods", lambda *_: [RUNNING])
    return lines


def seen(*, listen=True):
    return look(None, {"shop/data": MOVER}, listen=listen)["shop/data"]


def test_a_summary_without_errors_is_the_end(says):
    says += [{"message_type": "status", "percent_done": 1.0}, SUMMARY]
    found = seen()
    assert (found.phase, found.exit_code, found.node, found.summary) == ("succeeded", 0, "n1", SUMMARY)


@pytest.mark.parametrize(
    "last",
    [
        {"message_type": "status", "percent_done": 1.0},
        SUMMARY | {"errors": 2},
        SUMMARY | {"differences": 1},
        {"message_type": "exit_error", "message": "no such snapshot"},
        '{"message_type": "summary", "snapshot_id": "55',
        "Traceback (most recent call last):",
    ],
)
def test_whatever_else_it_says_it_runs_until_its_pod_ends(says, last):
    says.append(last)
    assert seen().phase == "running"


def test_a_log_that_cannot_be_read_says_nothing(says):
    says.append(ApiException(status=500))
    assert seen().phase == "running"


def test_nobody_listens_unless_asked(says):
    says.append(SUMMARY)
    assert seen(listen=False).phase == "running"
