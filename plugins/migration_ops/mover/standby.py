"""Movers that stand by: their pod runs, their volume is mounted, their vault is open; the order is to come.

A pod takes seconds to start, which are better spent before the applications stop. A mover that stands by
is a Job of the name that the mover of the order will have, so `submit` meets it when it wants to make that
one, and gives it the order instead. It is never needed: where it isn't there, or doesn't take the order,
a mover is started as always.
"""

from __future__ import annotations

import json
from dataclasses import replace

from kubernetes import client

from migration_ops.mover.command import standby_command
from migration_ops.mover.errors import ExecError
from migration_ops.mover.job import CONTAINER, SCRATCH
from migration_ops.mover.pod_exec import run_in_container
from migration_ops.mover.spec import MoverSpec

WAIT_SECONDS = 3600
"""How long a mover waits for its order. Whoever lost his run must not leave pods behind for long."""

ORDER = f"{SCRATCH}/order"
# Written aside and renamed: the order is there as a whole or not at all. The first one counts.
_WRITE = f'printf %s "$1" > {ORDER}.new && mv {ORDER}.new {ORDER}'
_EXEC_SECONDS = 15.0
_TIMEOUT = (5, 20)  # seconds to connect and to answer


def standing_by(spec: MoverSpec) -> MoverSpec:
    """The mover that waits for the order to do what `spec` wants; the spec's own command doesn't matter."""
    return replace(
        spec,
        command=standby_command(ORDER, wait_seconds=WAIT_SECONDS),
        timeout_seconds=spec.timeout_seconds + WAIT_SECONDS,
    )


def give_order(api_client: client.ApiClient, spec: MoverSpec, uid: str) -> bool:
    """Tell the mover that stands by to begin; may be told again.

    :param uid: of its Job.
    :returns: whether it runs and has its order. If it is not known, it is not so.
    :raises ApiException: if the API server refuses to list pods.
    :raises urllib3.exceptions.HTTPError: if it doesn't answer.
    """
    found = client.CoreV1Api(api_client).list_namespaced_pod(
        spec.namespace, label_selector=f"controller-uid={uid}", _request_timeout=_TIMEOUT
    )
    running = [pod.metadata.name for pod in found.items if pod.status.phase == "Running"]
    if len(running) != 1:
        return False
    order = ["sh", "-c", _WRITE, "order", json.dumps(spec.command)]
    return _runs(api_client, spec.namespace, running[0], order)


def can_be_told(api_client: client.ApiClient, namespace: str, pod: str) -> bool:
    """Whether commands can be run in a mover: the account has the right, and the image a shell."""
    return _runs(api_client, namespace, pod, ["sh", "-c", "true"])


def _runs(api_client: client.ApiClient, namespace: str, pod: str, command: list[str]) -> bool:
    try:
        code, _ = run_in_container(
            api_client, namespace, pod, command, container=CONTAINER, timeout_seconds=_EXEC_SECONDS
        )
    except ExecError:
        return False
    return code == 0
