"""Keep the target's volumes fresh: restore the newest restore point into its claims, delta by delta.

Started by each new restore point (an Airflow asset), or by hand. Namespaces and claims are made as the
plan's rules adapt them; no workload is. What a claim holds is written on it, so the next staging, and the
cutover, move only what has changed since.
"""

from __future__ import annotations

from airflow.sdk import DAG, TriggerRule

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.restore import NoteStagedOperator
from migration_ops.operators.runbook import restore_points, runbook
from migration_ops.operators.steps import adapt_resources, move_volumes


def stage(plan: Plan) -> DAG:
    """The DAG `PLAN.stage`."""
    with DAG(**runbook(plan, "stage", __doc__, schedule=[restore_points(plan)])) as dag:
        adapt = adapt_resources(plan)
        restore = move_volumes(plan, "stage", adapt.output, into="target")
        NoteStagedOperator(
            task_id="staged",
            plan=plan.document(),
            volumes=restore.output,
            trigger_rule=TriggerRule.NONE_FAILED,
        )
    return dag


for each in usable_plans(plans_folder(__file__)):
    if each.target:
        stage(each)
