"""Move the application: stop it in the source, start it in the target, prove that nothing was lost.

1. `prepare` looks for everything that would go wrong, forecasts the downtime, and stops at blockers.
2. `approve` asks. No answer in time means no, and a no leaves everything as it is.
3. `fresh` makes one more restore point and stages it: claims are made in the target and filled. The
   application still runs; what remains for the downtime is what changes from here on.
4. `quiesce` stops the source's workloads; what they were is written on them and in the vault. **From here
   on the application is down.**
5. `final` makes the last restore point, `adapt` runs the plan's rules over it, `restore` brings the claims
   up to it, `resources` applies the rest, `ready` waits for workloads.
6. `verify` compares resources, volumes and the application's own answers. **Here the downtime ends.**
7. `report` puts forecast and measurement next to each other, `finish` asks once more, and `finished` lets
   the names go to the target.

Every step can be retried or cleared: it goes on where it was. If one fails for good, or the answer to
`finish` is no, run the plan's `rollback`: the source comes back exactly as it was.
"""

from __future__ import annotations

from airflow.sdk import DAG, TaskGroup, TriggerRule, chain

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.cutover import PrepareCutoverOperator, QuiesceOperator
from migration_ops.operators.gate import ApprovalGate
from migration_ops.operators.restore import ApplyResourcesOperator, NoteStagedOperator, WaitReadyOperator
from migration_ops.operators.restore_point import ListVolumesOperator
from migration_ops.operators.runbook import runbook
from migration_ops.operators.steps import adapt_resources, commit_restore_point, move_volumes
from migration_ops.operators.verify import FinishOperator, ReportCutoverOperator, VerifyOperator


def cutover(plan: Plan) -> DAG:
    """The DAG `PLAN.cutover`."""
    document = plan.document()
    with DAG(**runbook(plan, "cutover", __doc__, allowed_run_types=["manual", "operator_triggered"])) as dag:
        prepare = PrepareCutoverOperator(task_id="prepare", plan=document)
        approve = ApprovalGate(
            task_id="approve",
            subject=f"Stop {plan.name} in the source and move it?",
            body="{{ ti.xcom_pull(task_ids='prepare', key='facts') }}",
            approvers=plan.approvals.cutover,
            response_timeout=plan.approvals.timeout,
            refused="Nothing has been changed.",
        )
        with TaskGroup("fresh") as fresh:
            chosen = ListVolumesOperator(task_id="list_volumes", plan=document, kind="incremental")
            saved = move_volumes(plan, "volume", chosen.output, into="vault")
            point = commit_restore_point(plan, chosen, saved)
            claims = adapt_resources(plan, point.output["point"])
            staged = move_volumes(plan, "stage", claims.output, into="target")
            NoteStagedOperator(
                task_id="staged",
                plan=document,
                volumes=staged.output,
                trigger_rule=TriggerRule.NONE_FAILED,
            )
        quiesce = QuiesceOperator(task_id="quiesce", plan=document)
        with TaskGroup("final") as final:
            saved = move_volumes(plan, "volume", quiesce.output, into="vault")
            point = commit_restore_point(plan, quiesce, saved)
        adapt = adapt_resources(plan, point.output["point"])
        restore = move_volumes(plan, "restore", adapt.output, into="target")
        what = {"plan": document, "adapted": adapt.output["adapted"]}
        resources = ApplyResourcesOperator(
            task_id="resources", volumes=restore.output, trigger_rule=TriggerRule.NONE_FAILED, **what
        )
        ready = WaitReadyOperator(task_id="ready", **what)
        verify = VerifyOperator(
            task_id="verify",
            volumes=restore.output,
            ready=ready.output,
            trigger_rule=TriggerRule.NONE_FAILED,
            **what,
        )
        report = ReportCutoverOperator(
            task_id="report", volumes=restore.output, trigger_rule=TriggerRule.NONE_FAILED, **what
        )
        finish = ApprovalGate(
            task_id="finish",
            subject=f"Finish the migration of {plan.name}?",
            body="{{ ti.xcom_pull(task_ids='report', key='facts') }}",
            approvers=plan.approvals.finish,
            response_timeout=plan.approvals.timeout,
            refused=f"The source is still stopped: run {plan.name}.rollback to bring it back.",
        )
        finished = FinishOperator(task_id="finished", answer=finish.output, **what)
        chain(prepare, approve, fresh, quiesce, final, adapt, restore, resources, ready, verify, report)
        chain(report, finish, finished)
    return dag


for each in usable_plans(plans_folder(__file__)):
    if each.target:
        cutover(each)
