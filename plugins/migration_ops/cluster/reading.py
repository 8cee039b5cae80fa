"""Reads a kind in whichever of its served versions answers.

A definition's conversion webhook belongs to its operator. When that is stopped, for a cutover or for good,
the API server can still give the version in which it stores the objects, but no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.definitions import CUSTOM_RESOURCE_DEFINITION
from migration_ops.cluster.errors import ApiError, Rejected, ServerFailed
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.versions import is_built_in

_T = TypeVar("_T")


def in_a_version_that_answers(
    cluster: Cluster, served: Discovery, resource: ApiResource, ask: Callable[[ApiResource], _T]
) -> tuple[_T, ApiResource, str]:
    """Ask in the wished version, and when the server cannot convert to it, in the others.

    :param cluster: the cluster.
    :param served: what it serves.
    :param resource: the kind in the wished version.
    :param ask: what to do with one version.
    :return: the answer, the version that gave it, and why it is not the wished one (empty when it is).
    :raises ApiError: of the wished version, when none answers.
    """
    try:
        return ask(resource), resource, ""
    except ApiError as error:
        if is_built_in(resource.group) or not isinstance(error, ServerFailed | Rejected):
            raise
        first = error
    for other in _others(cluster, served, resource):
        try:
            return ask(other), other, f"{first}; read as {other.api_version} instead"
        except ApiError:
            continue
    raise first


def _others(cluster: Cluster, served: Discovery, resource: ApiResource) -> list[ApiResource]:
    """The other served versions, the stored one first."""
    others = [
        one
        for one in served.versions(resource.group, resource.kind)
        if one.version != resource.version and "list" in one.verbs
    ]
    stored = _stored_version(cluster, served, resource) if others else None
    return sorted(others, key=lambda one: one.version != stored)


def _stored_version(cluster: Cluster, served: Discovery, resource: ApiResource) -> str | None:
    definitions = served.find(*CUSTOM_RESOURCE_DEFINITION)
    if definitions is None:
        return None
    try:
        found = cluster.get(
            definitions.path(name=resource.qualified), what=f"read definition {resource.qualified}"
        )
    except ApiError:
        return None
    versions = (found.get("spec") or {}).get("versions") or []
    return next((one["name"] for one in versions if one.get("storage")), None)
