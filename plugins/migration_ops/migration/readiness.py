"""What `connect` finds out about the two clusters before anything is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from migration_ops.migration.adaptation import selection
from migration_ops.migration.errors import ReadinessError
from migration_ops.migration.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration_ops.cluster import Cluster, Permission


class ClusterState(BaseModel):
    """One cluster as found.

    :param side: `source` or `target`.
    :param blockers: what must be mended before the migration, each with its remedy.
    :param volumes: the chosen claims as `namespace/name (capacity, class)`.
    """

    side: str
    name: str
    version: str
    identity: str
    storage_classes: list[str]
    permissions: int
    namespaces: list[str] = []
    volumes: list[str] = []
    objects: dict[str, int] = {}
    warnings: list[str] = []
    blockers: list[str] = []

    def lines(self) -> list[str]:
        """What was found, a line each."""
        found = [f"StorageClasses: {', '.join(self.storage_classes) or 'none'}"]
        found.append(f"Rights: {self.permissions} asked for, {len(self.blockers)} problems")
        if self.side == "source":
            found.append(f"Objects: {sum(self.objects.values())} of {len(self.objects)} kinds")
            found += [f"Volume: {volume}" for volume in self.volumes]
        found += [f"Warning: {warning}" for warning in self.warnings]
        return found + [f"Blocker: {blocker}" for blocker in self.blockers]

    def raise_for_blockers(self) -> None:
        """Stop the run if anything must be mended first.

        :raises ReadinessError: naming all of it.
        """
        if self.blockers:
            raise ReadinessError(f"{self.side} {self.name} isn't ready:\n" + "\n".join(self.blockers))


def check_source(plan: Plan, source: Cluster) -> ClusterState:
    """Look at the cluster that the applications leave."""
    from migration_ops.cluster import capture, discovery, source_permissions
    from migration_ops.migration.hook_rights import hook_permissions

    chosen = selection(plan)
    found = capture(source, chosen)
    namespaces = sorted(
        {str((one.manifest.get("metadata") or {}).get("namespace") or "") for one in found.objects} - {""}
    )
    needed = source_permissions(namespaces or [""]) + hook_permissions(plan, discovery(source))
    state = _state("source", source, needed)
    blockers = list(state.blockers)
    if not found.objects:
        blockers.append("the plan's selection matches nothing: check select.namespaces and select.resources")
    return state.model_copy(
        update={
            "namespaces": namespaces,
            "objects": found.counts_by_kind,
            "volumes": [
                f"{one.namespace}/{one.name} ({one.capacity}, {one.storage_class or 'no class'})"
                for one in found.claims
            ],
            "warnings": [f"{one.object} could not be read: {one.reason}" for one in found.unreadable]
            + [
                f"namespace {name} is named by the plan and doesn't exist" for name in found.absent_namespaces
            ],
            "blockers": blockers,
        }
    )


def check_target(plan: Plan, target: Cluster) -> ClusterState:
    """Look at the cluster that the applications move to."""
    from migration_ops.cluster import target_permissions

    state = _state("target", target, target_permissions(sorted(plan.namespaces.values()) or [""]))
    missing = sorted(set(plan.transform.storage_classes.values()) - set(state.storage_classes))
    blockers = state.blockers + [
        f"StorageClass {name} is named by transform.storage_classes and doesn't exist in the target: "
        "create it, or map to one that does"
        for name in missing
    ]
    return state.model_copy(update={"blockers": blockers})


def _state(side: str, cluster: Cluster, needed: Iterable[Permission]) -> ClusterState:
    from migration_ops.cluster import check_permissions, storage_classes

    answers = check_permissions(cluster, needed)
    return ClusterState(
        side=side,
        name=cluster.name,
        version=cluster.version(),
        identity=cluster.identity(),
        storage_classes=sorted(str(item["metadata"]["name"]) for item in storage_classes(cluster)),
        permissions=len(answers),
        blockers=[
            f"the account may not {one.permission}{f' ({one.reason})' if one.reason else ''}: grant it "
            f"(`migration-ops account kubeconfig {side} --plan ...` makes what is needed)"
            for one in answers
            if not one.allowed
        ],
    )
