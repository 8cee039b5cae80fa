"""Movers at work: what they say themselves at this moment, and the task in Airflow that waits for each.

The cluster has the pods by their labels, their nodes, and the newest line of each log, a second old. Airflow
has the tasks. Where a cluster can't be asked, what its tasks noted last in their state store must do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from migration_ops.mover import run_key
from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError, segment
from migration_ops.ui.airflow_runs import moment, read_list, run_url
from migration_ops.ui.mover_pods import look
from migration_ops.ui.plan_state import Record
from migration_ops.ui.trouble import Trouble, trouble

if TYPE_CHECKING:
    from migration_ops.ui.sources import Sources

Side = Literal["source", "target"]

_SIDES: tuple[Side, ...] = ("source", "target")
_SOURCE_ACTIONS = frozenset({"backup", "final", "prune", "check"})
_MOST_TASKS, _MOST_DONE = 500, 100
_MOST_NOTES, _NOTES_OF_ONE_WAIT = 40, 2
_FRESH = 1.5
_AT_WORK = frozenset({"running", "deferred"})
_OPEN = _AT_WORK | {"queued", "scheduled", "up_for_retry", "failed"}

_NOTED = "as its task noted last: the cluster can't be asked"

WAITS = "waits for its window"


class MoverLine(Record):
    """One mover, or a volume's task that has none just now.

    :param volume: `NAMESPACE/CLAIM` in its cluster, or what else the mover is about.
    :param action: what the mover does: `backup`, `stage`, `restore`, ...
    :param state: the task's in Airflow.
    :param phase: the mover's: `waiting`, `running`, ...
    :param part: what is done, between 0 and 1.
    :param rate: bytes per second.
    :param seconds_left: as the mover expects it.
    :param waits_until: when its next window begins, if it waits for that.
    :param stops_at: when its window ends and it stops, if it works in one.
    :param url: the task in Airflow, with its log.
    """

    volume: str
    side: Side | Literal[""] = ""
    action: str = ""
    task_id: str = ""
    state: str = ""
    phase: str = ""
    reason: str = ""
    part: float | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    files_done: int | None = None
    rate: float | None = None
    seconds_left: float | None = None
    waits_until: datetime | None = None
    stops_at: datetime | None = None
    node: str = ""
    url: str = ""

    @property
    def is_cut_off(self) -> bool:
        """Whether its window ends before it is done, as far as that can be told."""
        if self.stops_at is None or self.seconds_left is None:
            return False
        return datetime.now(UTC) + timedelta(seconds=self.seconds_left) > self.stops_at


@dataclass(frozen=True)
class AtWork:
    """What moves, or waits to.

    :param waits: by run, until when one of its tasks waits for a window.
    :param more: tasks that aren't among the lines.
    """

    lines: list[MoverLine] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    waits: dict[str, datetime] = field(default_factory=dict)
    more: int = 0


async def movers_of(
    airflow: AirflowApi,
    sources: Sources,
    plan: str,
    conn_ids: Mapping[Side, str],
    runs: Sequence[Mapping[str, Any]],
    root: str,
) -> AtWork:
    """The movers of a plan's runs that aren't over, with their progress.

    :param conn_ids: the plan's clusters.
    :param runs: as Airflow's API gives them; without any there are no movers, and nobody is asked.
    :param root: where Airflow's UI begins.
    :raises AirflowAwayError: if Airflow doesn't say which tasks the runs have.
    """
    if not runs:
        return AtWork()
    told_tasks = await asyncio.gather(*(_tasks(airflow, run) for run in runs))
    tasks = [task for each, _ in told_tasks for task in each]
    more = sum(left for _, left in told_tasks)
    seen, troubles = await _in_clusters(sources, plan, conn_ids)
    lines: list[MoverLine] = []
    told: set[int] = set()
    for one in seen:
        number = _waits_for(tasks, one)
        lines.append(_line(one, tasks[number] if number is not None else None, root))
        if number is not None:
            told.add(number)
    rest = [task for number, task in enumerate(tasks) if number not in told]
    notes, waits = await _notes(airflow, rest, bool(troubles))
    for task, note in zip(rest, notes, strict=True):
        if task["map_index"] >= 0 or "percent_done" in note:
            lines.append(_line(note, task, root))
    return AtWork(lines, list(troubles.values()), waits, more)


async def silent_clusters(sources: Sources, plan: str, conn_ids: Mapping[Side, str]) -> list[Trouble]:
    """Which of a plan's clusters don't answer, asked as for movers though there are none.

    :param conn_ids: the plan's clusters.
    """
    return list((await _in_clusters(sources, plan, conn_ids))[1].values())


async def _tasks(airflow: AirflowApi, run: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """The tasks of a run that aren't over, and some that are; and how many there are beyond these."""
    path = f"/dags/{segment(run['dag_id'])}/dagRuns/{segment(run['dag_run_id'])}/taskInstances"
    opened, done = await asyncio.gather(
        read_list(airflow, path, "task_instances", {"state": sorted(_OPEN)}, _MOST_TASKS),
        read_list(airflow, path, "task_instances", {"state": ["success"]}, _MOST_DONE),
    )
    tasks = [
        one
        for one in opened.items
        if one["state"] in _OPEN and (one["map_index"] >= 0 or one["state"] in _AT_WORK)
    ]
    tasks += [one for one in done.items if one["state"] == "success" and one["map_index"] >= 0]
    return tasks, opened.more + done.more


