"""Airflow is asked for these plans' runs and questions alone, page by page; what is left out is counted."""

from __future__ import annotations

import asyncio
from typing import Any

from migration_ops.mover import run_key
from migration_ops.ui.airflow_runs import (
    KINDS,
    failed_backups,
    known_runs,
    newest_runs,
    open_questions,
    open_runs,
)
from migration_ops.ui.plan_now import open_in_airflow
from tests.unit.airflow.conftest import REPOSITORY

from .conftest import FakeAirflow


class Airflow:
    """Answers like Airflow: by prefixes of DAG ids, a page at a time, never more than it allows at once."""

    def __init__(self, dag_ids: list[str], allowed: int = 100) -> None:
        self.dag_ids, self.allowed, self.asked = dag_ids, allowed, []

    async def get(
        self, path: str, *, limit: int = 0, offset: int = 0, dag_id_prefix_pattern: str = "", **_: Any
    ) -> Any:
        if path == "/monitor/health":
            return {}
        self.asked.append(dag_id_prefix_pattern)
        mine = [one for one in self.dag_ids if one.startswith(tuple(dag_id_prefix_pattern.split("|")))]
        shown = mine[offset : offset + min(limit, self.allowed)]
        name = "hitl_details" if path.endswith("hitlDetails") else "dag_runs"
        wrapped = [{"task_instance": {"dag_id": one}} for one in shown]
        runs = wrapped if name == "hitl_details" else [{"dag_id": one} for one in shown]
        return {name: runs, "total_entries": len(mine)}


def test_every_dag_of_a_plan_has_a_word_for_its_kind():
    assert set(KINDS) == {file.stem for file in (REPOSITORY / "dags").glob("*.py")} - {"plans"}


def test_other_teams_runs_and_questions_hide_none_of_ours():
    airflow = Airflow(["etl.backup"] * 900 + ["shop.backup", "shop.backups-of-others", "shop.cutover"])
    assert [one["dag_id"] for one in asyncio.run(open_runs(airflow, ["shop"])).items] == [
        "shop.backup",
        "shop.cutover",
    ]
    found = asyncio.run(open_questions(airflow, ["shop"])).items
    assert [one["task_instance"]["dag_id"] for one in found] == ["shop.backup", "shop.cutover"]


def test_long_lists_are_read_page_by_page_also_where_airflow_gives_less_than_was_asked_for():
    airflow = Airflow(["shop.backup"] * 250, allowed=40)
    found = asyncio.run(open_runs(airflow, ["shop"]))
    assert (len(found.items), found.more) == (250, 0)


def test_what_lies_beyond_the_bound_is_counted_and_said():
    airflow = Airflow(["shop.backup"] * 730)
    found = asyncio.run(newest_runs(airflow, "shop", 300))
    assert (len(found.items), found.more) == (300, 430)
    troubles: list[Any] = []
    asyncio.run(open_in_airflow(airflow, ["shop"], troubles))  # type: ignore[arg-type]
    assert [one.message for one in troubles] == [
        "has 230 more open questions than are shown here",
        "has 230 more runs that aren't over than are shown here",
    ]


def test_many_plans_are_asked_for_some_at_a_time():
    plans = [f"p{number:02}" for number in range(50)]
    airflow = Airflow([f"{plan}.backup" for plan in plans])
    assert len(asyncio.run(open_runs(airflow, plans)).items) == 50
    assert len(airflow.asked) == 3
    assert len(asyncio.run(open_runs(airflow, [])).items) == 0


def test_backups_that_failed_are_asked_for_at_once_and_only_theirs_one_by_one():
    class Failing(Airflow):
        async def get(self, path: str, **_: Any) -> Any:
            self.asked.append(path)
            plan = path.split("/")[2].partition(".")[0]
            runs = {"~": ["a", "b"], "a": ["a"], "b": ["b"]}[plan]
            state = "success" if plan == "b" else "failed"
            return {"dag_runs": [{"dag_id": f"{one}.backup", "state": state} for one in runs]}

    airflow = Failing([])
    assert list(asyncio.run(failed_backups(airflow, ["a", "b", "c"]))) == ["a"]
    assert airflow.asked == ["/dags/~/dagRuns", "/dags/a.backup/dagRuns", "/dags/b.backup/dagRuns"]


def test_a_run_is_known_by_its_name_in_the_vault():
    run = {
        "dag_id": "shop.stage",
        "dag_run_id": "manual__1",
        "state": "success",
        "run_after": "2026-11-22T11:59:00Z",
        "start_date": "2026-11-22T12:00:00Z",
        "end_date": "2026-11-22T12:01:00Z",
    }
    waits = {"dag_run_id": "q", "state": "queued", "start_date": None, "end_date": None}
    found = known_runs([run, run | waits], "/air")
    one, queued = found[run_key("shop.stage", "manual__1")], found[run_key("shop.stage", "q")]
    assert (one.kind, one.url) == ("staging", "/air/dags/shop.stage/runs/manual__1")
    assert one.ended is not None
    assert (one.ended - one.began).total_seconds() == 60
    assert (queued.ended, queued.began < one.began) == (None, True)
    assert (one.queued, queued.queued) == (False, True)


def test_an_airflow_that_is_away_is_said_once():
    troubles: list[Any] = []
    airflow = FakeAirflow()
    airflow.answers.clear()
    asyncio.run(open_in_airflow(airflow, ["shop"], troubles))  # type: ignore[arg-type]
    assert {one.where for one in troubles} == {"Airflow"}
