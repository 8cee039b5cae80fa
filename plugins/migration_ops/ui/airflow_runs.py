"""What Airflow knows of the plans' runs and questions, asked by the DAG ids of these plans alone.

An Airflow is shared: lists of all DAGs would hold other teams' runs, and hide ours behind them. Lists are
read page by page, up to a bound; what lies beyond it is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from migration_ops.mover import run_key
from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError, segment

KINDS: Mapping[str, str] = {
    "backup": "backup",
    "connect": "connect",
    "cutover": "cutover",
    "maintain": "upkeep",
    "register": "register",
    "rehearse": "rehearsal",
    "restore": "restore",
    "rollback": "rollback",
    "stage": "staging",
}
"""What a plan's DAGs do, by the end of their ids."""

PAGE = 100
"""Airflow gives no more at once, unless it is configured otherwise."""

_PLANS_AT_ONCE = 20
_MOST_OPEN = 500
_MOST_PAUSES = 20


@dataclass(frozen=True)
class Found:
    """A list of Airflow's, as far as it was read.

    :param more: how many there are beyond that.
    :param known: whether Airflow has answered at all.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    more: int = 0
    known: bool = True


@dataclass(frozen=True)
class KnownRun:
    """A run that Airflow knows.

    :param kind: what it does, in the pages' words.
    :param began: when Airflow began it, or began it again after it was cleared; when it is due, if it waits
        in the queue.
    :param url: where it is in Airflow.
    :param queued: whether it hasn't begun.
    :param paused: whether it doesn't begin, as its DAG is paused.
    """

    kind: str
    state: str
    began: datetime
    ended: datetime | None
    url: str
    queued: bool = False
    paused: bool = False


async def open_questions(airflow: AirflowApi, plans: Sequence[str]) -> Found:
    """The questions of some plans that wait for an answer, the newest first.

    :raises AirflowAwayError: if Airflow doesn't say.
    """
    asked = {"response_received": False, "state": "awaiting_input", "order_by": "-created_at"}
    found = await _of_plans(airflow, "/dags/~/dagRuns/~/hitlDetails", "hitl_details", plans, asked)
    mine = _ids(plans)
    return Found([one for one in found.items if one["task_instance"]["dag_id"] in mine], found.more)


async def open_runs(airflow: AirflowApi, plans: Sequence[str]) -> Found:
    """The runs of some plans that aren't over, the newest first.

    :raises AirflowAwayError: if Airflow doesn't say.
    """
    asked = {"state": ["running", "queued"], "order_by": "-run_after"}
    found = await _of_plans(airflow, "/dags/~/dagRuns", "dag_runs", plans, asked)
    mine = [one for one in found.items if one["dag_id"] in _ids(plans)]
    return Found(await _with_pauses(airflow, mine), found.more)


async def _with_pauses(airflow: AirflowApi, runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs, with `dag_is_paused` of those that wait in the queue; a few DAGs are asked for it."""
    queued = sorted({one["dag_id"] for one in runs if one.get("state") == "queued"})[:_MOST_PAUSES]

    async def is_paused(dag_id: str) -> bool:
        try:
            return bool((await airflow.get(f"/dags/{segment(dag_id)}")).get("is_paused"))
        except AirflowAwayError:
            return False

    said = dict(zip(queued, await asyncio.gather(*map(is_paused, queued)), strict=True))
    return [
        one | {"dag_is_paused": one.get("state") == "queued" and said.get(one["dag_id"], False)}
        for one in runs
    ]


async def newest_runs(airflow: AirflowApi, plan: str, most: int = PAGE) -> Found:
    """The newest runs of a plan's DAGs.

    :param most: at most about so many.
    :raises AirflowAwayError: if Airflow doesn't say.
    """
    asked = {"order_by": "-run_after", "dag_id_prefix_pattern": "|".join(sorted(_ids([plan])))}
    found = await read_list(airflow, "/dags/~/dagRuns", "dag_runs", asked, most)
    mine = [one for one in found.items if one["dag_id"] in _ids([plan])]
    return Found(await _with_pauses(airflow, mine), found.more)


