"""Try the migration: the whole restore into scratch namespaces of the target, verified, timed, and removed.

1. `clear` removes what an interrupted rehearsal left.
2. `begin` makes the scratch namespaces, closes them with network policies, runs the plan's rules over the
   restore point (the newest one without a choice) and takes out what would be seen from outside: entrances,
   load balancers, published names, certificates, webhooks, CronJobs. Cluster-scoped objects are made only if
   the target lacks them.
3. `restore` fills the claims, `isolation` lets a pod try to get out, and only then `resources` starts the
   workloads; `ready` and `verify` prove that they work.
4. `torn_down` removes everything, also after a failure, and `report` tells what came of it.

Neither the source nor the real namespaces of the target are touched. What the steps took makes the next
cutover's forecast better.
"""

from __future__ import annotations

from airflow.sdk import DAG, TriggerRule, chain

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.elsewhere import VerifyElsewhereOperator
from migration_ops.operators.rehearse import (
    BeginRehearsalOperator,
    ClearRehearsalsOperator,
    ProveIsolationOperator,
    TearDownRehearsalOperator,
)
from migration_ops.operators.reporting import ReportRunOperator
from migration_ops.operators.restore import WaitReadyOperator
from migration_ops.operators.restoring import ApplyElsewhereOperator
from migration_ops.operators.runbook import params_once, runbook
from migration_ops.operators.steps import move_volumes


def rehearse(plan: Plan) -> DAG:
    """The DAG `PLAN.rehearse`."""
    document = plan.document()
    kinds_of_run = ["manual", "scheduled", "operator_triggered"]
    with DAG(**runbook(plan, "rehearse", __doc__, allowed_run_types=kinds_of_run)) as dag, params_once(dag):
        clear = ClearRehearsalsOperator(task_id="clear", plan=document)
        begin = BeginRehearsalOperator(
            task_id="begin", plan=document, point="{{ (params.point or '') | trim }}"
        )
        volumes = move_volumes(plan, "restore", begin.output, into="target")
        there = {"plan": document, "there": begin.output["there"]}
        adapted = begin.output["adapted"]
        isolation = ProveIsolationOperator(task_id="isolation", **there)
        resources = ApplyElsewhereOperator(
            task_id="resources",
            adapted=adapted,
            volumes=volumes.output,
            trigger_rule=TriggerRule.NONE_FAILED,
            **there,
        )
        ready = WaitReadyOperator(task_id="ready", plan=document, adapted=adapted)
        verify = VerifyElsewhereOperator(
            task_id="verify",
            adapted=adapted,
            volumes=volumes.output,
            ready=ready.output,
            trigger_rule=TriggerRule.NONE_FAILED,
            **there,
        )
        torn_down = TearDownRehearsalOperator(task_id="torn_down", plan=document).as_teardown(setups=clear)
        report = ReportRunOperator(
            task_id="report",
            plan=document,
            kind="rehearsal",
            needs=["verified", "torn-down"],
            adapted="{{ ti.xcom_pull(task_ids='begin', key='adapted') or '' }}",
            there=begin.output["there"],
            volumes=volumes.output,
            trigger_rule=TriggerRule.ALL_DONE,
        )
        chain(clear, begin, [volumes, isolation], resources, ready, verify, torn_down, report)
    return dag


for each in usable_plans(plans_folder(__file__)):
    if each.target:
        rehearse(each)
