"""Namespaces inside of longer names; plain references are mapped by the rule set itself."""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at
from migration_ops.transform.registry import adapter

ACCOUNTS_GROUP = "system:serviceaccounts:"
ACCOUNT_USER = "system:serviceaccount:"


@adapter("map-namespace-of-subjects")
def map_subjects(draft: Draft, _base: Parts, context: Context) -> None:
    """Follow a namespace mapping through the users and groups that stand for service accounts.

    :param draft: the (Cluster)RoleBinding.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    for index, subject in enumerate(items_at(draft.manifest, "subjects")):
        place: Parts = ("subjects", index, "name")
        name = str(subject.get("name", ""))
        if subject.get("kind") == "Group" and name.startswith(ACCOUNTS_GROUP):
            namespace = name.removeprefix(ACCOUNTS_GROUP)
            draft.set(place, ACCOUNTS_GROUP + mapping.get(namespace, namespace))
        if subject.get("kind") == "User" and name.startswith(ACCOUNT_USER):
            namespace, _, account = name.removeprefix(ACCOUNT_USER).partition(":")
            draft.set(place, f"{ACCOUNT_USER}{mapping.get(namespace, namespace)}:{account}")


@adapter("map-namespace-of-annotations")
def map_namespace_of_annotations(draft: Draft, _base: Parts, context: Context) -> None:
    """Map the namespace in annotations that hold `namespace/name` (parameter `namespaced_annotations`).

    :param draft: the object.
    :param _base: unused.
    :param context: knows the mapping.
    """
    for key in context.param("namespaced_annotations") or ():
        value = draft.get(("metadata", "annotations", key))
        namespace, slash, name = str(value or "").partition("/")
        mapped = context.parameters.namespaces.get(namespace)
        if slash and mapped is not None:
            draft.set(("metadata", "annotations", key), f"{mapped}/{name}")
