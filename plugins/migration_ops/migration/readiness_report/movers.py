"""Whether the namespaces with volumes let movers in: quotas, limit ranges, pod security, nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from migration_ops.cluster import Claim
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding
from migration_ops.migration.readiness_report.placement import check_placement
from migration_ops.migration.readiness_report.pod_security import check_mover_levels
from migration_ops.migration.readiness_report.pods import PodDemand, pod_requests
from migration_ops.migration.readiness_report.quotas import check_limit_ranges, check_quotas
from migration_ops.mover import Credentials, MoverSpec, build_job

Side = Literal["source", "target"]


def check_movers(
    plan: Plan, claims: Sequence[Claim], side: Side, facts: ClusterFacts
) -> list[ReadinessFinding]:
    """Find namespaces whose rules refuse the plan's movers.

    :param claims: the source's volumes.
    :param facts: of that side's cluster.
    """
    demands = mover_demands(plan, claims, side)
    namespaces = {demand.namespace for demand in demands}
    return [
        *check_quotas(demands, [], facts.kind("", "ResourceQuota")),
        *check_limit_ranges(demands, [], facts.kind("", "LimitRange")),
        *check_mover_levels(namespaces, facts.kind("", "Namespace")),
        # In the source a mover goes to its volume's node, whatever keeps other pods off.
        *(check_placement(demands, facts.kind("", "Node")) if side == "target" else []),
    ]


def mover_demands(plan: Plan, claims: Iterable[Claim], side: Side) -> list[PodDemand]:
    """The movers that run at a time in each namespace, at most.

    :param claims: the source's volumes.
    """
    at_a_time = plan.movers.parallelism.source if side == "source" else plan.movers.parallelism.target
    counted = Counter(
        claim.namespace if side == "source" else plan.target_namespace(claim.namespace) for claim in claims
    )
    demands = []
    for namespace, number in sorted(counted.items()):
        spec = MoverSpec(
            plan=plan.name,
            run="readiness",
            action="backup" if side == "source" else "restore",
            namespace=namespace,
            command=(),
            image=plan.movers.image,
            requests=plan.movers.requests,
            limits=plan.movers.limits,
        )
        pod = build_job(spec, Credentials({}))["spec"]["template"]["spec"]
        demands.append(
            PodDemand(
                object=f"movers in {namespace} of the {side}",
                namespace=namespace,
                labels={},
                spec=pod,
                count=min(number, at_a_time),
                requests=pod_requests(pod),
            )
        )
    return demands
