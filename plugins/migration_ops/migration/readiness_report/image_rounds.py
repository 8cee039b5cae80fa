"""Which images are probed for a plan, and where: what `connect` does before its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from migration_ops.migration.readiness_report.image_probe import ImageProbe, split_probes
from migration_ops.migration.readiness_report.image_probing import StartedProbe, start_probes
from migration_ops.migration.readiness_report.images import image_probes

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster, Manifest
    from migration_ops.migration.readiness_report.report import Situation


def probes_of(situation: Situation) -> list[ImageProbe]:
    """The probes that a plan needs.

    :param situation: both clusters as read.
    """
    target = situation.target
    accounts = [
        (str(one["metadata"].get("namespace")), str(one["metadata"]["name"]))
        for one in target.kind("", "ServiceAccount")
    ]
    found = image_probes(
        situation.demands,
        namespaces=target.names("", "Namespace"),
        accounts=accounts,
        stand_in=situation.plan.movers.namespace,
    )
    return split_probes(found)


def nodes_of(nodes: Sequence[Manifest]) -> list[str]:
    """The nodes that take pods.

    :param nodes: the target's.
    """
    return sorted(
        str(one["metadata"]["name"]) for one in nodes if not (one.get("spec") or {}).get("unschedulable")
    )


def start_round(situation: Situation, target: Cluster, run: str, *, pre_pull: bool) -> list[StartedProbe]:
    """Start what is to be pulled.

    :param run: the run as a label value.
    :param pre_pull: on every node, so that pods find their images there; else once anywhere.
    :raises ClusterError: if a Job is refused.
    """
    return start_probes(
        target,
        probes_of(situation),
        situation.objects,
        plan=situation.plan.name,
        run=run,
        nodes=nodes_of(situation.target.kind("", "Node")) if pre_pull else (),
    )
