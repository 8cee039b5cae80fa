"""Bring the clusters to Alibaba Cloud: the source as ACK One registered cluster, the target as ACK cluster.

For connections of type `migration_ops_ack`. Each cluster is found by its name or ID, or made if the
connection says how. A registered cluster's agent is applied to the source, and connects it to ACK One over
the Internet or a private network. Then the clusters are looked at: kubeconfig, version, healthy nodes,
components. Clusters whose connections bring their own kubeconfig are skipped; with two such there is nothing
to run here. Run it again at any time: what is there is found.
"""

from __future__ import annotations

from airflow.sdk import DAG

from migration_ops.migration import Plan, plans_folder, usable_plans
from migration_ops.operators.register import (
    AckReportOperator,
    AckStateSensor,
    ApplyAgentOperator,
    FindAckClusterOperator,
)
from migration_ops.operators.runbook import params_once, runbook


def register(plan: Plan) -> DAG:
    """The DAG `PLAN.register`."""
    document = plan.document()
    sides = {"source": plan.source.conn_id} | ({"target": plan.target.conn_id} if plan.target else {})
    with DAG(**runbook(plan, "register", __doc__)) as dag, params_once(dag):
        for side, conn_id in sides.items():
            find = FindAckClusterOperator(task_id=f"find_{side}", plan=document, conn_id=conn_id)
            known = {"conn_id": conn_id, "cluster": find.output}
            made = AckStateSensor(task_id=f"{side}_is_made", until="agent", **known)
            agent = ApplyAgentOperator(task_id=f"connect_{side}", plan=document, **known)
            running = AckStateSensor(
                task_id=f"{side}_runs", until="running", trigger_rule="none_failed_min_one_success", **known
            )
            report = AckReportOperator(task_id=f"report_{side}", plan=document, **known)
            made >> agent >> running >> report
            made >> running
    return dag


for each in usable_plans(plans_folder(__file__)):
    register(each)
