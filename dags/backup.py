"""Make a restore point: every volume, then the resources; the commit record comes last.

Volumes are copied by movers next to them while the application runs; one row each in the grid. An
`incremental` backup compares with the newest restore point and moves what changed, a `full` one reads every
byte again. Either way the restore point is complete by itself, and only what the vault lacks is stored. A
failed volume can be cleared alone: its mover is found again, or what it had stored is not sent twice.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.restore_point import ListVolumesOperator
from migration_ops.operators.runbook import restore_points, runbook
from migration_ops.operators.steps import commit_restore_point, move_volumes

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
    with DAG(**runbook(plan, "backup", __doc__, params={"kind": KIND})) as dag:
        chosen = ListVolumesOperator(task_id="list_volumes", plan=plan.document(), kind="{{ params.kind }}")
        volumes = move_volumes(plan, "volume", chosen.output, into="vault")
        commit_restore_point(plan, chosen, volumes, outlets=[restore_points(plan)])
    return dag


for each in usable_plans(plans_folder(__file__)):
    backup(each)