async def failed_backups(airflow: AirflowApi, plans: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By plan, its newest backup if that one failed: no later one has succeeded, and none is at work.

    Nobody waits for what hasn't failed: plans are asked for one by one only if they have a failed backup, or
    if there are more failed ones than Airflow gives at once.

    :raises AirflowAwayError: if Airflow doesn't say.
    """

    async def part(names: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        pattern = "|".join(sorted(backup_of(name) for name in names))
        asked = {"state": ["failed"], "order_by": "-run_after", "dag_id_prefix_pattern": pattern}
        found = await read_list(airflow, "/dags/~/dagRuns", "dag_runs", asked, PAGE)
        failed = {one["dag_id"] for one in found.items if one.get("state") == "failed"}
        doubtful = [name for name in names if found.more or backup_of(name) in failed]
        newest = await asyncio.gather(*(_newest_backup(airflow, name) for name in doubtful))
        return [(name, one) for name, one in zip(doubtful, newest, strict=True) if one]

    names = sorted(plans)
    starts = range(0, len(names), _PLANS_AT_ONCE)
    parts = await asyncio.gather(*(part(names[at : at + _PLANS_AT_ONCE]) for at in starts))
    return {name: run for each in parts for name, run in each if run["state"] == "failed"}


async def _newest_backup(airflow: AirflowApi, plan: str) -> dict[str, Any] | None:
    """The newest backup that has ended or is at work; one that only waits in the queue says nothing yet."""
    states = ["failed", "success", "running"]
    path = f"/dags/{segment(backup_of(plan))}/dagRuns"
    found = await read_list(airflow, path, "dag_runs", {"state": states, "order_by": "-run_after"}, 1)
    return next((one for one in found.items if one["state"] in states), None)


def backup_of(plan: str) -> str:
    """The DAG that backs a plan up."""
    return f"{plan}.backup"


async def read_list(
    airflow: AirflowApi, path: str, member: str, query: Mapping[str, Any], most: int
) -> Found:
    """A list, page by page.

    :param member: which of the answer's members has the list.
    :raises AirflowAwayError: if Airflow doesn't say.
    """
    items: list[dict[str, Any]] = []
    total = 1
    while len(items) < min(total, most):
        answer = await airflow.get(path, limit=min(PAGE, most - len(items)), offset=len(items), **query)
        items += answer[member]
        total = answer.get("total_entries", len(items)) if answer[member] else len(items)
    return Found(items, max(0, total - len(items)))


async def _of_plans(
    airflow: AirflowApi, path: str, member: str, plans: Sequence[str], query: Mapping[str, Any]
) -> Found:
    """Ask for some plans at a time: each DAG id is a condition of its own in Airflow's database."""

    async def part(names: Sequence[str]) -> Found:
        wanted = {**query, "dag_id_prefix_pattern": "|".join(sorted(_ids(names)))}
        return await read_list(airflow, path, member, wanted, _MOST_OPEN)

    names = sorted(plans)
    starts = range(0, len(names), _PLANS_AT_ONCE)
    parts = await asyncio.gather(*(part(names[at : at + _PLANS_AT_ONCE]) for at in starts))
    return Found([one for each in parts for one in each.items], sum(each.more for each in parts))


def _ids(plans: Sequence[str]) -> set[str]:
    return {f"{plan}.{kind}" for plan in plans for kind in KINDS}


def known_runs(runs: Sequence[Mapping[str, Any]], root: str) -> dict[str, KnownRun]:
    """By a run's name in the vault, what Airflow says of it.

    :param runs: as Airflow's API gives them.
    :param root: where Airflow's UI begins.
    """
    found = {}
    for run in runs:
        began = run.get("start_date") or run.get("run_after")
        if began is None:
            continue
        found[run_key(run["dag_id"], run["dag_run_id"])] = KnownRun(
            kind=KINDS.get(run["dag_id"].rpartition(".")[2], "run"),
            state=str(run["state"]),
            began=moment(began),
            ended=moment(run["end_date"]) if run.get("end_date") else None,
            url=run_url(root, run["dag_id"], run["dag_run_id"]),
            queued=str(run["state"]) == "queued",
            paused=bool(run.get("dag_is_paused")),
        )
    return found


def run_url(root: str, dag_id: str, run_id: str) -> str:
    """Where a run is in Airflow."""
    return f"{root}/dags/{segment(dag_id)}/runs/{segment(run_id)}"


def moment(text: str) -> datetime:
    """A time as Airflow's API gives it."""
    return datetime.fromisoformat(text)
