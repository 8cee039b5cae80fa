"""Bringing a plan's clusters to where Alibaba Cloud knows them: registered, or managed with enough in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from migration_ops.alibaba import (
    AckCluster,
    ClusterFailedError,
    ClusterMissingError,
    ContainerService,
    agent_manifest,
    components,
    create_cluster,
    find_cluster,
    nodes,
    task_error,
)
from migration_ops.cluster import ApiError, NotFound, ObjectReference, discovery
from migration_ops.migration.errors import MigrationError, ReadinessError

if TYPE_CHECKING:
    from migration_ops.alibaba.settings import AckSettings
    from migration_ops.cluster import Cluster, Manifest

_APPLY = "application/apply-patch+yaml"
_FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role")


@dataclass(frozen=True)
class Registration:
    """A cluster that was found or asked for.

    :param id: the cluster's ID.
    :param task: the service's task that makes it; empty if it was there.
    """

    id: str
    task: str = ""


def find_or_create(service: ContainerService, settings: AckSettings, occasion: str) -> Registration:
    """Find the connection's cluster, or ask for it if the connection says how it is made.

    :param occasion: see `create_cluster`.
    :raises ClusterMissingError: if there is none and the connection doesn't say how to make one.
    """
    found = find_cluster(service, settings.cluster)
    if found is not None:
        return Registration(found.id)
    if settings.create is None:
        raise ClusterMissingError(
            f"there is no cluster {settings.cluster} in {service.access.region}: make it, or put the fields "
            "of CreateCluster into the connection's field create (the console shows them as code)"
        )
    return Registration(*create_cluster(service, settings.cluster, settings.create, occasion=occasion))


def look_at(service: ContainerService, registration: Registration) -> AckCluster | None:
    """Return the cluster as it is now; ``None`` while the service does not list it yet.

    :raises ClusterFailedError: if its making failed, or it is in a state that it won't leave.
    """
    reason = task_error(service, registration.task) if registration.task else None
    if reason is not None:
        raise ClusterFailedError(
            f"cluster {registration.id} in {service.access.region} could not be made: {reason} "
            f"(task {registration.task})"
        )
    found = find_cluster(service, registration.id)
    if found is not None:
        found.is_running()  # raises for states that end there
    return found


def apply_agent(service: ContainerService, cluster: AckCluster, source: Cluster, *, internal: bool) -> int:
    """Apply a registered cluster's agent to the cluster itself; returns the number of objects.

    Nothing of the manifest is logged: it holds the agent's credentials.

    :param source: the cluster, reached without ACK One.
    :param internal: see `agent_manifest`.
    :raises MigrationError: if the cluster refuses an object.
    """
    text = agent_manifest(service, cluster, internal=internal)
    try:
        manifests: list[Manifest] = [one for one in yaml.safe_load_all(text) if one]
    except yaml.YAMLError:
        raise MigrationError(f"the agent of cluster {cluster.name} ({cluster.id}) isn't YAML") from None
    order = {kind: number for number, kind in enumerate(_FIRST)}
    for manifest in sorted(manifests, key=lambda one: order.get(str(one.get("kind")), len(order))):
        _apply(source, manifest)
    return len(manifests)


def _apply(cluster: Cluster, manifest: Manifest) -> None:
    reference = ObjectReference.of(manifest)
    resource = discovery(cluster).for_object(reference) or discovery(cluster, refresh=True).for_object(
        reference
    )
    if resource is None:
        raise MigrationError(f"{cluster.name} does not serve {reference}, which the agent needs")
    path = resource.path(reference.namespace, reference.name)
    query = {"fieldManager": "migration-ops", "force": True}
    try:
        cluster.patch(path, manifest, content_type=_APPLY, query=query, what=f"apply {reference}")
    except (ApiError, NotFound) as error:
        raise MigrationError(f"the agent can't be applied: {error}") from None


def managed_lines(service: ContainerService, cluster: AckCluster, settings: AckSettings) -> list[str]:
    """What there is to say about a cluster that runs.

    :raises ReadinessError: if it has no healthy node, or lacks a component that the connection wants.
    """
    lines = [f"cluster {cluster.name} ({cluster.id}), {cluster.kind}, Kubernetes {cluster.version}"]
    if cluster.registered:
        return lines
    counted, installed = nodes(service, cluster), components(service, cluster)
    lines.append(f"{counted.healthy} of {counted.total} nodes are healthy")
    lines += [f"{one.name} {one.version}: {one.state}" for one in installed.values()]
    lacks = [
        f"component {name} is {installed[name].state if name in installed else 'not installed'}: install it "
        "in the console (Operations > Add-ons)"
        for name in settings.components
        if name not in installed or installed[name].state != "active"
    ]
    if not counted.healthy:
        lacks.insert(0, "no node is healthy: add nodes to a node pool")
    if lacks:
        raise ReadinessError(f"cluster {cluster.name} ({cluster.id}) isn't ready:\n" + "\n".join(lacks))
    return lines
