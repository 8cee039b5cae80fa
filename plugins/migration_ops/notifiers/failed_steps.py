"""Which steps of a run have failed, and why: kept by each failing task, read when the run has failed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk._shared.secrets_masker import redact

from migration_ops.notifiers.message import run_of

log = logging.getLogger(__name__)

FAILURE = "failure"
"""XCom in which a task that has failed for good leaves the error's text."""

SHOWN = 5
_LONGEST_REASON = 1000


@dataclass(frozen=True)
class FailedStep:
    """A task that has failed.

    :param name: its id, with the map index if it has one.
    :param reason: the error's text; empty if the task was lost without a word.
    """

    task_id: str
    name: str
    reason: str = ""

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.reason or 'no error of its own: its worker was killed, or it was marked so'}"
        )


def note_failure(context: Mapping[str, Any]) -> None:
    """Keep why a task has failed (its `on_failure_callback`, which Airflow calls after the last try)."""
    error = context.get("exception")
    if error is None:
        return
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    context["ti"].xcom_push(key=FAILURE, value=str(redact(text))[:_LONGEST_REASON])


def failed_steps(context: Mapping[str, Any]) -> list[FailedStep]:
    """The failed tasks of a run; none if Airflow doesn't say.

    :param context: a DAG's callback's.
    """
    ti, dag, (dag_id, run_id) = context.get("ti"), context.get("dag"), run_of(context)
    if ti is None or dag is None:
        return []
    try:
        states = ti.get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id, {})
        failed = [name for name, state in states.items() if state == "failed"]
        return [_step(ti, set(dag.task_ids), name) for name in failed[:SHOWN]] + [
            FailedStep(name, name, "see its log") for name in failed[SHOWN:]
        ]
    except Exception:
        log.exception("Airflow didn't say which steps of run %s of %s have failed", run_id, dag_id)
        return []


def _step(ti: Any, task_ids: set[str], name: str) -> FailedStep:
    """One of Airflow's names: a task's id, with `_` and the map index behind it if it is mapped."""
    task_id, _, index = name.rpartition("_")
    if name in task_ids or task_id not in task_ids or not index.isdecimal():
        task_id, options = name, {}
    else:
        options = {"map_indexes": int(index)}
    reason = ti.xcom_pull(task_ids=task_id, key=FAILURE, **options)
    return FailedStep(task_id, name, str(reason or ""))
