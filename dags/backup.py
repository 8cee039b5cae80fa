"""Make a restore point: every volume, then the resources; the commit record comes last.

Volumes are copied by movers next to them while the application runs; one row each in the grid. An
`incremental` backup compares with the newest restore point and moves what changed, a `full` one reads every
byte again. Either way the restore point is complete by itself, and only what the vault lacks is stored. A
failed volume can be cleared alone: its mover is found again, or what it had stored is not sent twice.

Scheduled runs keep to the plan's windows: movers stop cleanly at a window's end, their rows wait, and go on
in the next one where they were. To pause backups, pause this DAG; afterwards at most one run is made up for.
To skip some nights, set the variable `PLAN.skip_until`. While a cutover has stopped the source, and after it
is finished, scheduled runs are skipped.
"""

from __future__ import annotations

from airflow.sdk import DAG

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.backup import BeginBackupOperator, back_up_volumes, commit_backup
from migration_ops.operators.runbook import backup_schedule, params_once, restore_points, runbook


def backup(plan: Plan) -> DAG:
    """The DAG `PLAN.backup`."""
    with DAG(**runbook(plan, "backup", __doc__, **backup_schedule(plan))) as dag, params_once(dag):
        chosen = BeginBackupOperator(
            task_id="list_volumes",
            plan=plan.document(),
            kind="{{ params.kind }}",
            window="{{ params.window }}",
        )
        volumes = back_up_volumes(plan, chosen.output)
        commit_backup(plan, chosen, volumes, outlets=[restore_points(plan)])
    return dag


for each in usable_plans(plans_folder(__file__)):
    backup(each)
