"""Reads both clusters for the readiness report; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import (
    ApiError,
    Cluster,
    NotFound,
    capture,
    check_permissions,
    find_quiesced,
    source_permissions,
    target_permissions,
)
from migration_ops.migration.adaptation import adapt, provider_of, selection
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.capacity import adds_nodes_itself
from migration_ops.migration.readiness_report.facts import ClusterFacts, read_facts
from migration_ops.migration.readiness_report.hook_objects import missing_hook_objects
from migration_ops.migration.readiness_report.report import Situation
from migration_ops.migration.readiness_report.trial import dry_run

if TYPE_CHECKING:
    from migration_ops.migration.readiness_report.images import ImagePull
    from migration_ops.migration.restore_point import RestorePoint

_AUTOSCALER = "cluster-autoscaler-status"


def gather(
    plan: Plan,
    source: Cluster,
    target: Cluster,
    *,
    run: str,
    probes: Mapping[str, Mapping[str, Any] | None] | None = None,
    pulls: Sequence[ImagePull] | None = None,
    latest: RestorePoint | None = None,
    vault_keys_end: datetime | None = None,
) -> Situation:
    """Read the source, adapt what is there, and let the target judge it.

    :param run: the run as a label value; a dry run writes nothing, but says whose the objects would be.
    :param probes: by side, the summary of the vault probe; left out when it wasn't run.
    :param pulls: what the image probes said; left out when they weren't run.
    :param latest: the newest restore point, if there is one: its sizes are held against the target's claims.
    :param vault_keys_end: when the keys end that movers get; nothing if they don't.
    :raises ClusterError: if one of the clusters can't be reached.
    :raises TransformError: if a rule set is missing or wrong.
    """
    from migration_ops.migration.target import with_namespaces  # it asks this package about quantities

    # Discovery first: it says in which versions the source is best read.
    there = read_facts(target, plan.namespaces.values())
    found = capture(source, selection(plan), target_apis=there.served.api_names())
    names = {str(one.manifest["metadata"].get("namespace") or "") for one in found.objects} - {""}
    adapted = adapt(
        plan,
        found.manifests(there.served.api_names()),
        target_version=there.version,
        target_apis=there.served.api_names(),
        source_provider=provider_of(source),
    )
    objects = with_namespaces(adapted.objects)
    targets = sorted(plan.target_namespace(name) for name in names)
    if set(targets) - set(plan.namespaces.values()):
        there = read_facts(target, targets)
    return Situation(
        plan=plan,
        source=read_facts(source, names),
        target=there,
        capture=found,
        adapted=adapted,
        objects=objects,
        trial=dry_run(target, objects, plan=plan, run=run),
        rights={
            "source": check_permissions(source, source_permissions(sorted(names) or [""])),
            "target": check_permissions(target, target_permissions(targets or [""])),
        },
        probes=probes,
        pulls=pulls,
        latest=latest,
        vault_keys_end=vault_keys_end,
        scales=_scales(target, there),
        unhooked=missing_hook_objects(plan, source),
        stopped={name: stopped_by for name, (stopped_by, _) in find_quiesced(source).items()},
    )


def _scales(target: Cluster, facts: ClusterFacts) -> bool:
    path = f"/api/v1/namespaces/kube-system/configmaps/{_AUTOSCALER}"
    try:
        target.get(path, what="look for the cluster autoscaler")
        names = [_AUTOSCALER]
    except (NotFound, ApiError):
        names = []
    return adds_nodes_itself(names, facts.kind("", "Node"))
