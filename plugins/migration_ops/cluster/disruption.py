"""PodDisruptionBudgets that stand against stopping workloads."""

from __future__ import annotations

from collections.abc import Sequence

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import QuiesceError
from migration_ops.cluster.kinds import Discovery
from migration_ops.cluster.labels import LabelSelector
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.podspec import pod_labels_of
from migration_ops.cluster.reference import Manifest, reference_of
from migration_ops.cluster.workloads import Workload


def forbidding_budgets(cluster: Cluster, served: Discovery, workloads: Sequence[Workload]) -> list[str]:
    """Return, in words, the budgets that do not allow all pods of these workloads to go.

    :param cluster: the cluster.
    :param served: what it serves.
    :param workloads: what is to be stopped.
    """
    resource = served.find("policy", "PodDisruptionBudget")
    if resource is None:
        return []
    found: list[str] = []
    for namespace in sorted({one.reference.namespace for one in workloads}):
        for budget in list_objects(cluster, resource, namespace):
            covered = [
                str(one.reference)
                for one in workloads
                if one.reference.namespace == namespace and _covers(budget, one.manifest)
            ]
            if covered and not _allows_all(budget):
                found.append(f"{reference_of(budget)} covers {', '.join(covered)}")
    return found


def respect_budgets(cluster: Cluster, served: Discovery, workloads: Sequence[Workload]) -> None:
    """Refuse to stop workloads against a budget.

    :param cluster: the cluster.
    :param served: what it serves.
    :param workloads: what is to be stopped.
    :raises QuiesceError: when a budget stands against it.
    """
    forbidding = forbidding_budgets(cluster, served, workloads)
    if forbidding:
        message = (
            f"PodDisruptionBudgets on {cluster.name} forbid to stop: {'; '.join(forbidding)}; "
            "set quiesce.disruption_budgets to override, or relax them"
        )
        raise QuiesceError(message)


def _covers(budget: Manifest, workload: Manifest) -> bool:
    selector = LabelSelector.of_manifest((budget.get("spec") or {}).get("selector"))
    return selector is not None and selector.matches(pod_labels_of(workload))


def _allows_all(budget: Manifest) -> bool:
    spec, status = budget.get("spec") or {}, budget.get("status") or {}
    if spec.get("maxUnavailable") == "100%" or spec.get("minAvailable") in {0, "0", "0%"}:
        return True
    return bool(status.get("disruptionsAllowed", 0) >= status.get("currentHealthy", 0))
