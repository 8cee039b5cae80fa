"""Make a restore point: every volume, then the resources; the commit record comes last.

Volumes are copied by movers next to them while the application runs; one row each in the grid. An
`incremental` backup compares with the newest restore point and moves what changed, a `full` one reads every
byte again. Either way the restore point is complete by itself, and only what the vault lacks is stored. A
failed volume can be cleared alone: its mover is found again, or what it had stored is not sent twice.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, TriggerRule

from migration_ops.migration import Plan, load_plans, plans_folder
from migration_ops.operators.mover import BackupVolumeOperator
from migration_ops.operators.restore_point import CommitRestorePointOperator, ListVolumesOperator
from migration_ops.operators.runbook import runbook

KIND = Param(
    "incremental",
    type="string",
    enum=["full", "incremental"],
    values_display={"full": "Full: read everything", "incremental": "Incremental: what changed"},
    title="Kind",
    description_md="A full backup also finds changes that a file's time and size don't show.",
)


def backup(plan: Plan) -> DAG:
    """The DAG `PLAN.backup`."""
    document = plan.document()
    with DAG(**runbook(plan, "backup", __doc__, params={"kind": KIND})) as dag:
        chosen = ListVolumesOperator(task_id="list_volumes", plan=document, kind="{{ params.kind }}")
        volumes = BackupVolumeOperator.partial(
            task_id="volume",
            plan=document,
            map_index_template="{{ volume_name }}",
            max_active_tis_per_dagrun=plan.movers.parallelism.source,
        ).expand(volume=chosen.output)
        CommitRestorePointOperator(
            task_id="commit",
            plan=document,
            point=chosen.output["point"],
            volumes=volumes.output,
            trigger_rule=TriggerRule.NONE_FAILED,  # a plan without volumes has resources all the same
        )
    return dag


for each in load_plans(plans_folder(__file__)):
    backup(each)