async def _in_clusters(
    sources: Sources, plan: str, conn_ids: Mapping[Side, str]
) -> tuple[list[dict[str, Any]], dict[str, Trouble]]:
    troubles: dict[str, Trouble] = {}
    found: list[dict[str, Any]] = []
    for conn_id in sorted({conn_id for conn_id in conn_ids.values() if conn_id}):
        sides = [side for side in _SIDES if conn_ids.get(side) == conn_id]
        try:
            seen = await sources.from_cluster(
                conn_id, ("movers", plan), lambda cluster: look(cluster, plan), fresh=_FRESH
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said on the page
            troubles[conn_id] = trouble(f"cluster {conn_id}", error)
            continue
        for one in seen:
            by_action = "source" if one["action"] in _SOURCE_ACTIONS else "target"
            said = sources.movers.watched((conn_id, one["run"], one["pod"]), one)
            found.append(said | {"side": sides[0] if len(sides) == 1 else by_action})
    return found, troubles


def _waits_for(tasks: Sequence[Mapping[str, Any]], mover: Mapping[str, Any]) -> int | None:
    """The task that waits for a mover: the volume's own, or the one of its run that moves them all."""
    mine = [
        number
        for number, task in enumerate(tasks)
        if task["state"] in _AT_WORK and run_key(task["dag_id"], task["dag_run_id"]) == mover["run"]
    ]
    own = [n for n in mine if tasks[n].get("rendered_map_index") == mover["volume"]]
    whole = [n for n in mine if tasks[n]["map_index"] < 0]
    return next(iter(own or whole or mine), None)


async def _notes(
    airflow: AirflowApi, tasks: Sequence[Mapping[str, Any]], unseen: bool
) -> tuple[list[dict[str, Any]], dict[str, datetime]]:
    """What tasks without a mover noted: their progress where no cluster tells it, and until when they wait.

    Of tasks that wait for a window only a few are asked: all of one step wait for the same.

    :param unseen: whether a cluster couldn't be asked.
    """
    asked: dict[int, None] = {}
    for number, task in enumerate(tasks):
        alike = sum(_step(tasks[other]) == _step(task) for other in asked)
        waits = task["state"] == "deferred" and alike < _NOTES_OF_ONE_WAIT
        if len(asked) < _MOST_NOTES and (waits or (unseen and task["state"] in _AT_WORK)):
            asked[number] = None
    said = dict(zip(asked, await asyncio.gather(*(_note(airflow, tasks[n]) for n in asked)), strict=True))
    windows = {_step(tasks[n]): note["waits_until"] for n, note in said.items() if "waits_until" in note}
    notes = []
    for number, task in enumerate(tasks):
        note = said.get(number, {})
        if task["state"] == "deferred" and _step(task) in windows:
            notes.append(note | {"waits_until": windows[_step(task)]})
        else:
            notes.append(note | {"reason": _NOTED} if unseen and note else {})
    return notes, {run_key(dag_id, run_id): until for (dag_id, run_id, _), until in windows.items()}


def _step(task: Mapping[str, Any]) -> tuple[str, str, str]:
    return task["dag_id"], task["dag_run_id"], task["task_id"]


async def _note(airflow: AirflowApi, task: Mapping[str, Any]) -> dict[str, Any]:
    """What a task noted in its state store; an old word on a window counts no more."""
    path = f"/dags/{segment(task['dag_id'])}/dagRuns/{segment(task['dag_run_id'])}"
    path += f"/taskInstances/{segment(task['task_id'])}/state-store"
    try:
        answer = await airflow.get(path, map_index=task["map_index"])
    except AirflowAwayError:
        return {}
    said = {one["key"]: one["value"] for one in answer.get("task_state_store") or []}
    found: dict[str, Any] = {}
    if isinstance(said.get("progress"), dict) and "percent_done" in said["progress"]:
        found = {**said["progress"], "phase": "running"}
    if isinstance(said.get("waits_until"), str) and (until := moment(said["waits_until"])) > datetime.now(
        UTC
    ):
        found["waits_until"] = until
    return found


def _line(said: Mapping[str, Any], task: Mapping[str, Any] | None, root: str) -> MoverLine:
    waits = "waits_until" in said
    done, elapsed = said.get("bytes_done"), said.get("seconds_elapsed")
    at: dict[str, Any] = {}
    if task is not None:
        url = run_url(root, task["dag_id"], task["dag_run_id"]) + f"/tasks/{segment(task['task_id'])}"
        mapped = f"/mapped/{task['map_index']}" if task["map_index"] >= 0 else ""
        at = {"task_id": task["task_id"], "state": task["state"], "url": url + mapped}
    side: Any = said.get("side") or (
        "target" if at.get("task_id", "").endswith(("stage", "restore")) else "source"
    )
    return MoverLine(
        volume=str(said.get("volume") or (task or {}).get("rendered_map_index") or at.get("task_id", "")),
        side=side,
        action=str(said.get("action") or ""),
        phase=WAITS if waits else str(said.get("phase") or ""),
        reason=str(said.get("reason") or "")[:300],
        node=str(said.get("node") or ""),
        part=min(1.0, max(0.0, float(said["percent_done"]))) if "percent_done" in said else None,
        bytes_done=done,
        bytes_total=said.get("total_bytes"),
        files_done=said.get("files_done"),
        rate=done / elapsed if done and elapsed and not waits else None,
        seconds_left=None if waits else said.get("seconds_remaining") or None,
        waits_until=said.get("waits_until"),
        stops_at=said.get("stops_at"),
        **at,
    )
