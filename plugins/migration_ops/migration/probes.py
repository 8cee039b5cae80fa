"""Questions to the application in the target, as the plan asks them.

They go through the API server (its proxy to Services, and exec), so whoever runs Airflow needs no network
path into the target. An application may still be warming up: verification asks again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import BaseModel

from migration_ops.cluster import Cluster, ClusterError
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.plan_verify import ExecProbe, HttpProbe, Probe
from migration_ops.migration.pod_exec import find_pod, run_in_pod

if TYPE_CHECKING:
    from kubernetes.client import ApiClient


class ProbeResult(BaseModel):
    """The answer to one probe."""

    probe: str
    passed: bool
    detail: str
    seconds: float


def ask_probe(cluster: Cluster, api_client: ApiClient, probe: Probe, namespace: str) -> ProbeResult:
    """Ask once; also that nobody answers is an answer.

    :param api_client: a client of the same cluster, for exec.
    :param namespace: where to ask when the probe doesn't say.
    """
    question, began = question_of(probe), time.monotonic()
    try:
        if isinstance(question, HttpProbe):
            wrong = _ask_http(cluster, question, question.namespace or namespace)
        else:
            wrong = _ask_exec(cluster, api_client, question, question.namespace or namespace)
    except (ClusterError, MigrationError, OSError) as error:
        wrong = str(error)
    return ProbeResult(
        probe=name_of(question),
        passed=not wrong,
        detail=wrong or "as expected",
        seconds=time.monotonic() - began,
    )


def question_of(probe: Probe) -> HttpProbe | ExecProbe:
    """What a probe asks.

    :raises MigrationError: if it asks nothing.
    """
    question = probe.http or probe.exec
    if question is None:
        raise MigrationError("a probe asks nothing; the plan should not have been accepted")
    return question


def name_of(question: HttpProbe | ExecProbe) -> str:
    """A probe's name in messages and reports."""
    if isinstance(question, HttpProbe):
        return f"http {question.service}:{question.port}{question.path}"
    return f"exec {question.pod}: {' '.join(question.command)[:80]}"


def _ask_http(cluster: Cluster, probe: HttpProbe, namespace: str) -> str:
    """What is wrong with the answer; nothing if it is right."""
    path = f"/api/v1/namespaces/{namespace}/services/{probe.service}:{probe.port}/proxy{probe.path}"
    try:
        body = cluster.get(path, accept="*/*", what=f"ask {probe.service}{probe.path}", retry_seconds=0.1)
    except ClusterError as error:
        status = getattr(error, "status", None)
        if status != probe.status:
            return f"{probe.status} was expected: {error}"
        body = str(error)
    else:
        if probe.status >= 300:
            return f"{probe.status} was expected, the answer was a success"
    text = body if isinstance(body, str) else str(body)
    return (
        "" if probe.contains is None or probe.contains in text else f"{probe.contains!r} isn't in the answer"
    )


def _ask_exec(cluster: Cluster, api_client: ApiClient, probe: ExecProbe, namespace: str) -> str:
    """What is wrong with the command's outcome; nothing if it is right."""
    pod = find_pod(cluster, namespace, probe.pod)
    code, output = run_in_pod(
        api_client,
        namespace,
        pod,
        probe.command,
        container=probe.container,
        timeout_seconds=probe.timeout.total_seconds(),
    )
    if code != 0:
        return f"exit code {code}: {output[-500:].strip()}"
    return (
        ""
        if probe.contains is None or probe.contains in output
        else f"{probe.contains!r} isn't in the output"
    )
