"""What a plan's page knows of movers: their pods' words, and that some stand by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from migration_ops.cluster.errors import ClusterUnreachable
from migration_ops.ui.mover_pods import look
from migration_ops.ui.mover_watch import MoverWatch

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


def test_one_log_that_cannot_be_read_takes_no_figures_from_the_others() -> None:
    class Halved(Cluster):
        def get(self, path: str, **options: Any) -> Any:
            if path == "/api/v1/namespaces/shop/pods/q/log":
                raise ClusterUnreachable("no answer")
            found = super().get(path, **options)
            if not path.endswith("/log"):
                other = found["items"][0] | {"metadata": found["items"][0]["metadata"] | {"name": "q"}}
                found["items"].append(other)
            return found

    first, second = look(Halved(["backup"], [PROGRESS]), "shop")  # type: ignore[arg-type]
    assert (first["percent_done"], first["reason"]) == (0.5, "")
    assert ("percent_done" in second, second["reason"]) == (False, "its log can't be read now")


def said(done: int, **more: Any) -> dict[str, Any]:
    figures = {"percent_done": done / 100, "bytes_done": done, "total_bytes": 100}
    return {"reason": "", "seconds_elapsed": 5, "seconds_remaining": 7} | figures | more


def test_a_mover_that_stands_still_says_so_instead_of_a_speed() -> None:
    watch = MoverWatch()
    assert watch.watched("m", said(40), now=0) == watch.watched("m", said(40), now=14) == said(40)
    still = watch.watched("m", said(40, seconds_elapsed=37), now=32)
    assert still["reason"] == "no progress for 32 s"
    assert (still["percent_done"], "seconds_elapsed" in still, "seconds_remaining" in still) == (
        0.4,
        False,
        False,
    )
    assert watch.watched("m", said(41), now=33) == said(41)


def test_a_mover_that_has_read_all_and_still_sends_does_not_stand_still() -> None:
    watch = MoverWatch()
    watch.watched("m", said(100), now=0)
    assert watch.watched("m", said(100), now=60)["reason"] == ""


def test_a_bar_stays_where_it_was_while_the_log_cannot_be_read() -> None:
    watch, mute = MoverWatch(), {"reason": "its log can't be read now"}
    assert watch.watched("m", mute, now=0) == mute
    watch.watched("m", said(40), now=1)
    found = watch.watched("m", mute, now=31)
    assert (found["percent_done"], found["bytes_done"]) == (0.4, 40)
    assert found["reason"] == "no progress for 30 s; its log can't be read now"
