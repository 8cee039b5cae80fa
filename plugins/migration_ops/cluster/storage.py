"""Storage classes of a cluster."""

from __future__ import annotations

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.kinds import discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.reference import Manifest, annotations_of

_DEFAULT_MARKS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def storage_classes(cluster: Cluster) -> list[Manifest]:
    """Return all StorageClasses, the default one first.

    :param cluster: the cluster.
    :raises ClusterError: when they cannot be listed.
    """
    resource = discovery(cluster).find("storage.k8s.io", "StorageClass")
    if resource is None:
        return []
    found = list_objects(cluster, resource)
    return sorted(found, key=lambda one: (not is_default_class(one), one["metadata"]["name"]))


def is_default_class(storage_class: Manifest) -> bool:
    """Tell whether a StorageClass is used for claims that name none.

    :param storage_class: the StorageClass.
    """
    return any(annotations_of(storage_class).get(mark) == "true" for mark in _DEFAULT_MARKS)
