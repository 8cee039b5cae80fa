"""What is already in the target, and what the plan says about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import NotFound
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import made_by
from migration_ops.cluster.reference import Manifest, ObjectReference

Policy = Literal["skip", "update", "recreate", "fail"]
Policies = Policy | Mapping[str, Policy]
"""One policy, or one per kind: ``{"ConfigMap": "update", "apps/Deployment": "recreate", "*": "skip"}``."""

Decision = Literal["create", "resume", "update", "recreate", "skip", "fail"]

# Deleting one of these would delete what others keep in it.
_CONTAINERS = frozenset({("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")})
_CLAIM = ("", "PersistentVolumeClaim")


def policy_for(reference: ObjectReference, policies: Policies) -> Policy:
    """Return the policy for one object.

    :param reference: the object.
    :param policies: see `Policies`.
    """
    if isinstance(policies, str):
        return policies
    for key in (f"{reference.group}/{reference.kind}", reference.kind):
        if key in policies:
            return policies[key]
    return policies.get("*", "skip")


def decide(  # noqa: PLR0911 (one return per case reads as the table that it is)
    reference: ObjectReference, found: Mapping[str, Any] | None, policies: Policies, plan: str, run: str
) -> tuple[Decision, str]:
    """Decide what to do about one object, and why.

    :param reference: the object to apply.
    :param found: metadata of the object of that name in the target, if there is one.
    :param policies: what to do with what exists.
    :param plan: our plan.
    :param run: our run.
    """
    if found is None:
        return "create", ""
    if made_by(dict(found), plan, run):
        return "resume", "made by an earlier try of this run"
    if reference.group_kind == _CLAIM:
        if made_by(dict(found), plan):
            return "skip", "staged by this plan"
        policy = policy_for(reference, policies)
        return ("fail" if policy == "fail" else "skip"), "a claim of that name exists"
    if made_by(dict(found), plan):
        return "update", f"made by an earlier run of plan {plan}"
    if reference.group_kind == ("", "ServiceAccount") and reference.name == "default":
        return "update", "every namespace has it"
    policy = policy_for(reference, policies)
    if reference.group_kind in _CONTAINERS and policy in {"fail", "recreate"}:
        # A namespace that is there is no conflict: what lies in it may be.
        return (
            "skip" if reference.kind == "Namespace" else "update",
            "exists; its content is judged by itself",
        )
    return policy, "an object of that name exists"


class ExistingIndex:
    """Which objects of a set are in the target already.

    One list of metadata per kind and namespace instead of a request per object.

    :param cluster: the target.
    :param served: what it serves.
    """

    def __init__(self, cluster: Cluster, served: Discovery) -> None:
        self._cluster = cluster
        self._served = served
        self._found: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self._asked: set[tuple[str, str, str]] = set()

    def load(self, objects: Iterable[Manifest]) -> None:
        """Ask for everything of the kinds and namespaces of these objects that was not asked yet.

        :param objects: manifests that will be applied.
        """
        tasks: dict[tuple[str, str, str], ApiResource] = {}
        for manifest in objects:
            reference = ObjectReference.of(manifest)
            resource = self._served.for_object(reference)
            key = (reference.group, reference.kind, reference.namespace)
            if resource is not None and key not in self._asked:
                tasks[key] = resource

        def ask(task: tuple[tuple[str, str, str], ApiResource]) -> list[Manifest]:
            (_, _, namespace), resource = task
            try:
                return list_objects(self._cluster, resource, namespace or None, metadata_only=True)
            except NotFound:
                return []  # a definition that is not served yet

        for found in self._cluster.each(ask, tasks.items()):
            for manifest in found:
                self._found[ObjectReference.of(manifest).identity] = manifest["metadata"]
        self._asked.update(tasks)

    def use(self, served: Discovery) -> None:
        """Go on with a newer discovery, after definitions were applied.

        :param served: what the target serves now.
        """
        self._served = served

    def get(self, reference: ObjectReference) -> dict[str, Any] | None:
        """Return the metadata of an object in the target, or ``None``.

        :param reference: the object.
        """
        return self._found.get(reference.identity)
