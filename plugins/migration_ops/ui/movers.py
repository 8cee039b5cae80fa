"""Movers at work: what they say themselves at this moment, and the task in Airflow that waits for each.

The cluster has the pods by their labels, their nodes, and the newest line of each log, a second old. Airflow
has the tasks. Where a cluster can't be asked, what its tasks noted last in their state store must do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from migration_ops.mover import observe, read_messages, run_key
from migration_ops.mover.command import STANDBY
from migration_ops.mover.job import CONTAINER
from migration_ops.mover.names import ACTION_LABEL, MOVER_LABEL, PLAN_LABEL, RUN_LABEL
from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError, segment
from migration_ops.ui.plan_state import Record
from migration_ops.ui.trouble import Trouble, trouble

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.ui.sources import Sources

Side = Literal["source", "target"]

_SIDES: tuple[Side, ...] = ("source", "target")
_SOURCE_ACTIONS = frozenset({"backup", "final", "prune", "check"})
_MOST_TASKS, _MOST_LOGS = 200, 40
_FRESH = 1.5
_REQUEST_SECONDS = 3.0
_AT_WORK = frozenset({"running", "deferred"})
_OPEN = _AT_WORK | {"queued", "scheduled", "up_for_retry", "failed", "success"}


class MoverLine(Record):
    """One mover, or a volume's task that has none just now.

    :param volume: `NAMESPACE/CLAIM` in its cluster, or what else the mover is about.
    :param action: what the mover does: `backup`, `stage`, `restore`, ...
    :param state: the task's in Airflow.
    :param phase: the mover's: `waiting`, `running`, ...
    :param part: what is done, between 0 and 1.
    :param rate: bytes per second.
    :param seconds_left: as the mover expects it.
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
    node: str = ""
    url: str = ""


async def movers_of(
    airflow: AirflowApi,
    sources: Sources,
    plan: str,
    conn_ids: Mapping[Side, str],
    runs: Sequence[Mapping[str, Any]],
    root: str,
) -> tuple[list[MoverLine], list[Trouble]]:
    """The movers of a plan's runs that aren't over, with their progress.

    :param conn_ids: the plan's clusters.
    :param runs: as Airflow's API gives them; without any there are no movers, and nobody is asked.
    :param root: where Airflow's UI begins.
    :raises AirflowAwayError: if Airflow doesn't say which tasks the runs have.
    """
    if not runs:
        return [], []
    tasks = [task for run in runs for task in await _tasks(airflow, run)]
    seen, troubles = await _in_clusters(sources, plan, conn_ids)
    lines: list[MoverLine] = []
    told: set[int] = set()
    for one in seen:
        number = _waits_for(tasks, one)
        lines.append(_line(one, tasks[number] if number is not None else None, root))
        if number is not None:
            told.add(number)
    rest = [task for n, task in enumerate(tasks) if n not in told and (task["map_index"] >= 0 or troubles)]
    notes = await asyncio.gather(*(_note(airflow, task, troubles) for task in rest))
    for task, note in zip(rest, notes, strict=True):
        if task["map_index"] >= 0 or note:
            lines.append(_line(note, task, root))
    return lines, list(troubles.values())


async def _tasks(airflow: AirflowApi, run: Mapping[str, Any]) -> list[dict[str, Any]]:
    path = f"/dags/{segment(run['dag_id'])}/dagRuns/{segment(run['dag_run_id'])}/taskInstances"
    found = await airflow.get(path, limit=_MOST_TASKS)
    return [
        one
        for one in found["task_instances"]
        if one["state"] in _OPEN and (one["map_index"] >= 0 or one["state"] in _AT_WORK)
    ]


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
            found.append(one | {"side": sides[0] if len(sides) == 1 else by_action})
    return found, troubles


