"""Lets the target judge objects that could not be made yet, because their namespace or kind is still missing.

The API server validates an object only at an address that exists. An object for a missing namespace is tried
under a name of its own in a namespace that is there; one of a kind whose definition is in the same set is
checked against that definition.
"""

from __future__ import annotations

from collections.abc import Sequence

from migration_ops.cluster.apply_one import ObjectResult
from migration_ops.cluster.closure import needs_of
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.definitions import CUSTOM_RESOURCE_DEFINITION
from migration_ops.cluster.errors import ApiError, NotFound
from migration_ops.cluster.kinds import Discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import remember
from migration_ops.cluster.recreating import TOO_LARGE, stand_in_name
from migration_ops.cluster.reference import Manifest, ObjectReference, copy_of
from migration_ops.cluster.schemas import schema_problems

STAND_IN = "default"
"""The one namespace that every cluster has."""


def foreseen_refusal(cluster: Cluster, served: Discovery, reference: ObjectReference) -> str | None:
    """Return why an object that is there would not be made anew, whatever the server says of the new one.

    :param cluster: the target.
    :param served: what it serves.
    :param reference: the object.
    :return: the reason, or ``None``.
    """
    resource = served.for_object(reference)
    if resource is None:
        return None
    try:
        current = cluster.get(resource.path(reference.namespace, reference.name), what=f"read {reference}")
    except ApiError:
        return None  # gone by now, or not to be read: then the server's own refusal says more
    return TOO_LARGE if remember(current)[1] is None else None


class DryRun:
    """Judges one set.

    :param cluster: the target.
    :param served: what it serves.
    :param objects: the whole set.
    """

    def __init__(self, cluster: Cluster, served: Discovery, objects: Sequence[Manifest]) -> None:
        self._cluster = cluster
        self._served = served
        namespaces = served.find("", "Namespace")
        found = list_objects(cluster, namespaces, metadata_only=True) if namespaces else []
        self._namespaces = {one["metadata"]["name"] for one in found}
        self._made = {
            one["metadata"]["name"]
            for one in objects
            if ObjectReference.of(one).group_kind == ("", "Namespace")
        }
        self._set = {ObjectReference.of(one).identity for one in objects}
        self._definitions = {
            (one["spec"]["group"], one["spec"]["names"]["kind"]): one
            for one in objects
            if ObjectReference.of(one).group_kind == CUSTOM_RESOURCE_DEFINITION
        }

    def without_server(self, manifest: Manifest) -> ObjectResult | None:
        """Judge an object that no API server can judge yet; ``None`` when the target can.

        :param manifest: stripped for applying.
        """
        reference = ObjectReference.of(manifest)
        name = str(reference)
        if lost := self._lost_conversion(manifest):
            return ObjectResult(name, "failed", lost)
        missing = reference.namespace and reference.namespace not in self._namespaces | self._made
        if missing:
            message = f"namespace {reference.namespace} neither exists nor is in the set"
            return ObjectResult(name, "failed", message)
        if self._served.for_object(reference) is not None:
            return None
        definition = self._definitions.get(reference.group_kind)
        if definition is None:
            return None
        problems = schema_problems(manifest, definition)
        if problems:
            return ObjectResult(name, "failed", "; ".join(problems[:5]))
        return ObjectResult(name, "created", "checked against its definition in the set")

    def _lost_conversion(self, manifest: Manifest) -> str | None:
        """A definition is taken without its webhook, and no object in another version can be read then."""
        if ObjectReference.of(manifest).group_kind != CUSTOM_RESOURCE_DEFINITION:
            return None
        for need in needs_of(manifest):
            services = self._served.find(need.group, need.kind)
            if (need.group, need.kind, need.namespace, need.name) in self._set or services is None:
                continue
            try:
                self._cluster.get(services.path(need.namespace, need.name), what=f"read the {need.reason}")
            except NotFound:
                return (
                    f"the Service {need.namespace}/{need.name} of its conversion webhook is neither in the "
                    "set nor in the target; take its namespace along, or install its operator there first"
                )
            except ApiError:
                continue  # nothing is known: the server's own answer counts
        return None

    def stand_in(self, manifest: Manifest, *, anew: bool = False) -> Manifest:
        """Return what to send in place of an object whose namespace is still missing.

        :param manifest: stripped for applying.
        :param anew: the object would be made anew, so it must not be compared with the one that is there.
        """
        reference = ObjectReference.of(manifest)
        if reference.group_kind == ("", "Pod"):
            manifest = self._without_newcomers(manifest)
        if not reference.namespace or (reference.namespace in self._namespaces and not anew):
            return manifest
        other = copy_of(manifest)
        if reference.namespace not in self._namespaces:
            other["metadata"]["namespace"] = STAND_IN
        other["metadata"]["name"] = stand_in_name(reference)
        return other

    def _without_newcomers(self, pod: Manifest) -> Manifest:
        """Admission refuses a pod whose account or classes are missing, also when the set brings them."""
        reference = ObjectReference.of(pod)
        spec = dict(pod.get("spec") or {})
        for field, group, kind, namespace in (
            ("serviceAccountName", "", "ServiceAccount", reference.namespace),
            ("priorityClassName", "scheduling.k8s.io", "PriorityClass", ""),
            ("runtimeClassName", "node.k8s.io", "RuntimeClass", ""),
        ):
            if (group, kind, namespace, spec.get(field)) in self._set:
                del spec[field]
                spec.pop("serviceAccount" if kind == "ServiceAccount" else field, None)
        return {**pod, "spec": spec}
