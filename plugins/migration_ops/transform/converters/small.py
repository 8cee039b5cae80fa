"""Conversions that move a field or two: RBAC, RuntimeClass, EndpointSlice."""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at
from migration_ops.transform.registry import converter

RBAC_GROUP = "rbac.authorization.k8s.io"


@converter("rbac")
def convert_rbac(draft: Draft, _to: str, _context: Context) -> None:
    """Name the API groups that v1alpha1 named as versions.

    :param draft: the role or binding.
    :param _to: rbac.authorization.k8s.io/v1.
    :param _context: unused.
    """
    for index, subject in enumerate(items_at(draft.manifest, "subjects")):
        if "apiVersion" in subject:
            draft.remove(("subjects", index, "apiVersion"))
        if subject.get("kind") in {"User", "Group"} and not subject.get("apiGroup"):
            draft.set(("subjects", index, "apiGroup"), RBAC_GROUP)
    if mapping_at(draft.manifest, "roleRef") and not draft.get(("roleRef", "apiGroup")):
        draft.set(("roleRef", "apiGroup"), RBAC_GROUP)


@converter("runtime-class")
def convert_runtime_class(draft: Draft, _to: str, _context: Context) -> None:
    """Move v1alpha1's handler out of the spec.

    :param draft: the class.
    :param _to: the new version.
    :param _context: unused.
    """
    spec = mapping_at(draft.manifest, "spec")
    if "runtimeHandler" in spec:
        draft.set(("handler",), spec["runtimeHandler"])
        for field in ("overhead", "scheduling"):
            if field in spec:
                draft.set((field,), spec[field])
        draft.remove(("spec",))


@converter("endpoint-slice")
def convert_endpoint_slice(draft: Draft, to: str, _context: Context) -> None:
    """Move v1beta1's topology into fields.

    :param draft: the slice.
    :param to: the new version.
    :param _context: unused.
    """
    if to != "discovery.k8s.io/v1":
        return
    for index, endpoint in enumerate(items_at(draft.manifest, "endpoints")):
        place: Parts = ("endpoints", index)
        topology = dict(endpoint.get("topology") or {})
        draft.remove((*place, "topology"))
        for label, field in (("kubernetes.io/hostname", "nodeName"), ("topology.kubernetes.io/zone", "zone")):
            value = topology.pop(label, None)
            if value is not None and endpoint.get(field) is None:
                draft.set((*place, field), value)
        if topology:
            draft.set((*place, "deprecatedTopology"), topology)
