"""Why a run failed, as far as it can be told in a line: who refused it, and which of its tasks failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_ops.migration.events import ANSWERED, FAILED
from migration_ops.migration.recovery import LEAVE
from migration_ops.mover import run_key
from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError, segment
from migration_ops.ui.airflow_runs import read_list
from migration_ops.ui.run_lines import FailedTask, RunLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from migration_ops.migration.events import Event

_REJECT = "Reject"
_NOBODY = "nobody in time"
_MOST_TASKS = 5


async def with_failure(
    airflow: AirflowApi, line: RunLine, runs: Sequence[Mapping[str, Any]], events: Sequence[Event]
) -> RunLine:
    """A run with what it failed of; any other as it is.

    :param runs: as Airflow's API lists them.
    :param events: what the run wrote into the journal, in its order.
    """
    if line.outcome != "failed":
        return line
    asked = next((one for one in runs if run_key(one["dag_id"], one["dag_run_id"]) == line.run), None)
    tasks = await _failed_tasks(airflow, asked, line.url) if asked else []
    return line.model_copy(update={"failed_tasks": tasks, "refused": refusal(events)})


def refusal(events: Sequence[Event]) -> str:
    """The answer that ended a run, and who gave it; empty if it was none.

    :param events: of the run, in their order.
    """
    last = next((one for one in reversed(events) if one.name in {ANSWERED, FAILED}), None)
    if last is None or last.name == FAILED or last.data.get("answer") not in {_REJECT, LEAVE}:
        return ""
    who, answer = str(last.data.get("by") or "unknown"), last.data["answer"]
    if answer == _REJECT and who == _NOBODY:
        return "nobody answered in time, which counts as no"
    return f"refused by {who}" if answer == _REJECT else f"{who} answered: {answer}"


async def _failed_tasks(airflow: AirflowApi, run: Mapping[str, Any], url: str) -> list[FailedTask]:
    """The first few tasks that failed by themselves; none if Airflow doesn't say."""
    path = f"/dags/{segment(run['dag_id'])}/dagRuns/{segment(run['dag_run_id'])}/taskInstances"
    try:
        found = await read_list(airflow, path, "task_instances", {"state": ["failed"]}, _MOST_TASKS)
    except AirflowAwayError:
        return []
    tasks = {}
    for one in found.items:
        if one["state"] == "failed":
            mapped = f"/mapped/{one['map_index']}" if one.get("map_index", -1) >= 0 else ""
            tasks[one["task_id"], mapped] = FailedTask(
                task=one["task_id"], url=f"{url}/tasks/{segment(one['task_id'])}{mapped}"
            )
    return list(tasks.values())
