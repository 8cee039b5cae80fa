"""Move the application: stop it in the source, start it in the target, prove that nothing was lost.

1. `prepare` adapts what is there now and stops at blockers; nothing has been changed yet.
2. `approve` asks. No answer in time means no, and a no leaves everything as it is.
3. `quiesce` stops the source's workloads; what they were is written on them and in the vault. **From here
   on the application is down.**
4. `final` makes the last restore point: what changed since the one before.
5. `adapt` runs the plan's rules; `claims` makes namespaces and volumes in the target, `restore` fills and
   re-reads them, `resources` applies the rest, `ready` waits for workloads.
6. `verify` compares resources, volumes and the application's own answers. **Here the downtime ends.**
7. `finish` asks once more, with the figures.

Every step can be retried or cleared: it goes on where it was. If one fails for good, or the answer to
`finish` is no, run the plan's `rollback`: the source comes back exactly as it was.
"""

from __future__ import annotations

from airflow.sdk import DAG, TaskGroup, TriggerRule, chain

from migration_ops.migration import Plan, load_plans, plans_folder
from migration_ops.operators.cutover import PrepareCutoverOperator, QuiesceOperator
from migration_ops.operators.gate import ApprovalGate
from migration_ops.operators.mover import BackupVolumeOperator, RestoreVolumeOperator
from migration_ops.operators.restore import (
    AdaptResourcesOperator,
    ApplyClaimsOperator,
    ApplyResourcesOperator,
    WaitReadyOperator,
)
from migration_ops.operators.restore_point import CommitRestorePointOperator, ListVolumesOperator
from migration_ops.operators.runbook import runbook
from migration_ops.operators.verify import NoteOperator, SummariseCutoverOperator, VerifyOperator


def cutover(plan: Plan) -> DAG:
    """The DAG `PLAN.cutover`."""
    document = plan.document()
    movers = plan.movers.parallelism
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
        quiesce = QuiesceOperator(task_id="quiesce", plan=document)
        with TaskGroup("final") as final:
            chosen = ListVolumesOperator(task_id="list_volumes", plan=document, kind="final")
            saved = BackupVolumeOperator.partial(
                task_id="volume",
                plan=document,
                map_index_template="{{ volume_name }}",
                max_active_tis_per_dagrun=movers.source,
            ).expand(volume=chosen.output)
            commit = CommitRestorePointOperator(
                task_id="commit",
                plan=document,
                point=chosen.output["point"],
                volumes=saved.output,
                trigger_rule=TriggerRule.NONE_FAILED,
            )
        adapt = AdaptResourcesOperator(task_id="adapt", plan=document, point=commit.output["point"])
        claims = ApplyClaimsOperator(task_id="claims", plan=document, adapted=adapt.output["adapted"])
        restore = RestoreVolumeOperator.partial(
            task_id="restore",
            plan=document,
            map_index_template="{{ volume_name }}",
            max_active_tis_per_dagrun=movers.target,
        ).expand(volume=adapt.output)
        resources = ApplyResourcesOperator(
            task_id="resources",
            plan=document,
            adapted=adapt.output["adapted"],
            trigger_rule=TriggerRule.NONE_FAILED,
        )
        ready = WaitReadyOperator(task_id="ready", plan=document, adapted=adapt.output["adapted"])
        verify = VerifyOperator(
            task_id="verify",
            plan=document,
            adapted=adapt.output["adapted"],
            volumes=restore.output,
            trigger_rule=TriggerRule.NONE_FAILED,
        )
        summary = SummariseCutoverOperator(task_id="summary", plan=document)
        finish = ApprovalGate(
            task_id="finish",
            subject=f"Finish the migration of {plan.name}?",
            body="{{ ti.xcom_pull(task_ids='summary', key='facts') }}",
            approvers=plan.approvals.finish,
            response_timeout=plan.approvals.timeout,
            refused=f"The source is still stopped: run {plan.name}.rollback to bring it back.",
        )
        finished = NoteOperator(task_id="finished", plan=document, event="finished", data=finish.output)
        chain(prepare, approve, quiesce, final, adapt, claims, restore, resources, ready, verify, summary)
        chain(summary, finish, finished)
    return dag


for each in load_plans(plans_folder(__file__)):
    if each.target:
        cutover(each)
