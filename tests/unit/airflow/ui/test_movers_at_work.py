"""What a plan's page knows of movers: their pods' words, and that some stand by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from migration_ops.ui.mover_pods import look

PROGRESS = {"message_type": "status", "percent_done": 0.5, "bytes_done": 5}


class Cluster:
    """Answers for one mover's pod and its log."""

    def __init__(self, arguments: list[str], log: list[dict[str, Any]]) -> None:
        self.arguments, self.log = arguments, log

    def get(self, path: str, **_options: Any) -> Any:
        if path.endswith("/log"):
            return "\n".join([*map(json.dumps, self.log), ""])
        volume = {"persistentVolumeClaim": {"claimName": "data"}}
        state = {"running": {"startedAt": "2026-11-23T00:00:00Z"}}
        pod = {
            "metadata": {"name": "p", "namespace": "shop", "labels": {"migration-ops.io/action": "final"}},
            "spec": {"containers": [{"name": "mover", "args": self.arguments}], "volumes": [volume]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "mover", "state": state}]},
        }
        return {"items": [pod]}

    def each(self, work: Any, items: list[Any]) -> Any:
        return map(work, items)


@pytest.mark.parametrize(
    ("arguments", "log", "reason"),
    [
        (["standby", "/tmp/order"], [], "stands by for its order"),
        (["standby", "/tmp/order"], [PROGRESS], ""),
        (["backup", "/volumes/shop/data"], [], ""),
    ],
)
def test_a_mover_stands_by_until_it_tells_of_its_work(
    arguments: list[str], log: list[dict[str, Any]], reason: str
) -> None:
    (found,) = look(Cluster(arguments, log), "shop")  # type: ignore[arg-type]
    assert (found["volume"], found["phase"], found["reason"]) == ("shop/data", "running", reason)
    assert found.get("percent_done") == (PROGRESS["percent_done"] if log else None)


def test_of_a_crowd_of_movers_those_whose_logs_are_not_read_say_so() -> None:
    class Crowd(Cluster):
        def get(self, path: str, **options: Any) -> Any:
            found = super().get(path, **options)
            return found if path.endswith("/log") else {"items": found["items"] * 60}

    found = look(Crowd(["backup"], [PROGRESS]), "shop")  # type: ignore[arg-type]
    assert [bool(one["reason"]) for one in found] == [False] * 40 + [True] * 20
    assert found[-1]["reason"] == "no figures: the logs of 40 movers are read at a time"
