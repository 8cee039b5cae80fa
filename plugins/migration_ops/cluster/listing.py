"""Lists of objects: in pages of one consistent resource version, retried as a whole when it expires."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict, Unpack

import tenacity

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import Expired, NotFound
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.reference import Manifest

PAGE = 500
"""Objects per page: what kubectl takes, and small enough to bound memory with large objects."""

FEW_NAMESPACES = 4
"""Up to so many namespaces are listed one by one, more with one list over all."""

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class Only(TypedDict, total=False):
    """What narrows a list.

    :param label_selector: as the API server takes it.
    :param field_selector: as the API server takes it.
    :param metadata_only: objects without spec, data and status.
    """

    label_selector: str
    field_selector: str
    metadata_only: bool


def pages(
    cluster: Cluster, resource: ApiResource, namespace: str | None = None, **only: Unpack[Only]
) -> Iterator[list[Manifest]]:
    """Yield the objects of one kind page by page; all pages show one resource version.

    The server leaves ``kind`` and ``apiVersion`` out of list items; they are put back.

    :param cluster: the cluster.
    :param resource: the kind.
    :param namespace: only this namespace.
    :param only: what narrows the list.
    :raises Expired: when the list took longer than the server keeps its resource version.
    :raises ClusterError: on any other failure.
    """
    query: dict[str, str | int | bool] = {"limit": PAGE}
    if selector := only.get("label_selector"):
        query["labelSelector"] = selector
    if selector := only.get("field_selector"):
        query["fieldSelector"] = selector
    options = {"accept": METADATA_ONLY} if only.get("metadata_only") else {}
    where = f" in {namespace}" if namespace else ""
    what = f"list {resource.qualified}{where}"
    while True:
        answer: dict[str, Any] = cluster.get(resource.path(namespace), query=query, what=what, **options)
        items: list[Manifest] = answer.get("items") or []
        for item in items:
            item["apiVersion"], item["kind"] = resource.api_version, resource.kind
        yield items
        following = (answer.get("metadata") or {}).get("continue")
        if not following:
            return
        query["continue"] = following


def _not_routed_yet(error: BaseException) -> bool:
    """Whether a server that has just started does not know the kind's path yet: no ``Status``, plain text."""
    return isinstance(error, NotFound) and not error.reason


again_when_expired = tenacity.retry(
    retry=tenacity.retry_if_exception_type(Expired) | tenacity.retry_if_exception(_not_routed_yet),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
    stop=tenacity.stop_after_attempt(5),
    reraise=True,
)
"""For whatever reads a whole list: begins anew when its resource version has expired."""


@again_when_expired
def list_objects(
    cluster: Cluster, resource: ApiResource, namespace: str | None = None, **only: Unpack[Only]
) -> list[Manifest]:
    """Return all objects of one kind at one resource version.

    :param cluster: the cluster.
    :param resource: the kind.
    :param namespace: only this namespace.
    :param only: what narrows the list.
    :raises ClusterError: when the list cannot be had.
    """
    return [item for page in pages(cluster, resource, namespace, **only) for item in page]
