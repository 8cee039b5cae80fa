"""What the runbooks' DAGs have in common, so that a DAG file holds only its steps."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

if TYPE_CHECKING:
    from migration_ops.migration import Plan


def restore_points(plan: Plan) -> Asset:
    """The asset that a committed restore point updates; staging is scheduled by it."""
    return Asset(name=f"{plan.name}/restore-points", uri=f"migration-ops://{plan.name}/restore-points")


def runbook(plan: Plan, verb: str, doc: str | None, **options: Any) -> dict[str, Any]:
    """Arguments of a runbook's DAG.

    :param verb: the DAG is called `PLAN.VERB`.
    :param doc: the DAG file's docstring.
    :param options: whatever else this DAG needs.
    """
    target = plan.target.conn_id if plan.target else "nowhere"
    head = f"Plan **{plan.name}**: {plan.source.conn_id} → {target}, vault {plan.vault.conn_id}."
    return {
        "dag_id": f"{plan.name}.{verb}",
        "doc_md": "\n\n".join(part for part in (doc, head, plan.description) if part),
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
        },
        **options,
    }
