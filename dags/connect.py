"""Check that a migration can work, before it begins.

Both API servers answer, in which version; the accounts have the rights that later steps need; the target has
the StorageClasses that the plan maps to; the vault exists (it is made if not) and a mover in each cluster can
write to it, read back and delete, and how fast; the target can pull every image. Then the readiness report:
everything that would go wrong in a cutover, with what to do about it. The run fails if something of that
stands against a cutover. Nothing is changed but the vault. Run it again after every change of plan,
connection or rights.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.connect import (
    CheckClusterOperator,
    ConnectReportOperator,
    InitVaultOperator,
    ProbeImagesOperator,
)
from migration_ops.operators.mover import ProbeVaultOperator
from migration_ops.operators.runbook import params_once, runbook

IMAGES = Param(
    "probe",
    type="string",
    enum=["probe", "pre-pull", "no"],
    title="Images",
    values_display={
        "probe": "pull each once, anywhere in the target",
        "pre-pull": "pull each on every node of the target, so that pods start without waiting for one",
        "no": "don't pull",
    },
    description_md="Whether the target can pull an image is only known by pulling it.",
)


def connect(plan: Plan) -> DAG:
    """The DAG `PLAN.connect`."""
    document = plan.document()
    sides = ["source", "target"] if plan.target else ["source"]
    params = {"images": IMAGES} if plan.target else {}
    with DAG(**runbook(plan, "connect", __doc__, params=params)) as dag, params_once(dag):
        vault = InitVaultOperator(task_id="vault", plan=document)
        found, probes = {}, {}
        for side in sides:
            check = CheckClusterOperator(task_id=f"check_{side}", plan=document, side=side)
            probe = ProbeVaultOperator(task_id=f"probe_vault_from_{side}", plan=document, side=side)
            [vault, check] >> probe
            found[side], probes[side] = check.output, probe.output
        images = None
        if plan.target:
            images = ProbeImagesOperator(task_id="probe_images", plan=document, mode="{{ params.images }}")
            list(found.values()) >> images
        pulls = images.output if images else None
        ConnectReportOperator(task_id="report", plan=document, found=found, probes=probes, pulls=pulls)
    return dag


for each in usable_plans(plans_folder(__file__)):
    connect(each)
