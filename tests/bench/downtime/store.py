"""An application that does nothing but hold data: a StatefulSet with two volumes of random files."""

from __future__ import annotations

from typing import Any

from kubernetes import client
from kubernetes.stream import stream

from tests.lab.mover_image import MOVER_IMAGE

FILE_BYTES = 4 << 20
_SERVE = "import signal,sys,time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(1e9)"
_WRITE = """
import os, sys
first, count = int(sys.argv[1]), int(sys.argv[2])
for number in range(first, first + count):
    folder = "/data/one" if number % 2 else "/data/two"
    with open(f"{folder}/{number}", "wb") as file:
        file.write(os.urandom(FILE))
os.sync()
""".replace("FILE", str(FILE_BYTES))


def manifests(namespace: str, storage_class: str, gibibytes: float) -> list[dict[str, Any]]:
    """Return the application's objects, its namespace first."""
    claims = [
        {
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": storage_class,
                "resources": {"requests": {"storage": f"{int(gibibytes * 1024) + 256}Mi"}},
            },
        }
        for name in ("one", "two")
    ]
    container = {
        "name": "store",
        "image": MOVER_IMAGE,
        "command": ["python3", "-c", _SERVE],
        "volumeMounts": [{"name": name, "mountPath": f"/data/{name}"} for name in ("one", "two")],
    }
    labels = {"app": "store"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "store", "namespace": namespace},
            "spec": {
                "serviceName": "store",
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [container], "securityContext": {"runAsUser": 0}},
                },
                "volumeClaimTemplates": claims,
            },
        },
    ]


def write(api: client.ApiClient, namespace: str, first: int, count: int) -> None:
    """Write some of the application's files anew.

    :param api: spoken websockets with from now on: give it one of its own
    :raises RuntimeError: when that fails
    """
    session = stream(
        client.CoreV1Api(api).connect_get_namespaced_pod_exec, "store-0", namespace,
        command=["python3", "-c", _WRITE, str(first), str(count)],
        stdout=True, stderr=True, stdin=False, tty=False, _preload_content=False,
    )  # fmt: skip
    session.run_forever(timeout=900)
    if session.returncode:
        raise RuntimeError(f"the store couldn't write: {session.read_stderr()}")
