"""Why a run failed, as far as it can be told in a line: who refused it, and which of its tasks failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_ops.migration.events import ANSWERED, FAILED
from migration_ops.migration.recovery import LEAVE, ROLL_BACK
from migration_ops.mover import run_key
from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError, segment
from migration_ops.ui.airflow_runs import read_list
from migration_ops.ui.run_lines import ASKS, HALF_BACK, FailedTask, RunLine
from migration_ops.ui.trouble import without

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from migration_ops.migration.events import Event

_REJECT = "Reject"
_NOBODY = "nobody in time"
_MOST_TASKS = 5
_LONGEST = 1000


async def with_failure(
    airflow: AirflowApi,
    line: RunLine,
    runs: Sequence[Mapping[str, Any]],
    events: Sequence[Event],
    secrets: Collection[str] | None,
) -> RunLine:
    """A run with what it failed of, or waits for an answer about; any other as it is.

    :param runs: as Airflow's API lists them.
    :param events: what the run wrote into the journal, in its order.
    :param secrets: values that must not be shown; without them no error is quoted.
    """
    if line.outcome not in {"failed", HALF_BACK, ASKS}:
        return line
    asked = next((one for one in runs if run_key(one["dag_id"], one["dag_run_id"]) == line.run), None)
    tasks = await _failed_tasks(airflow, asked, line.url) if asked else []
    refused = refusal(events) if line.outcome == "failed" else ""
    last = next((one for one in reversed(events) if one.name == FAILED), None)
    answered = _answered_with_rollback(events)
    if any(one.task not in answered for one in tasks) or (last and last.data.get("step") not in answered):
        tasks = [one for one in tasks if one.task not in answered]
    if last is not None and last.data.get("step") and not _was_rejected(events):
        tasks = _with_reason(tasks, str(last.data["step"]), _quoted(last.data.get("reason"), secrets))
    return line.model_copy(update={"failed_tasks": tasks, "refused": refused})


def _with_reason(tasks: Sequence[FailedTask], step: str, reason: str) -> list[FailedTask]:
    """The tasks with the error of the step that failed last.

    A step that Airflow doesn't call failed waits for an answer, is of another run, or got through at last:
    then others have failed.
    """
    if not tasks:
        return [FailedTask(task=step, reason=reason)]
    return [one.model_copy(update={"reason": reason}) if one.task == step else one for one in tasks]


def _quoted(reason: Any, secrets: Collection[str] | None) -> str:
    if not reason or secrets is None:
        return ""
    text = without(str(reason), secrets).strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def refusal(events: Sequence[Event]) -> str:
    """The answer that ended a run, and who gave it; empty if it was none.

    :param events: of the run, in their order.
    """
    last = _last_word(events)
    if last is None or last.data.get("answer") not in {_REJECT, LEAVE}:
        return ""
    who, answer = str(last.data.get("by") or "unknown"), last.data["answer"]
    if answer == _REJECT and who == _NOBODY:
        return "nobody answered in time, which counts as no"
    return f"refused by {who}" if answer == _REJECT else f"{who} answered: {answer}"


def _answered_with_rollback(events: Sequence[Event]) -> set[str]:
    """Steps whose failure was answered with a rollback, and that haven't failed since.

    Airflow calls them failed, but what counts is how far the rollback came.
    """
    found: set[str] = set()
    for one in events:
        if one.name == FAILED:
            found.discard(str(one.data.get("step")))
        elif one.name == ANSWERED and one.data.get("answer") == ROLL_BACK:
            found.add(str(one.data.get("question")))
    return found


def _was_rejected(events: Sequence[Event]) -> bool:
    """Whether the run ended at its approval, where nothing had failed.

    Whoever leaves a failed step as it is leaves its error, too.
    """
    last = _last_word(events)
    return last is not None and last.data.get("answer") == _REJECT


def _last_word(events: Sequence[Event]) -> Event | None:
    """The last answer, unless a step has failed since."""
    last = next((one for one in reversed(events) if one.name in {ANSWERED, FAILED}), None)
    return last if last is not None and last.name == ANSWERED else None


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
            index = one.get("map_index", -1)
            mapped = f"/mapped/{index}" if index >= 0 else ""
            tasks[one["task_id"], mapped] = FailedTask(
                task=one["task_id"],
                part=_part(index, one.get("rendered_map_index")),
                url=f"{url}/tasks/{segment(one['task_id'])}{mapped}",
            )
    return list(tasks.values())


def _part(index: int, rendered: str | None) -> str:
    """Which one of a mapped task's it is: as its map names it, else by its number."""
    if index < 0:
        return ""
    return f" {rendered}" if rendered and rendered != str(index) else f"[{index}]"
