"""Keep the target's volumes fresh: restore the newest restore point into its claims, delta by delta.

Started by each new restore point (an Airflow asset), or by hand. Namespaces and claims are made as the
plan's rules adapt them; no workload is. What a claim holds is written on it, so the next staging, and the
cutover, move only what has changed since.

Runs that a restore point has started work only in the plan's windows (unless its `schedule.staging` is
`at-once`): movers stop cleanly at a window's end, their rows wait, and go on in the next one where they were.
Nothing is staged once a cutover has stopped the source, nor into claims that an application mounts; after a
finished migration only with `after_finish`.
"""

from __future__ import annotations

from airflow.sdk import DAG, TriggerRule

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.restore import NoteStagedOperator
from migration_ops.operators.runbook import params_once, restore_points, runbook
from migration_ops.operators.staging import stage_newest


def stage(plan: Plan) -> DAG:
    """The DAG `PLAN.stage`."""
    with DAG(**runbook(plan, "stage", __doc__, schedule=[restore_points(plan)])) as dag, params_once(dag):
        restore = stage_newest(plan)
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
