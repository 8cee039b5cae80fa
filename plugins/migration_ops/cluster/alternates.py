"""The same objects in further versions, for targets that do not serve the one that was captured.

The source's API server converts between the versions of a custom resource, also where that takes a webhook
of its operator; nobody can do that later. Of built-in kinds only newer versions than the captured one are
of use: servers read what is older than themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ApiError
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.listing import FEW_NAMESPACES, again_when_expired, pages
from migration_ops.cluster.reference import Manifest, ObjectReference
from migration_ops.cluster.suspension import as_before
from migration_ops.cluster.versions import is_newer, priority

Identity = tuple[str, str, str, str]


def read_alternates(
    cluster: Cluster,
    served: Discovery,
    captured: Mapping[Identity, Manifest],
    *,
    without: Collection[ApiResource] = (),
) -> tuple[dict[Identity, tuple[Manifest, ...]], list[tuple[str, str]]]:
    """Read captured objects again in each further version that may be wanted.

    :param cluster: the source.
    :param served: what it serves.
    :param captured: the objects.
    :param without: versions that are known not to answer.
    :return: the further versions by object, and (kind, reason) of what could not be read.
    """
    namespaces: dict[ApiResource, set[str]] = {}
    for manifest in captured.values():
        reference = ObjectReference.of(manifest)
        for other in served.versions(reference.group, reference.kind):
            wanted = other.version != reference.version and is_newer(other, reference.version)
            if wanted and other not in without:
                namespaces.setdefault(other, set()).add(reference.namespace)
    tasks: list[tuple[ApiResource, str | None]] = []
    for resource, spaces in namespaces.items():
        few = resource.namespaced and len(spaces) <= FEW_NAMESPACES
        tasks += [(resource, space) for space in sorted(spaces)] if few else [(resource, None)]
    found: dict[Identity, tuple[Manifest, ...]] = {}
    unreadable: list[tuple[str, str]] = []

    @again_when_expired
    def listed(resource: ApiResource, namespace: str | None) -> list[Manifest]:
        kept = []
        for page in pages(cluster, resource, namespace):
            for item in page:
                item["metadata"].pop("managedFields", None)
            kept += [as_before(item) for item in page if ObjectReference.of(item).identity in captured]
        return kept

    def ask(task: tuple[ApiResource, str | None]) -> list[Manifest]:
        try:
            return listed(*task)
        except ApiError as error:
            unreadable.append((f"{task[0].api_version}/{task[0].kind}", str(error)))
            return []

    for manifests in cluster.each(ask, tasks):
        for manifest in manifests:
            identity = ObjectReference.of(manifest).identity
            found[identity] = (*found.get(identity, ()), manifest)
    return {identity: in_order(manifests) for identity, manifests in found.items()}, unreadable


def in_order(manifests: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Return versions of one object, the one that a target would rather have first.

    :param manifests: the versions.
    """
    return tuple(sorted(manifests, key=lambda one: priority(ObjectReference.of(one).version)))
