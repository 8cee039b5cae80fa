"""Take a cutover back: undo what it did in the target, start the source again as it was.

Asks first. Objects that carry the cutover's own labels are deleted, others that it changed are put back; the
vault keeps every restore point. *What stays in the target* may be its claims, so that nothing has to be
staged anew, or everything: then only the source is started.

What was stopped is known from the source's objects and from the journal in the vault, so this also works
in a fresh Airflow that knows nothing but the plan, and after half a stop. A step that fails for good asks
whether to try again; the whole runbook can be run again as well. If the target is gone, *undo_target* asks
after two and a half minutes: *Start the source* goes on without it. If the source is gone, it asks before it
deletes anything.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.cutover import ResumeOperator
from migration_ops.operators.decision import ROLLBACK_ANSWERS, UNDO_ANSWERS
from migration_ops.operators.gate import ApprovalGate
from migration_ops.operators.reporting import ReportRunOperator
from migration_ops.operators.rollback import ChooseRunOperator, UndoTargetOperator
from migration_ops.operators.runbook import params_once, runbook


def rollback(plan: Plan) -> DAG:
    """The DAG `PLAN.rollback`."""
    document = plan.document()
    with (
        DAG(**runbook(plan, "rollback", __doc__, allowed_run_types=["manual", "operator_triggered"])) as dag,
        params_once(dag),
    ):
        choose = ChooseRunOperator(task_id="choose", plan=document, run="{{ (params.run or '') | trim }}")
        approve = ApprovalGate(
            task_id="approve",
            subject=f"Roll {plan.name} back to the source?",
            body="{{ ti.xcom_pull(task_ids='choose', key='facts') }}",
            approvers=plan.approvals.cutover,
            response_timeout=plan.approvals.timeout,
            refused="Nothing has been changed.",
            plan=document,
        )
        step = {"plan": document, "run": choose.output["run"]}
        undo = UndoTargetOperator(
            task_id="undo_target",
            keep="{{ params.keep }}",
            without_source="{{ params.without_source or '' }}",
            answers=UNDO_ANSWERS,
            **step,
        )
        resume = ResumeOperator(task_id="resume", answers=ROLLBACK_ANSWERS, **step)
        report = ReportRunOperator(
            task_id="report", plan=document, kind="rollback", needs=["resumed"], run=choose.output["run"]
        )
        chain(choose, approve, undo, resume, report)
    return dag


for each in usable_plans(plans_folder(__file__)):
    if each.target:
        rollback(each)
