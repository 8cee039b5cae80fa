"""Commands in containers of a cluster, through its API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_ops.migration.errors import MigrationError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from migration_ops.cluster import Cluster

_PATHS = {
    "deployment": "/apis/apps/v1/namespaces/{}/deployments/{}",
    "statefulset": "/apis/apps/v1/namespaces/{}/statefulsets/{}",
    "daemonset": "/apis/apps/v1/namespaces/{}/daemonsets/{}",
}


def find_pod(cluster: Cluster, namespace: str, name: str) -> str:
    """A running pod: the one of that name, or one of the workload `kind/name`.

    :raises MigrationError: if no pod of the workload runs.
    """
    kind, slash, workload = name.partition("/")
    if not slash:
        return name
    if kind.lower() not in _PATHS:
        raise MigrationError(f"{name}: pods are found for {', '.join(_PATHS)}; name one of these, or a pod")
    found = cluster.get(_PATHS[kind.lower()].format(namespace, workload))
    labels = found["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = cluster.get(f"/api/v1/namespaces/{namespace}/pods", query={"labelSelector": selector})["items"]
    running = sorted(pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == "Running")
    if not running:
        raise MigrationError(f"no pod of {name} in {namespace} is running")
    return str(running[0])


def run_in_pod(
    api_client: ApiClient,
    namespace: str,
    pod: str,
    command: list[str],
    *,
    container: str | None = None,
    timeout_seconds: float = 60.0,
) -> tuple[int, str]:
    """Run a command in a container and return exit code and output.

    :param timeout_seconds: after that the command counts as failed; it may go on in its container.
    :raises MigrationError: if the API server doesn't let us.
    """
    from migration_ops.mover.errors import ExecError
    from migration_ops.mover.pod_exec import run_in_container

    try:
        return run_in_container(
            api_client, namespace, pod, command, container=container, timeout_seconds=timeout_seconds
        )
    except ExecError as error:
        raise MigrationError(str(error)) from error
