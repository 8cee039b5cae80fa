"""What the runbooks' DAGs have in common, so that a DAG file holds only its steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.definitions.param import ParamsDict

from migration_ops.notifiers.failed_steps import note_failure
from migration_ops.notifiers.plan_notifier import PlanNotifier
from migration_ops.operators.dag_docs import dag_page, dag_summary
from migration_ops.operators.run_params import params_of

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from migration_ops.migration import Plan
    from migration_ops.timetables.off_peak import OffPeakTimetable

# Where pools are short, a cutover's steps go before everything that can wait for it.
_PRIORITIES = {"cutover": 100, "rollback": 100, "restore": 50, "rehearse": 20, "backup": 10, "stage": 5}


def restore_points(plan: Plan) -> Asset:
    """The asset that a committed restore point updates; staging is scheduled by it."""
    # For a scheme without `x-` Airflow imports every provider that knows one, each time a file is parsed.
    return Asset(name=f"{plan.name}/restore-points", uri=f"x-migration-ops://{plan.name}/restore-points")


def runbook(plan: Plan, verb: str, doc: str | None, **options: Any) -> dict[str, Any]:
    """Arguments of a runbook's DAG.

    :param verb: the DAG is called `PLAN.VERB`.
    :param doc: the DAG file's docstring.
    :param options: whatever else this DAG needs.
    """
    told = {event for entry in plan.notify for event in entry.on}
    return {
        "dag_id": f"{plan.name}.{verb}",
        "description": dag_summary(verb),
        "doc_md": dag_page(plan, verb, doc, _when(plan) if verb == "backup" else None),
        "on_failure_callback": [PlanNotifier(plan, "failure")] if "failure" in told else None,
        "schedule": None,
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["migration", plan.name],
        # A step finds what its last try began, so tries are cheap and come quickly at first: a lost worker
        # costs one, and so does Airflow itself when a deferred task is resumed before the scheduler has seen
        # it defer. Errors that don't go away by themselves end the task at once (`RetryUnlessHopeless`).
        "default_args": {
            "retries": 5,
            "retry_delay": timedelta(seconds=3),
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": timedelta(minutes=1),
            "on_failure_callback": note_failure,
            "priority_weight": _PRIORITIES.get(verb, 1),
            "weight_rule": "absolute",
            # Taken by what asks questions, and by nothing else.
            "notifiers": [PlanNotifier(plan, "approval")] if "approval" in told else [],
        },
        **options,
        "params": {**params_of(verb, protects_only=plan.target is None), **options.get("params", {})},
    }


@contextmanager
def params_once(dag: DAG) -> Iterator[None]:
    """Keep a DAG's parameters for itself while its tasks are made.

    Each task would get a deep copy, which it has no use for: what a run is given is merged from the DAG's.
    With many plans these copies are a third of what parsing takes.

    :param dag: whose tasks are made in the block.
    """
    params = dag.params
    object.__setattr__(dag, "params", ParamsDict())  # no validation: they are valid already
    try:
        yield
    finally:
        object.__setattr__(dag, "params", params)


def backup_schedule(plan: Plan) -> dict[str, Any]:
    """When backups begin by themselves, and when they are late: further arguments of `runbook`."""
    deadline = plan.schedule.deadline
    alert = deadline and DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=deadline,
        callback=AsyncCallback(
            "migration_ops.notifiers.plan_notifier.tell_late",
            kwargs={
                "plan": plan.name,
                "notify": [entry.model_dump(mode="json") for entry in plan.notify],
                "deadline": str(deadline),
            },
        ),
        name=f"{plan.name}.backup is late",
    )
    return {"schedule": _timetable(plan), "deadline": alert}


def maintenance_schedule(plan: Plan) -> dict[str, Any]:
    """When the vault's upkeep begins by itself, inside the plan's windows: further arguments of `runbook`."""
    if not plan.schedule.maintain:
        return {}
    from migration_ops.timetables.off_peak import OffPeakTimetable

    moments = plan.schedule.model_copy(
        update={"full": None, "incremental": plan.schedule.maintain, "maintain": None}
    )
    return {"schedule": OffPeakTimetable(moments.model_dump(mode="json", exclude_defaults=True))}


def _timetable(plan: Plan) -> OffPeakTimetable | None:
    if not plan.schedule.is_automatic:
        return None
    return _timetable_of(plan.name, plan.schedule.model_dump_json(exclude_defaults=True))


@lru_cache(maxsize=512)
def _timetable_of(_plan: str, schedule: str) -> OffPeakTimetable:
    """Both the DAG and its documentation need it."""
    from migration_ops.timetables.off_peak import OffPeakTimetable

    return OffPeakTimetable(json.loads(schedule))


def _when(plan: Plan) -> str:
    timetable = _timetable(plan)
    return timetable.description if timetable else "started by hand"
