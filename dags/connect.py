"""Check that a migration can work, before it begins.

Both API servers answer, in which version; the accounts have the rights that later steps need; the target has
the StorageClasses that the plan maps to; the vault exists (it is made if not) and a mover in each cluster can
write to it, read back and delete, and how fast. Nothing is changed but the vault. Run it again after every
change of plan, connection or rights.
"""

from __future__ import annotations

from airflow.sdk import DAG

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.connect import CheckClusterOperator, ConnectReportOperator, InitVaultOperator
from migration_ops.operators.mover import ProbeVaultOperator
from migration_ops.operators.runbook import runbook


def connect(plan: Plan) -> DAG:
    """The DAG `PLAN.connect`."""
    document = plan.document()
    sides = ["source", "target"] if plan.target else ["source"]
    with DAG(**runbook(plan, "connect", __doc__)) as dag:
        vault = InitVaultOperator(task_id="vault", plan=document)
        found, probes = {}, {}
        for side in sides:
            check = CheckClusterOperator(task_id=f"check_{side}", plan=document, side=side)
            probe = ProbeVaultOperator(task_id=f"probe_vault_from_{side}", plan=document, side=side)
            [vault, check] >> probe
            found[side], probes[side] = check.output, probe.output
        ConnectReportOperator(task_id="report", plan=document, found=found, probes=probes)
    return dag


for each in usable_plans(plans_folder(__file__)):
    connect(each)
