"""Removes what rehearsals made, wherever they stopped.

Everything carries the rehearsal's label, so nothing but the cluster has to be asked. Namespaces go as a
whole: operators of the target may have made things there that carry no label of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migration_ops.cluster import (
    ApiError,
    Cluster,
    Forbidden,
    Manifest,
    NotFound,
    ObjectReference,
    discovery,
    roll_back,
)
from migration_ops.cluster.deletion import delete_and_wait
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import marked_by_others, run_selector
from migration_ops.cluster.reference import labels_of
from migration_ops.cluster.versions import reading_versions
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.rehearsal.scratch import REHEARSAL_LABEL

if TYPE_CHECKING:
    from migration_ops.migration.plan import Plan

_NAMESPACE_SECONDS = 300.0


@dataclass
class TornDown:
    """What was removed.

    :param runs: the rehearsals that it belonged to.
    """

    runs: list[str] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    objects: int = 0


def left_by(target: Cluster, plan: Plan, *, but: str = "") -> list[str]:
    """The rehearsals of a plan of which something is there.

    :param but: a run that is left out.
    """
    found = {labels_of(one)[REHEARSAL_LABEL] for one in _labelled(target, plan, REHEARSAL_LABEL)}
    return sorted(found - {but})


def tear_down(target: Cluster, plan: Plan, runs: Iterable[str], say: Callable[[str], None]) -> TornDown:
    """Delete everything that those rehearsals made; may be repeated.

    Volumes go with their claims, also where their class would keep them: they are copies.

    :param runs: as label values.
    :param say: told of each namespace.
    :raises MigrationError: if something is still there; names it with what holds it.
    """
    done = TornDown()
    problems: list[str] = []
    for run in runs:
        done.runs.append(run)
        namespaces = _namespaces(target, plan, run)
        names = {str(one["metadata"]["name"]) for one in namespaces}
        _give_up_volumes(target, names)
        for name, problem in zip(
            sorted(names), target.each(_delete_namespace(target), sorted(names)), strict=True
        ):
            if problem:
                problems.append(problem)
            else:
                done.namespaces.append(name)
                say(f"deleted: namespace {name} with all that was in it")
        result = roll_back(target, plan=plan.name, run=run)
        done.objects += len(result.deleted)
        problems += result.problems
        problems += [f"{name} was kept: it {reason}" for name, reason in result.kept]
    if problems:
        raise MigrationError("not all of the rehearsal could be removed:\n" + "\n".join(problems))
    return done


def _namespaces(target: Cluster, plan: Plan, run: str) -> list[Manifest]:
    resource = discovery(target).find("", "Namespace")
    if resource is None:
        return []
    selector = f"{run_selector(plan.name, run)},{REHEARSAL_LABEL}={run}"
    return [
        one
        for one in list_objects(target, resource, label_selector=selector, metadata_only=True)
        if str(one["metadata"]["name"]).startswith("rehearsal-")
        and not marked_by_others(one, REHEARSAL_LABEL)
    ]


def _delete_namespace(target: Cluster) -> Callable[[str], str]:
    resource = discovery(target).find("", "Namespace")

    def delete(name: str) -> str:
        reference = ObjectReference("", "v1", "Namespace", "", name)
        if resource is None:
            return f"{target.name} serves no namespaces"
        try:
            delete_and_wait(target, resource, reference, timeout_seconds=_NAMESPACE_SECONDS)
        except ApiError as error:
            return str(error)
        return ""

    return delete


def _give_up_volumes(target: Cluster, namespaces: set[str]) -> None:
    """Let the volumes of these namespaces' claims be deleted with them."""
    resource = discovery(target).find("", "PersistentVolume")
    if resource is None or not namespaces:
        return
    for volume in list_objects(target, resource):
        spec = volume.get("spec") or {}
        claim = spec.get("claimRef") or {}
        if claim.get("namespace") in namespaces and spec.get("persistentVolumeReclaimPolicy") != "Delete":
            name = volume["metadata"]["name"]
            try:
                target.patch(
                    resource.path(None, name),
                    {"spec": {"persistentVolumeReclaimPolicy": "Delete"}},
                    what=f"let volume {name} go with its claim",
                )
            except NotFound:
                continue


def _labelled(target: Cluster, plan: Plan, label: str) -> list[Manifest]:
    kinds = [one for one in reading_versions(discovery(target, refresh=True)) if "list" in one.verbs]
    selector = f"{run_selector(plan.name)},{label}"

    def read(resource: ApiResource) -> list[Manifest]:
        try:
            return list_objects(target, resource, label_selector=selector, metadata_only=True)
        except (NotFound, Forbidden):
            return []

    return [one for listed in target.each(read, kinds) for one in listed]
