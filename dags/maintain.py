"""Keep the vault small and sound: forget old restore points, prune, check.

`forget` keeps what the plan's `retention` says, and everything while a cutover is prepared or under way.
`prune` deletes data that no restore point needs, `check` looks at the vault's structure and reads a part of
the data again; both are movers in the source. It begins by itself as `schedule.maintain` says, within the
plan's windows: while it prunes, backups wait.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, chain

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.maintain import ForgetPointsOperator, VaultWorkOperator
from migration_ops.operators.mover import pool_of
from migration_ops.operators.runbook import maintenance_schedule, params_once, runbook

PART = Param(
    "5%",
    type="string",
    pattern=r"^(100|[1-9]\d?)%$",
    title="Part of the data to read",
    description_md="Read again and compared with its checksums; another part each time.",
)


def maintain(plan: Plan) -> DAG:
    """The DAG `PLAN.maintain`."""
    document = plan.document()
    with (
        DAG(**runbook(plan, "maintain", __doc__, params={"read": PART}, **maintenance_schedule(plan))) as dag,
        params_once(dag),
    ):
        forget = ForgetPointsOperator(task_id="forget", plan=document)
        pool = pool_of(plan, "source")
        prune = VaultWorkOperator(task_id="prune", plan=document, command=["prune"], **pool)
        part = ["check", "--read-data-subset", "{{ params.read }}"]
        check = VaultWorkOperator(task_id="check", plan=document, command=part, **pool)
        chain(forget, prune, check)
    return dag


for each in usable_plans(plans_folder(__file__)):
    maintain(each)