def look(cluster: Cluster, plan: str) -> list[dict[str, Any]]:
    """Ask a cluster for the movers of a plan that wait or run, and for what they said last."""
    quick: dict[str, Any] = {"retry_seconds": 0.0, "timeout_seconds": _REQUEST_SECONDS}
    selector = f"{MOVER_LABEL}=true,{PLAN_LABEL}={plan}"
    pods = cluster.get("/api/v1/pods", query={"labelSelector": selector, "limit": 500}, **quick)["items"]
    found: list[dict[str, Any]] = []
    running: list[tuple[dict[str, Any], str]] = []
    for pod in pods:
        seen, labels = observe(None, [pod]), pod["metadata"].get("labels") or {}
        if seen.phase not in {"waiting", "running"}:
            continue
        namespace = pod["metadata"]["namespace"]
        one: dict[str, Any] = {
            "volume": f"{namespace}/{_claim(pod)}" if _claim(pod) else labels.get(ACTION_LABEL, "mover"),
            "run": labels.get(RUN_LABEL, ""),
            "action": labels.get(ACTION_LABEL, ""),
            "phase": seen.phase,
            "reason": seen.reason,
            "node": seen.node or "",
            "stands_by": _stands_by(pod),
        }
        found.append(one)
        if seen.phase == "running" and len(running) < _MOST_LOGS:
            running.append((one, f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/log"))

    def ask(path: str) -> dict[str, Any]:
        said = cluster.get(path, query={"container": CONTAINER, "tailLines": 20}, accept="*/*", **quick)
        # A log of one line is JSON as a whole, and comes parsed.
        return said if isinstance(said, dict) else read_messages(said.splitlines()).progress or {}

    for (one, _), said in zip(running, cluster.each(ask, [path for _, path in running]), strict=True):
        one.update({name: value for name, value in said.items() if name not in one})
        if not said and one["stands_by"]:
            one["reason"] = "stands by for its order"
    return found


def _stands_by(pod: Mapping[str, Any]) -> bool:
    """Whether it was started ahead of its work; it may have begun by now."""
    containers = (pod.get("spec") or {}).get("containers") or [{}]
    arguments: list[str] = containers[0].get("args") or [""]
    return arguments[0] == STANDBY


def _claim(pod: Mapping[str, Any]) -> str:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    claims = (one.get("persistentVolumeClaim") or {} for one in volumes)
    return next((str(claim["claimName"]) for claim in claims if claim.get("claimName")), "")


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


async def _note(
    airflow: AirflowApi, task: Mapping[str, Any], troubles: Mapping[str, Trouble]
) -> dict[str, Any]:
    """What a task noted in its state store; only asked for where no cluster tells."""
    if not troubles or task["state"] not in _AT_WORK:
        return {}
    path = f"/dags/{segment(task['dag_id'])}/dagRuns/{segment(task['dag_run_id'])}"
    path += f"/taskInstances/{segment(task['task_id'])}/state-store"
    try:
        answer = await airflow.get(path, map_index=task["map_index"])
    except AirflowAwayError:
        return {}
    for one in answer.get("task_state_store") or []:
        if one["key"] == "progress" and isinstance(one["value"], dict) and "percent_done" in one["value"]:
            return {**one["value"], "phase": "running"}
    return {}


def _line(said: Mapping[str, Any], task: Mapping[str, Any] | None, root: str) -> MoverLine:
    done, elapsed = said.get("bytes_done"), said.get("seconds_elapsed")
    at: dict[str, Any] = {}
    if task is not None:
        url = f"{root}/dags/{segment(task['dag_id'])}/runs/{segment(task['dag_run_id'])}"
        url += f"/tasks/{segment(task['task_id'])}"
        mapped = f"/mapped/{task['map_index']}" if task["map_index"] >= 0 else ""
        at = {"task_id": task["task_id"], "state": task["state"], "url": url + mapped}
    side: Any = said.get("side") or (
        "target" if at.get("task_id", "").endswith(("stage", "restore")) else "source"
    )
    return MoverLine(
        volume=str(said.get("volume") or (task or {}).get("rendered_map_index") or at.get("task_id", "")),
        side=side,
        action=str(said.get("action") or ""),
        phase=str(said.get("phase") or ""),
        reason=str(said.get("reason") or "")[:300],
        node=str(said.get("node") or ""),
        part=min(1.0, max(0.0, float(said["percent_done"]))) if "percent_done" in said else None,
        bytes_done=done,
        bytes_total=said.get("total_bytes"),
        files_done=said.get("files_done"),
        rate=done / elapsed if done and elapsed else None,
        seconds_left=said.get("seconds_remaining") or None,
        **at,
    )
