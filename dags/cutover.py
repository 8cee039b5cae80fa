"""Move the application: stop it in the source, start it in the target, prove that nothing was lost.

1. `prepare` looks for everything that would go wrong, forecasts the downtime, and stops at blockers.
2. `approve` asks. No answer in time means no, and a no leaves everything as it is.
3. `fresh` makes one more restore point and stages it: claims are made in the target and filled. The
   application still runs; what remains for the downtime is what changes from here on. `standby` starts the
   movers of the downtime: they wait beside their volumes, so that none of it goes into starting pods.
4. `quiesce` stops the source's workloads; what they were is written on them and in the vault. **From here
   on the application is down.**
5. `final` makes the last restore point and runs the plan's rules over it, `restore` brings the claims up to
   it, `resources` applies the rest, `ready` waits for workloads.
6. `verify` compares resources, volumes and the application's own answers. **Here the downtime ends.**
7. `report` puts forecast and measurement next to each other, `finish` asks how it ends: *Finish* lets the
   names go to the target (`finished`), *Roll back* goes back to the source.

**When a step after the stop fails**, it is tried some times, and then it asks (*Required actions*), with the
server's own words and the state of both clusters:

* *Retry*: the step goes on where it was, and the run after it. Mend the cause first.
* *Roll back*: the tasks of `rollback` delete what the run made in the target and start the source again as
  it was.
* *Leave as it is*, also when nobody answers in time: the run ends as failed, nothing more is changed. Clear
  the failed task to go on later, or run the plan's `rollback`.
"""

from __future__ import annotations

from airflow.sdk import DAG, TaskGroup, TriggerRule, chain

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.cutover import FinalDeltaOperator, PrepareCutoverOperator, QuiesceOperator
from migration_ops.operators.decision import CUTOVER_ANSWERS
from migration_ops.operators.gate import ApprovalGate, FinishGate
from migration_ops.operators.moving import RestoreVolumesOperator
from migration_ops.operators.restore import ApplyResourcesOperator, NoteStagedOperator, WaitReadyOperator
from migration_ops.operators.restore_point import ListVolumesOperator
from migration_ops.operators.runbook import params_once, runbook
from migration_ops.operators.standby import StandByOperator
from migration_ops.operators.steps import (
    adapt_resources,
    commit_restore_point,
    move_volumes,
    roll_back_when_asked,
)
from migration_ops.operators.verify import FinishOperator, ReportCutoverOperator, VerifyOperator


def cutover(plan: Plan) -> DAG:
    """The DAG `PLAN.cutover`."""
    document = plan.document()
    with (
        DAG(**runbook(plan, "cutover", __doc__, allowed_run_types=["manual", "operator_triggered"])) as dag,
        params_once(dag),
    ):
        prepare = PrepareCutoverOperator(task_id="prepare", plan=document)
        approve = ApprovalGate(
            task_id="approve",
            subject=f"Stop {plan.name} in the source and move it?",
            body="{{ ti.xcom_pull(task_ids='prepare', key='facts') }}",
            approvers=plan.approvals.cutover,
            response_timeout=plan.approvals.timeout,
            refused="Nothing has been changed.",
            plan=document,
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
        standby = StandByOperator(
            task_id="standby", plan=document, saves=chosen.output, restores=claims.output
        )
        step = {"plan": document, "answers": CUTOVER_ANSWERS}
        quiesce = QuiesceOperator(task_id="quiesce", **step)
        final = FinalDeltaOperator(
            task_id="final", volumes=quiesce.output, point=quiesce.output["point"], **step
        )
        restore = RestoreVolumesOperator(task_id="restore", volumes=final.output, **step)
        step["adapted"] = final.output["adapted"]
        still = {"stopped": final.output["claims"]}  # looked at again before the target takes over
        resources = ApplyResourcesOperator(task_id="resources", **still, **step)
        ready = WaitReadyOperator(task_id="ready", **step)
        verify = VerifyOperator(task_id="verify", volumes=restore.output, ready=ready.output, **still, **step)
        report = ReportCutoverOperator(task_id="report", volumes=restore.output, **step)
        finish = FinishGate(
            task_id="finish",
            subject=f"Finish the migration of {plan.name}?",
            body="{{ ti.xcom_pull(task_ids='report', key='facts') }}",
            approvers=plan.approvals.finish,
            response_timeout=plan.approvals.timeout,
            plan=document,
        )
        finished = FinishOperator(task_id="finished", answer=finish.output, **still, **step)
        stopped = [quiesce, final, restore, resources, ready, verify, report, finish, finished]
        chain(prepare, approve, fresh, standby, *stopped)
        roll_back_when_asked(plan, stopped)
    return dag


for each in usable_plans(plans_folder(__file__)):
    if each.target:
        cutover(each)
