"""Movers at work: which ones Airflow waits for, and what they say themselves at this moment.

Airflow knows the tasks and, in their state store, the Jobs; the cluster has the pod, its node and the newest
line of its log, a second old. Where the cluster can't be asked, what the task noted last must do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from migration_ops.mover import observe, read_messages
from migration_ops.mover.job import CONTAINER
from migration_ops.ui.airflow_api import AirflowApi, segment
from migration_ops.ui.plan_state import Record
from migration_ops.ui.trouble import Trouble, trouble

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.ui.sources import Sources

_OPERATORS = {
    "BackupVolumeOperator": "source",
    "RestoreVolumeOperator": "target",
    "ProbeVaultOperator": "",
    "VaultWorkOperator": "source",
}
_MOST_TASKS, _MOST_ASKED = 200, 40
_FRESH = 1.5
_REQUEST_SECONDS = 3.0


class MoverLine(Record):
    """One volume's task in a run that isn't over.

    :param volume: `NAMESPACE/CLAIM`, or what else the task is about.
    :param state: the task's in Airflow.
    :param phase: the mover's: `waiting`, `running`, ...
    :param part: what is done, between 0 and 1.
    :param rate: bytes per second.
    :param seconds_left: as the mover expects it.
    :param url: the task in Airflow, with its log.
    :param age_seconds: how old the figures are, when they are the task's note.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    volume: str
    side: Literal["source", "target", ""]
    state: str
    phase: str = ""
    reason: str = ""
    part: float | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    files_done: int | None = None
    rate: float | None = None
    seconds_left: float | None = None
    node: str = ""
    url: str


async def movers_of(
    airflow: AirflowApi, sources: Sources, conn_ids: Mapping[str, str], runs: list[dict[str, Any]], root: str
) -> tuple[list[MoverLine], list[Trouble]]:
    """The movers' tasks of some runs, with their progress.

    :param conn_ids: the plan's clusters by side.
    :param runs: the runs that aren't over, as Airflow's API gives them.
    :param root: where Airflow's UI begins.
    """
    tasks = [task for run in runs for task in await _tasks(airflow, run)]
    lines = [_line(task, root) for task in tasks]
    at_work = [n for n, task in enumerate(tasks) if task["state"] in {"running", "deferred"}][:_MOST_ASKED]
    notes = await asyncio.gather(*(_notes(airflow, tasks[n]) for n in at_work))
    troubles: dict[str, Trouble] = {}
    seen = await asyncio.gather(
        *(_look(sources, conn_ids, note, troubles) for note in notes), return_exceptions=False
    )
    for number, note, said in zip(at_work, notes, seen, strict=True):
        progress = dict(note.get("progress") or {}) | said
        lines[number] = lines[number].model_copy(update=_figures(progress))
    return lines, list(troubles.values())


async def _tasks(airflow: AirflowApi, run: Mapping[str, Any]) -> list[dict[str, Any]]:
    path = f"/dags/{segment(run['dag_id'])}/dagRuns/{segment(run['dag_run_id'])}/taskInstances"
    answer = await airflow.get(path, limit=_MOST_TASKS)
    return [
        one
        for one in answer["task_instances"]
        if one.get("operator") in _OPERATORS
        and (one["map_index"] >= 0 or one["state"] not in {None, "removed"})
    ]


def _line(task: Mapping[str, Any], root: str) -> MoverLine:
    side: Any = _OPERATORS[str(task["operator"])]
    if not side and task["task_id"].endswith(("_source", "_target")):
        side = task["task_id"].rpartition("_")[2]
    url = f"{root}/dags/{segment(task['dag_id'])}/runs/{segment(task['dag_run_id'])}"
    url += f"/tasks/{segment(task['task_id'])}"
    if task["map_index"] >= 0:
        url += f"/mapped/{task['map_index']}"
    return MoverLine(
        dag_id=task["dag_id"],
        run_id=task["dag_run_id"],
        task_id=task["task_id"],
        map_index=task["map_index"],
        volume=str(task.get("rendered_map_index") or task["task_id"]),
        side=side,
        state=task["state"] or "not started",
        url=url,
    )


async def _notes(airflow: AirflowApi, task: Mapping[str, Any]) -> dict[str, Any]:
    path = f"/dags/{segment(task['dag_id'])}/dagRuns/{segment(task['dag_run_id'])}"
    path += f"/taskInstances/{segment(task['task_id'])}/state-store"
    try:
        answer = await airflow.get(path, map_index=task["map_index"])
    except Exception:  # noqa: BLE001 - a task without notes is shown without figures
        return {}
    return {one["key"]: one["value"] for one in answer.get("task_state_store") or []} | {
        "side": _line(task, "").side
    }


async def _look(
    sources: Sources, conn_ids: Mapping[str, str], note: Mapping[str, Any], troubles: dict[str, Trouble]
) -> dict[str, Any]:
    mover, conn_id = note.get("mover"), conn_ids.get(str(note.get("side")), "")
    if not isinstance(mover, dict) or not conn_id:
        return {}
    try:
        key = ("mover", mover["namespace"], mover["name"], mover["uid"])
        return await sources.from_cluster(conn_id, key, lambda cluster: look_at(cluster, mover), fresh=_FRESH)
    except Exception as error:  # noqa: BLE001 - the row is shown with what the task noted
        troubles[conn_id] = trouble(f"cluster {conn_id}", error)
        return {}


def look_at(cluster: Cluster, mover: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the cluster how a mover is doing.

    :param mover: its `namespace`, `name` and `uid`.
    """
    pods = f"/api/v1/namespaces/{mover['namespace']}/pods"
    quick: dict[str, Any] = {"retry_seconds": 0.0, "timeout_seconds": _REQUEST_SECONDS}
    selector = f"job-name={mover['name']},controller-uid={mover['uid']}"
    seen = observe(None, cluster.get(pods, query={"labelSelector": selector}, **quick)["items"])
    found: dict[str, Any] = {"phase": seen.phase, "reason": seen.reason, "node": seen.node or ""}
    if seen.pod and seen.phase == "running":
        log = cluster.get(
            f"{pods}/{seen.pod}/log", query={"container": CONTAINER, "tailLines": 20}, accept="*/*", **quick
        )
        # A log of one line is JSON as a whole, and comes parsed.
        said = (
            {"progress": log}
            if isinstance(log, dict)
            else {"progress": read_messages(log.splitlines()).progress}
        )
        found |= said["progress"] or {}
    return found


def _figures(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a mover said, under the names of a line."""
    done, elapsed = said.get("bytes_done"), said.get("seconds_elapsed")
    return {
        "phase": str(said.get("phase") or ""),
        "reason": str(said.get("reason") or "")[:300],
        "node": str(said.get("node") or ""),
        "part": min(1.0, max(0.0, float(said["percent_done"]))) if "percent_done" in said else None,
        "bytes_done": done,
        "bytes_total": said.get("total_bytes"),
        "files_done": said.get("files_done"),
        "rate": done / elapsed if done and elapsed else None,
        "seconds_left": said.get("seconds_remaining") or None,
    }
