"""Restore a restore point into the target: after a disaster, or to look at what was.

`adapt` runs the plan's rules over the chosen point (the newest one without a choice) and makes the claims,
`restore` fills and re-reads them, `resources` applies the rest, `ready` and `verify` prove it. The source is
neither needed nor touched: plan, vault and target are enough. Objects that exist are treated as the plan's
`restore.existing` says.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, TriggerRule, chain

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.gate import ApprovalGate
from migration_ops.operators.restore import ApplyResourcesOperator, ChoosePointOperator, WaitReadyOperator
from migration_ops.operators.runbook import runbook
from migration_ops.operators.steps import adapt_resources, move_volumes
from migration_ops.operators.verify import VerifyOperator

POINT = Param(
    None,
    type=["null", "string"],
    title="Restore point",
    description_md="Its id, for example `20261122T181700Z-full-1a2b3c4d`; empty for the newest one.",
)


def restore(plan: Plan) -> DAG:
    """The DAG `PLAN.restore`."""
    document = plan.document()
    options = {"params": {"point": POINT}, "allowed_run_types": ["manual", "operator_triggered"]}
    with DAG(**runbook(plan, "restore", __doc__, **options)) as dag:
        choose = ChoosePointOperator(task_id="choose", plan=document, point="{{ params.point or '' }}")
        approve = ApprovalGate(
            task_id="approve",
            subject=f"Restore {plan.name} into the target?",
            body="{{ ti.xcom_pull(task_ids='choose', key='facts') }}",
            approvers=plan.approvals.cutover,
            response_timeout=plan.approvals.timeout,
            refused="Nothing has been changed.",
        )
        adapt = adapt_resources(plan, choose.output["point"])
        volumes = move_volumes(plan, "restore", adapt.output, into="target")
        what = {"plan": document, "adapted": adapt.output["adapted"]}
        resources = ApplyResourcesOperator(
            task_id="resources", volumes=volumes.output, trigger_rule=TriggerRule.NONE_FAILED, **what
        )
        ready = WaitReadyOperator(task_id="ready", **what)
        verify = VerifyOperator(
            task_id="verify",
            volumes=volumes.output,
            ready=ready.output,
            trigger_rule=TriggerRule.NONE_FAILED,
            **what,
        )
        chain(choose, approve, adapt, volumes, resources, ready, verify)
    return dag


for each in usable_plans(plans_folder(__file__)):
    if each.target:
        restore(each)
