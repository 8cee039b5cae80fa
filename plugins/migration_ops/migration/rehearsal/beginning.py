"""Begins a rehearsal: scratch namespaces, closed; objects adapted and defused; claims to be filled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import NotFound, ObjectReference, discovery
from migration_ops.migration.rehearsal.isolation import Isolated, isolate, network_policies
from migration_ops.migration.rehearsal.scratch import rehearsal_plan
from migration_ops.migration.target import (
    AdaptedPoint,
    adapt_restore_point,
    apply_part,
    volumes_to_restore,
)
from migration_ops.migration.vault_records import captured_objects, get_restore_point

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.restore_choice import Choice
    from migration_ops.migration.volumes import RestoreTask
    from migration_ops.vault import Repository

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Begun:
    """A rehearsal whose claims wait for their data.

    :param plan: the plan as it holds in the scratch namespaces.
    """

    plan: Plan
    adapted: AdaptedPoint
    isolated: Isolated
    volumes: list[RestoreTask]

    @property
    def namespaces(self) -> list[str]:
        """The scratch namespaces."""
        return sorted(self.plan.namespaces.values())


def begin_rehearsal(
    plan: Plan,
    repository: Repository,
    point_id: str,
    target: Cluster,
    run: str,
    *,
    say: Callable[[str], None],
    chosen: Choice | None = None,
) -> Begun:
    """Adapt a restore point for the scratch namespaces, close these, and make the claims.

    :param point_id: the newest one's if it is empty.
    :param run: the run as a label value.
    :param say: told of each object.
    :param chosen: which part of the point is rehearsed; all of it if left out.
    :raises BlockerError: if the rules found what people must solve.
    :raises ApplyError: if the target refused a namespace, a policy or a claim.
    :raises RestorePointError: if nothing in the point is chosen.
    """
    point = get_restore_point(repository, plan.name, point_id)
    captured = captured_objects(repository, point)
    if chosen is not None:
        point, captured = chosen.of(point, captured)
    used = {str(item["metadata"].get("namespace") or "") for item in captured}
    used |= {volume.namespace for volume in point.volumes}
    there = rehearsal_plan(plan, used - {""}, run)
    isolated = Isolated()

    def shape(objects: list[Manifest], report: dict[str, Any]) -> tuple[list[Manifest], dict[str, Any]]:
        nonlocal isolated
        isolated = isolate(
            objects,
            plan.rehearsal,
            run,
            namespaces=there.namespaces,
            exists=lambda item: _exists(target, item),
        )
        policies = network_policies(there.namespaces.values(), plan.rehearsal, run)
        return [*isolated.objects, *policies], isolated.report(report)

    adapted = adapt_restore_point(there, repository, point.id, target, run, chosen=chosen, shape=shape)
    # Policies before anything else, so that no pod ever lives without them.
    walls = [item for item in adapted.objects if item["kind"] in {"Namespace", "NetworkPolicy"}]
    for part in ("claims", "resources"):
        apply_part(there, target, walls, run, part=part).raise_for_failures()
    outcome = apply_part(there, target, adapted.objects, run, part="claims")
    for line in outcome.lines():
        say(line)
    outcome.raise_for_failures()
    return Begun(there, adapted, isolated, volumes_to_restore(there, target, adapted, repository, say))


def _exists(target: Cluster, item: Manifest) -> bool:
    reference = ObjectReference.of(item)
    resource = discovery(target).for_object(reference)
    if resource is None:
        return False
    try:
        target.get(resource.path(None, reference.name), what=f"look for {reference}")
    except NotFound:
        return False
    return True
