"""What a cluster needs beyond its servers before pods with volumes can be made in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.lab.clients import open_client
from tests.lab.errors import LabError


def make_storage_class(kubeconfig: Path, settings: dict[str, Any]) -> None:
    """Make a class whose volumes are folders of the node, unless it is there.

    :param settings: name, annotations and binding mode.
    """
    body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "provisioner": "kubernetes.io/host-path",
        "reclaimPolicy": "Delete",
        **settings,
    }
    with open_client(kubeconfig) as api:
        try:
            client.StorageV1Api(api).create_storage_class(body)
        except ApiException as error:
            if error.status != 409:
                raise


def wait_for_node(kubeconfig: Path, name: str, timeout_seconds: float = 180.0) -> None:
    """Wait until the node takes pods, and pods get their account's token.

    :raises LabError: it doesn't in time.
    """
    with open_client(kubeconfig) as api:
        core = client.CoreV1Api(api)

        def takes_pods() -> bool:
            nodes = core.list_node().items
            conditions = {item.type: item.status for found in nodes for item in found.status.conditions or []}
            tainted = any(found.spec.taints for found in nodes)
            accounts = core.list_namespaced_service_account("default").items
            return (
                conditions.get("Ready") == "True" and not tainted and any(item.secrets for item in accounts)
            )

        wait_until(takes_pods, f"node of {name} to take pods", timeout_seconds)


def wait_until(condition: Callable[[], bool], what: str, timeout_seconds: float) -> None:
    """Wait for a condition.

    :raises LabError: it isn't met in time.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout_seconds:.0f} s for the {what}")
        time.sleep(0.1)
