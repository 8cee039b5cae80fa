"""Whether the target's network obeys network policies: asked of it by a pod, not assumed.

Many clusters accept policies and enforce none. A Job in the closed namespace tries to reach what it must not:
the vault's endpoint and the API server. What the plan allows proves nothing and is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import urlsplit

from migration_ops.cluster import AlreadyExists, Cluster, Manifest, NotFound
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.plan import Plan
from migration_ops.migration.rehearsal.scratch import REHEARSAL_LABEL
from migration_ops.mover.names import ACTION_LABEL, PLAN_LABEL, RUN_LABEL

Verdict = Literal["isolated", "open", "unknown"]

_JOBS = "/apis/batch/v1/namespaces/{}/jobs"
_PODS = "/api/v1/namespaces/{}/pods"
_OPEN, _UNTRIED = 10, 11
# A policy may take a moment to reach a new pod's node, so only the last of several tries counts.
_SCRIPT = """
import ipaddress, os, socket, sys, time
allowed = [ipaddress.ip_network(one) for one in sys.argv[1].split(",") if one]
places = [one.rsplit(":", 1) for one in sys.argv[2:]]
places.append([os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]])
tried, reached = 0, []
for host, port in places:
    try:
        address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0][4][0]
    except OSError:
        continue
    if any(ipaddress.ip_address(address) in network for network in allowed):
        continue
    tried += 1
    for pause in (2, 2, 0):
        try:
            socket.create_connection((address, int(port)), timeout=4).close()
        except OSError:
            break
        time.sleep(pause)
    else:
        reached.append(f"{host}:{port}")
print("reached " + ", ".join(reached) if reached else f"{tried} places are out of reach")
sys.exit(10 if reached else 0 if tried else 11)
"""


class NotIsolatedError(MigrationError):
    """The target's network doesn't hold back what the rehearsal's pods must not reach."""


def vault_address(location: str) -> str | None:
    """Host and port of a vault on S3; nothing for one on a path.

    :param location: as restic writes it.
    """
    if not location.startswith("s3:"):
        return None
    parts = urlsplit(location.removeprefix("s3:"))
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return f"{parts.hostname}:{port}" if parts.hostname else None


def start_probe(target: Cluster, plan: Plan, run: str, namespace: str, places: Sequence[str]) -> str:
    """Start the Job, or find it; returns its name.

    :param run: the run as a label value.
    :param namespace: a scratch namespace with its policy.
    :param places: `host:port` of what must be out of reach, beside the API server.
    """
    job = build_probe(plan, run, namespace, places)
    with suppress(AlreadyExists):
        target.request("POST", _JOBS.format(namespace), body=job, what="start the isolation probe")
    return str(job["metadata"]["name"])


def look_at_probe(target: Cluster, *, namespace: str, job: str) -> dict[str, Any] | None:
    """`verdict` and `detail`; nothing while it isn't decided.

    :raises ClusterError: if the API server can't be reached.
    """
    found = target.get(
        _PODS.format(namespace), query={"labelSelector": f"job-name={job}"}, what=f"look at {job}"
    )
    for pod in found["items"]:
        for container in (pod.get("status") or {}).get("containerStatuses") or []:
            ended = (container.get("state") or {}).get("terminated")
            if ended:
                return {
                    "verdict": _verdict(int(ended.get("exitCode", 1))),
                    "detail": str(ended.get("message") or "").strip()[-300:],
                }
    return None


def remove_probe(target: Cluster, namespace: str, job: str) -> None:
    """Delete the Job with its pod."""
    with suppress(NotFound):
        target.request(
            "DELETE",
            f"{_JOBS.format(namespace)}/{job}",
            body={"propagationPolicy": "Background"},
            what=f"delete {job}",
        )


def judge(plan: Plan, answer: dict[str, Any] | None) -> str:
    """What the answer means for the run, in words.

    :param answer: of `look_at_probe`; nothing if it gave none in time.
    :raises NotIsolatedError: if the plan insists on isolation and it isn't proven.
    """
    if answer and answer["verdict"] == "isolated":
        return f"isolated: {answer['detail']}"
    if answer is None:
        said = "the isolation probe didn't end in time: look whether its pod found a node and an image"
    elif answer["verdict"] == "open":
        said = f"the target's network doesn't enforce network policies: a closed pod {answer['detail']}"
    else:
        said = f"isolation couldn't be proven: {answer['detail'] or 'all that could be tried is allowed'}"
    if plan.rehearsal.isolation == "required":
        raise NotIsolatedError(
            f"{said}. No workload was started. Enable network policies in the target, or name what must not "
            "run twice in rehearsal.stopped and set rehearsal.isolation to attempted"
        )
    return said


def build_probe(plan: Plan, run: str, namespace: str, places: Sequence[str]) -> Manifest:
    """The Job; made twice it has the same name."""
    digest = hashlib.sha256(f"{plan.name}\0{run}\0{namespace}".encode()).hexdigest()[:10]
    labels = {
        "app.kubernetes.io/managed-by": "migration-ops",
        PLAN_LABEL: plan.name,
        RUN_LABEL: run,
        REHEARSAL_LABEL: run,
        ACTION_LABEL: "isolation-probe",
    }
    allowed = ",".join(str(cidr) for cidr in plan.rehearsal.egress)
    container = {
        "name": "probe",
        "image": plan.movers.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", _SCRIPT, allowed, *places],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"isolation-probe-{digest}", "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 300,
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"},
                },
                "spec": pod,
            },
        },
    }


def _verdict(exit_code: int) -> Verdict:
    return "isolated" if exit_code == 0 else "open" if exit_code == _OPEN else "unknown"
