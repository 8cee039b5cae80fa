"""Compares objects with what was applied, and sees in the same look which workloads are ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import Cluster, NotFound, ObjectReference, apply, discovery, strip_for_apply
from migration_ops.cluster.apply_one import reason_never_to_apply
from migration_ops.cluster.backends import backends_of
from migration_ops.cluster.existing import policy_for
from migration_ops.cluster.readiness_rules import RULES
from migration_ops.migration.comparison import additions, differences
from migration_ops.migration.target import readiness_subjects

if TYPE_CHECKING:
    from migration_ops.migration.plan import Plan

Manifest = dict[str, Any]
_PLAN_LABEL = "migration-ops.io/plan"
_GUARDED = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "NetworkPolicy"})
"""Kinds in which more is a danger. Elsewhere operators and the application itself may add what they need."""

_SIZE = "/spec/resources/requests/storage"


@dataclass
class ResourcesFound:
    """What comparing the objects brought.

    :param different: a line for each that is missing or other than applied.
    :param explained: what isn't as adapted for a reason that the plan gives.
    :param unsettled: a line for each whose kind isn't served just now, and each workload that isn't ready.
    :param incomplete: whether there were objects that couldn't be compared.
    """

    different: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    unsettled: dict[str, str] = field(default_factory=dict)
    incomplete: bool = False


def verify_resources(plan: Plan, target: Cluster, objects: Sequence[Manifest], run: str) -> ResourcesFound:
    """Read every object and compare it with what was applied.

    Webhooks and API services that had no backend when resources were applied get another chance: their
    workloads are ready by now. Those that still have none are explained.

    :param run: the run as a label value; what waited for its backend until now is applied in its name.
    """
    served = discovery(target, refresh=True)
    scaled = _scaled_by_autoscalers(objects)
    found = ResourcesFound()

    def read(item: Manifest) -> Manifest | None:
        return _read(target, item)

    wanted = [item for item in objects if reason_never_to_apply(item) is None]
    held = [item for item in wanted if backends_of(item) and read(item) is None]
    late = {}
    if held:
        applied = apply(target, held, plan=plan.name, run=run, existing=plan.restore.existing)
        late = {one.object: one for one in applied}
    for item, live in zip(wanted, target.each(read, wanted), strict=True):
        name = str(ObjectReference.of(item))
        if live is None:
            if name in late and late[name].action == "skipped":
                found.explained.append(f"{name} was held back: {late[name].message}")
            elif served.for_object(ObjectReference.of(item)) is None:
                # Just after its start, a server doesn't serve what definitions and other servers add yet.
                found.unsettled[name] = f"{name} is missing: its kind isn't served"
                found.incomplete = True
            else:
                found.different.append(f"{name} is missing")
            continue
        if late_line := _late(item, live, autoscaled=_identity(item) in scaled):
            found.unsettled[name] = late_line
        _compare(plan, item, live, found, autoscaled=_identity(item) in scaled)
    return found


def _compare(plan: Plan, item: Manifest, live: Manifest, found: ResourcesFound, *, autoscaled: bool) -> None:
    """Compare one object with what was applied, and put into words what differs."""
    name = str(ObjectReference.of(item))
    labels = (live.get("metadata") or {}).get("labels") or {}
    if labels.get(_PLAN_LABEL) != plan.name and leaves_existing(plan, item):
        found.explained.append(f"{name} was there before and the plan says to leave such objects")
        return
    paths = differences(strip_for_apply(item), live)
    if autoscaled and "/spec/replicas" in paths:
        paths.remove("/spec/replicas")
        found.explained.append(f"{name} is scaled by its autoscaler")
    if item["kind"] == "PersistentVolumeClaim" and _SIZE in paths:
        paths.remove(_SIZE)
        found.explained.append(f"{name} was staged with another size")
    if added := additions(item, live):
        if item["kind"] in _GUARDED:
            paths += added
        else:
            found.explained.append(f"{name} has got more from others: {', '.join(added)}")
    if paths:
        found.different.append(f"{name} differs at {', '.join(paths)}")


def unready_workloads(target: Cluster, objects: Sequence[Manifest]) -> dict[str, str]:
    """Look at the workloads alone once more: a line for each that isn't ready.

    :param objects: the adapted objects.
    """
    scaled = _scaled_by_autoscalers(objects)
    workloads = [item for item in objects if _is_waited_for(item) and reason_never_to_apply(item) is None]
    found = {}
    for item, live in zip(workloads, target.each(lambda one: _read(target, one), workloads), strict=True):
        name = str(ObjectReference.of(item))
        if live is None:
            found[name] = f"{name} is missing"
        elif line := _late(item, live, autoscaled=_identity(item) in scaled):
            found[name] = line
    return found


def leaves_existing(plan: Plan, item: Manifest) -> bool:
    """Whether the plan says to leave an object of this kind as it is where there is one."""
    if item["kind"] == "PersistentVolumeClaim":
        return not plan.restore.takes_over_claims
    return policy_for(ObjectReference.of(item), plan.restore.existing) == "skip"


def _read(target: Cluster, item: Manifest) -> Manifest | None:
    reference = ObjectReference.of(item)
    resource = discovery(target).for_object(reference)
    if resource is None:
        return None
    try:
        found: Manifest = target.get(resource.path(reference.namespace or None, reference.name))
    except NotFound:
        return None
    return found


def _is_waited_for(item: Manifest) -> bool:
    return ObjectReference.of(item).group_kind in RULES and bool(readiness_subjects([item]))


def _late(item: Manifest, live: Manifest, *, autoscaled: bool) -> str:
    """What a workload misses to be ready; nothing if it is, or is none.

    How many more an autoscaler wants just now is no matter of the migration.
    """
    if not _is_waited_for(item):
        return ""
    if autoscaled:
        spec = live.get("spec") or {}
        wanted = min(spec.get("replicas", 1), (item.get("spec") or {}).get("replicas") or 1)
        live = live | {"spec": spec | {"replicas": wanted}}
    reference = ObjectReference.of(item)
    missing = RULES[reference.group_kind](live)
    return f"{reference}: {missing}" if missing else ""


def _identity(item: Manifest) -> tuple[str, str, str]:
    return item["kind"], str(item["metadata"].get("namespace")), str(item["metadata"]["name"])


def _scaled_by_autoscalers(objects: Sequence[Manifest]) -> set[tuple[str, str, str]]:
    return {
        (
            str(item["spec"]["scaleTargetRef"]["kind"]),
            str(item["metadata"].get("namespace")),
            str(item["spec"]["scaleTargetRef"]["name"]),
        )
        for item in objects
        if item["kind"] == "HorizontalPodAutoscaler"
    }
