"""What lies in a namespace, or is of a kind, beside what every cluster puts there by itself."""

from __future__ import annotations

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ApiError, NotFound
from migration_ops.cluster.exclusions import made_for_account
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.reading import in_a_version_that_answers
from migration_ops.cluster.reference import Manifest, ObjectReference, controller_of, reference_of
from migration_ops.cluster.selection import NEVER_CAPTURED, matches_kind
from migration_ops.cluster.versions import reading_versions


def foreign_content(cluster: Cluster, served: Discovery, container: ObjectReference) -> list[str]:
    """Return references of what would be lost with a namespace or a definition.

    :param cluster: the cluster.
    :param served: what it serves.
    :param container: a Namespace or CustomResourceDefinition.
    """
    if container.kind == "Namespace":
        kinds = [
            one
            for one in reading_versions(served)
            if one.namespaced and "list" in one.verbs and not matches_kind(NEVER_CAPTURED, one)
        ]
        namespace: str | None = container.name
    else:
        plural, _, group = container.name.partition(".")
        kinds = [one for one in reading_versions(served) if (one.plural, one.group) == (plural, group)]
        namespace = None

    def one_kind(resource: ApiResource) -> list[Manifest]:
        try:
            found, _, _ = in_a_version_that_answers(
                cluster,
                served,
                resource,
                lambda version: list_objects(cluster, version, namespace, metadata_only=True),
            )
        except NotFound:
            return []
        except ApiError:
            # What cannot be seen may be something: better kept than lost.
            return [{"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": "?"}}]
        return found

    found = [one for listed in cluster.each(one_kind, kinds) for one in listed]
    return [reference_of(one) for one in found if not _by_itself(one)]


def _by_itself(manifest: Manifest) -> bool:
    metadata = manifest["metadata"]
    if controller_of(manifest) is not None or metadata.get("deletionTimestamp"):
        return True
    name, kind = metadata["name"], manifest["kind"]
    if kind == "ServiceAccount":
        return bool(name == "default")
    if kind == "ConfigMap":
        return bool(name in {"kube-root-ca.crt", "openshift-service-ca.crt"})
    if kind == "Secret":
        # A token goes some time after its account, which we may have deleted a moment ago.
        return bool(name.startswith("default-token-")) or made_for_account(manifest)
    return kind in {"Endpoints", "EndpointSlice"}
