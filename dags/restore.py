"""Restore a restore point, or a part of it: after a disaster, or to look at what was.

`choose` finds the point (the newest one without a choice) and says what would come where, `approve` asks,
`begin` runs the plan's rules over it and makes the claims, `restore` fills and re-reads them, `resources`
applies the rest, `ready` and `verify` prove it, `report` keeps it in the vault. The source is neither needed
nor touched: plan file, vault and a cluster are enough, also for an Airflow that never saw the points made.

Objects that exist are treated as the plan's `restore.existing` says, or as the run's parameter does. Claims
on which an application runs are never filled, claims of others only with `take_over_claims`. Restored into
the source's own connection, nothing is adapted and namespaces keep their names.
"""

from __future__ import annotations

from airflow.sdk import DAG, TriggerRule, chain

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.elsewhere import (
    RestoreVolumeElsewhereOperator,
    VerifyElsewhereOperator,
    WaitReadyElsewhereOperator,
)
from migration_ops.operators.gate import ApprovalGate
from migration_ops.operators.mover import volume_rows
from migration_ops.operators.reporting import ReportRunOperator
from migration_ops.operators.restoring import (
    ApplyElsewhereOperator,
    BeginRestoreOperator,
    ChooseRestoreOperator,
)
from migration_ops.operators.run_params import CHOICE
from migration_ops.operators.runbook import params_once, runbook


def restore(plan: Plan) -> DAG:
    """The DAG `PLAN.restore`."""
    document = plan.document()
    with (
        DAG(**runbook(plan, "restore", __doc__, allowed_run_types=["manual", "operator_triggered"])) as dag,
        params_once(dag),
    ):
        wanted = {name: f"{{{{ params.{name} }}}}" for name in CHOICE}
        choose = ChooseRestoreOperator(
            task_id="choose", plan=document, choice=wanted, render_template_as_native_obj=True
        )
        approve = ApprovalGate(
            task_id="approve",
            subject=f"Restore {plan.name}?",
            body="{{ ti.xcom_pull(task_ids='choose', key='facts') }}",
            approvers=plan.approvals.cutover,
            response_timeout=plan.approvals.timeout,
            refused="Nothing has been changed.",
        )
        there = {"plan": document, "there": choose.output["there"]}
        begin = BeginRestoreOperator(
            task_id="begin", point=choose.output["point"], choice=choose.output["choice"], **there
        )
        volumes = RestoreVolumeElsewhereOperator.partial(
            there=there["there"], **volume_rows(plan, "restore", "target")
        ).expand(volume=begin.output)
        what = {**there, "adapted": begin.output["adapted"]}
        resources = ApplyElsewhereOperator(
            task_id="resources", volumes=volumes.output, trigger_rule=TriggerRule.NONE_FAILED, **what
        )
        ready = WaitReadyElsewhereOperator(task_id="ready", **what)
        verify = VerifyElsewhereOperator(
            task_id="verify",
            volumes=volumes.output,
            ready=ready.output,
            trigger_rule=TriggerRule.NONE_FAILED,
            **what,
        )
        report = ReportRunOperator(
            task_id="report", kind="restore", needs=["verified"], volumes=volumes.output, **what
        )
        chain(choose, approve, begin, volumes, resources, ready, verify, report)
    return dag


for each in usable_plans(plans_folder(__file__)):
    restore(each)
