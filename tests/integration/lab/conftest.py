"""Namespaces for tests of the lab, and pods that do what a test asks of them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client
from kubernetes.stream import stream

from tests.lab.foreign import AnyCluster
from tests.lab.mover_image import MOVER_IMAGE

PATIENCE_SECONDS = 180  # other tests may keep the machine busy


class Pods:
    """One namespace of one cluster, with what a test does there."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self.core = client.CoreV1Api(api)
        self.namespace = namespace

    def run(
        self, name: str, script: str, *, claim: str | None = None, labels: dict[str, str] | None = None
    ) -> None:
        """Start a pod that runs a shell script, and wait until it is ready."""
        container: dict[str, Any] = {"name": "main", "image": MOVER_IMAGE, "command": ["sh", "-c", script]}
        spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 0}
        if claim:
            container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
            spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
        self.core.create_namespaced_pod(
            self.namespace, {"metadata": {"name": name, "labels": labels or {}}, "spec": spec}
        )
        eventually(lambda: self.is_ready(name), f"pod {name} to be ready")

    def is_ready(self, name: str) -> bool:
        """Tell whether a pod is ready."""
        found = self.core.read_namespaced_pod(name, self.namespace).status.conditions or []
        return any(each.type == "Ready" and each.status == "True" for each in found)

    def claim(self, name: str, storage_class: str) -> None:
        """Ask for a volume."""
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Mi"}},
        }
        self.core.create_namespaced_persistent_volume_claim(
            self.namespace, {"metadata": {"name": name}, "spec": spec}
        )

    def execute(self, name: str, *command: str) -> str:
        """Run a command in a pod and return what it prints."""
        channel = stream(
            self.core.connect_get_namespaced_pod_exec,
            name,
            self.namespace,
            command=list(command),
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
            _preload_content=False,  # the client would read what looks like JSON as something else
        )
        channel.run_forever(timeout=PATIENCE_SECONDS)
        printed: str = channel.read_all()
        channel.close()
        channel.sock.shutdown()  # else a connection that the other side ended first stays half open
        return printed

    def log(self, name: str) -> str:
        """Return what a pod has printed; wait for its first line."""
        printed = ""

        def has_printed() -> bool:
            nonlocal printed
            answer = self.core.read_namespaced_pod_log(name, self.namespace, _preload_content=False)
            with answer:
                printed = answer.data.decode()
            return "\n" in printed

        eventually(has_printed, f"a line of pod {name}")
        return printed

    def fetch(self, name: str, address: str, ca: str = "") -> str:
        """Fetch an address from inside a pod and return the HTTP status, then the body's first line."""
        program = (
            "import sys, ssl, urllib.request as r\n"
            "context = ssl.create_default_context(cadata=sys.argv[2]) if sys.argv[2] else None\n"
            "answer = r.urlopen(sys.argv[1], timeout=10, context=context)\n"
            "print(answer.status, answer.readline().decode().strip())\n"
        )
        return self.execute(name, "python3", "-c", program, address, ca).strip()


@pytest.fixture(params=["source", "target"])
def either_cluster(request: pytest.FixtureRequest) -> AnyCluster:
    """Each of the two clusters in turn."""
    cluster: AnyCluster = request.getfixturevalue(request.param)
    return cluster


@pytest.fixture
def pods(either_cluster: AnyCluster) -> Iterator[Pods]:
    """A namespace of this test's own, deleted afterwards."""
    with made_namespace(either_cluster) as made:
        yield made


@pytest.fixture
def pods_in_source(source: AnyCluster) -> Iterator[Pods]:
    """A namespace of this test's own in the source."""
    with made_namespace(source) as made:
        yield made


@pytest.fixture
def pods_in_target(target: AnyCluster) -> Iterator[Pods]:
    """A namespace of this test's own in the target."""
    with made_namespace(target) as made:
        yield made


class made_namespace:  # noqa: N801 - reads as what it gives in a with statement
    """A namespace that is deleted at the end; made again by each use."""

    def __init__(self, cluster: AnyCluster) -> None:
        self._api = cluster.api_client()
        self._pods = Pods(self._api, f"lab-{uuid.uuid4().hex[:8]}")

    def __enter__(self) -> Pods:
        core, name = self._pods.core, self._pods.namespace
        core.create_namespace({"metadata": {"name": name}})

        def account_has_token() -> bool:
            accounts = core.list_namespaced_service_account(name).items
            return any(account.secrets for account in accounts)

        eventually(account_has_token, f"the token of {name}'s account, without which pods are refused")
        return self._pods

    def __exit__(self, *_: object) -> None:
        self._pods.core.delete_namespace(self._pods.namespace)
        self._api.close()


def eventually(condition: Callable[[], bool], what: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition is met; fail with its name if it isn't."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_seconds:.0f} s for {what}"
        time.sleep(0.2)
