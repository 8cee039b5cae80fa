"""What is already in the target, and what the plan says about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.listing import FEW_NAMESPACES, again_when_expired, list_objects, pages
from migration_ops.cluster.marks import PLAN_LABEL, applied_at, is_copy, made_by
from migration_ops.cluster.reading import in_a_version_that_answers
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
    :param found: metadata of the object of that name in the target, if there is one; ``copied`` when our
        labels on it were written by somebody else (`migration_ops.cluster.marks.is_copy`).
    :param policies: what to do with what exists.
    :param plan: our plan.
    :param run: our run.
    """
    if found is None:
        return "create", ""
    ours = not found.get("copied")
    if ours and made_by(dict(found), plan, run):
        return "resume", "made by an earlier try of this run"
    if reference.group_kind == _CLAIM:
        if ours and made_by(dict(found), plan):
            return "skip", "staged by this plan"
        policy = policy_for(reference, policies)
        return ("fail" if policy == "fail" else "skip"), "a claim of that name exists"
    if ours and made_by(dict(found), plan):
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
    copied = "" if ours else ", with labels that somebody copied from another one of this plan"
    return policy, f"an object of that name exists{copied}"


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

    def load(self, objects: Iterable[Manifest]) -> None:
        """Ask for everything of the kinds and namespaces of these objects.

        :param objects: manifests that will be applied.
        :raises ClusterError: when something cannot be listed.
        """
        namespaces = self._served.find("", "Namespace")
        if namespaces is not None:
            self._remember(list_objects(self._cluster, namespaces, metadata_only=True))
        places: dict[ApiResource, set[str]] = {}
        for manifest in objects:
            reference = ObjectReference.of(manifest)
            resource = self._served.for_object(reference)
            there = not reference.namespace or ("", "Namespace", "", reference.namespace) in self._found
            if resource is not None and resource != namespaces and there:
                places.setdefault(resource, set()).add(reference.namespace)
        tasks: list[tuple[ApiResource, str | None]] = []
        for resource, spaces in places.items():
            one_by_one = resource.namespaced and len(spaces) <= FEW_NAMESPACES
            tasks += [(resource, space) for space in spaces] if one_by_one else [(resource, None)]

        @again_when_expired
        def ask(task: tuple[ApiResource, str | None]) -> None:
            resource, space = task

            def remember(version: ApiResource) -> None:
                for page in pages(self._cluster, version, space, metadata_only=True):
                    self._remember(page)

            in_a_version_that_answers(self._cluster, self._served, resource, remember)

        for _ in self._cluster.each(ask, tasks):
            pass

    def _remember(self, manifests: Iterable[Manifest]) -> None:
        for manifest in manifests:
            self._found[ObjectReference.of(manifest).identity] = _remembered(manifest)

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


def _remembered(manifest: Manifest) -> dict[str, Any]:
    """Keep of an object's metadata what decisions need; a target may hold very many objects."""
    metadata = manifest["metadata"]
    kept = {key: metadata.get(key) for key in ("uid", "resourceVersion", "labels", "annotations")}
    return kept | {"appliedAt": applied_at(metadata), "copied": is_copy(manifest, PLAN_LABEL)}
