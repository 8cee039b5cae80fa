"""What waits for a window says until when: volumes, their run, and a mover whose window ends too early."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from migration_ops.mover import run_key
from migration_ops.ui.mover_pods import look
from migration_ops.ui.mover_watch import MoverWatch
from migration_ops.ui.movers import AtWork, MoverLine, movers_of

from .conftest import FakeAirflow

RUN = {"dag_id": "shop.stage", "dag_run_id": "manual__1"}
TASKS = "/dags/shop.stage/dagRuns/manual__1/taskInstances"
KEY = run_key("shop.stage", "manual__1")
HOUR = timedelta(hours=1)


def task(number: int, state: str, task_id: str = "stage") -> dict[str, Any]:
    return RUN | {
        "task_id": task_id,
        "map_index": number,
        "state": state,
        "rendered_map_index": f"shop/data-{number}",
    }


class Clusters:
    """Has some movers, or can't be asked."""

    def __init__(self, *pods: dict[str, Any], away: bool = False) -> None:
        self.pods, self.away = [{"pod": f"shop/{n}"} | pod for n, pod in enumerate(pods)], away
        self.movers = MoverWatch()

    async def from_cluster(self, *_: Any, **__: Any) -> Any:
        if self.away:
            raise OSError("no route")
        return self.pods


class Airflow(FakeAirflow):
    """Has tasks, and what they noted; counts how often it is asked for notes."""

    def __init__(self, tasks: list[dict[str, Any]], notes: dict[str, Any]) -> None:
        stored = [{"key": key, "value": value} for key, value in notes.items()]
        store = {"task_state_store": stored}
        names = {one["task_id"] for one in tasks}
        super().__init__(
            {TASKS: {"task_instances": tasks}} | {f"{TASKS}/{name}/state-store": store for name in names}
        )
        self.notes_asked = 0

    async def get(self, path: str, **query: Any) -> Any:
        self.notes_asked += path.endswith("state-store")
        return await super().get(path, **query)


def moving(airflow: Airflow, clusters: Clusters | None = None) -> AtWork:
    places: Any = {"source": "shop_source"}
    return asyncio.run(movers_of(airflow, clusters or Clusters(), "shop", places, [RUN], ""))  # type: ignore[arg-type]


def in_an_hour() -> str:
    return (datetime.now(UTC) + HOUR).isoformat()


def test_volumes_whose_tasks_wait_say_until_when_and_what_is_done():
    progress = {"percent_done": 0.4, "bytes_done": 40, "total_bytes": 100, "seconds_elapsed": 4}
    airflow = Airflow([task(0, "deferred")], {"waits_until": in_an_hour(), "progress": progress})
    work = moving(airflow)
    (line,) = work.lines
    assert (line.phase, line.part, line.rate) == ("waits for its window", 0.4, None)
    assert line.waits_until == work.waits[KEY] > datetime.now(UTC)


def test_of_a_thousand_volumes_that_wait_few_are_asked_and_all_say_it():
    airflow = Airflow([task(number, "deferred") for number in range(450)], {"waits_until": in_an_hour()})
    work = moving(airflow)
    assert len(work.lines) == 450
    assert all(line.waits_until for line in work.lines)
    assert airflow.notes_asked <= 3


def test_a_window_that_has_begun_is_waited_for_no_more():
    past = (datetime.now(UTC) - HOUR).isoformat()
    work = moving(Airflow([task(0, "deferred")], {"waits_until": past, "progress": {"percent_done": 0.4}}))
    assert work.waits == {}
    (line,) = work.lines
    assert (line.phase, line.waits_until, line.part) == ("", None, None)


def test_a_step_that_waits_before_there_are_volumes_makes_its_run_wait():
    work = moving(Airflow([task(-1, "deferred", "list_volumes")], {"waits_until": in_an_hour()}))
    assert list(work.waits) == [KEY]
    assert work.lines == []


def test_running_tasks_and_those_with_a_mover_are_not_asked():
    airflow = Airflow([task(0, "deferred"), task(1, "queued")], {"waits_until": in_an_hour()})
    pod = {"volume": "shop/data-0", "run": KEY, "action": "stage", "phase": "running"}
    work = moving(airflow, Clusters(pod))
    assert (airflow.notes_asked, work.waits) == (0, {})
    assert [(line.volume, line.state) for line in work.lines] == [
        ("shop/data-0", "deferred"),
        ("shop/data-1", "queued"),
    ]


def test_where_the_cluster_is_away_tasks_tell_their_progress():
    work = moving(Airflow([task(0, "running")], {"progress": {"percent_done": 0.4}}), Clusters(away=True))
    assert [(line.part, line.phase) for line in work.lines] == [(0.4, "running")]
    assert [one.where for one in work.troubles] == ["cluster shop_source"]


def test_tasks_beyond_the_bound_are_counted():
    class Crowded(Airflow):
        async def get(self, path: str, *, state: list[str], limit: int, offset: int, **_: Any) -> Any:
            total, one = (400, "success") if state == ["success"] else (2000, "queued")
            shown = [task(n, one) for n in range(offset, min(total, offset + limit))]
            return {"task_instances": shown, "total_entries": total}

    work = moving(Crowded([], {}))
    assert (len(work.lines), work.more) == (600, 1500 + 300)


@pytest.mark.parametrize(("left", "cut_off"), [(1800, True), (60, False), (None, False)])
def test_a_mover_whose_window_ends_before_it_is_done_says_so(left, cut_off):
    at = datetime.now(UTC) + timedelta(minutes=10)
    line = MoverLine(volume="shop/data", seconds_left=left, stops_at=at)
    assert line.is_cut_off is cut_off


def test_a_movers_pod_tells_when_its_window_ends_and_long_lists_of_pods_are_read_on():
    class Cluster:
        def get(self, path: str, *, query: dict[str, Any], **_: Any) -> Any:
            first = "continue" not in query
            arguments = ["backup", "/v", "--stop-at", "2026-11-23T07:23:00+00:00"] if first else ["backup"]
            pod = {
                "metadata": {"name": "p", "namespace": "shop", "labels": {}},
                "spec": {"containers": [{"name": "mover", "args": arguments}]},
                "status": {"phase": "Pending"},
            }
            return {"items": [pod], "metadata": {"continue": "more"} if first else {}}

        def each(self, work: Any, items: list[Any]) -> Any:
            return map(work, items)

    found = look(Cluster(), "shop")  # type: ignore[arg-type]
    assert [one["stops_at"] for one in found] == ["2026-11-23T07:23:00+00:00", None]


def test_figures_that_only_a_task_noted_are_told_as_such():
    progress = {"percent_done": 0.4, "bytes_done": 40, "total_bytes": 100, "seconds_elapsed": 4}
    airflow = Airflow([task(0, "running")], {"progress": progress})
    (line,) = moving(airflow, Clusters(away=True)).lines
    assert (line.part, line.reason) == (0.4, "as its task noted last: the cluster can't be asked")
