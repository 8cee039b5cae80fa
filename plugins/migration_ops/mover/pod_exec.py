"""Commands in containers, through the API server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from migration_ops.mover.errors import ExecError


def run_in_container(
    api_client: client.ApiClient,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str | None = None,
    timeout_seconds: float = 60.0,
) -> tuple[int, str]:
    """Run a command in a container and return exit code and output.

    :param timeout_seconds: after that the command counts as failed; it may go on in its container.
    :raises ExecError: if the API server doesn't let us, or nobody knows how the command ended.
    """
    # `stream` turns its client into one that speaks websockets only: give it one of its own.
    own: Any = client.ApiClient(api_client.configuration)
    own.default_headers = dict(api_client.default_headers)
    options = {"container": container} if container else {}
    try:
        session = stream(
            client.CoreV1Api(own).connect_get_namespaced_pod_exec,
            pod,
            namespace,
            command=list(command),
            stdin=False,
            stdout=True,
            stderr=True,
            tty=False,
            _preload_content=False,
            _request_timeout=timeout_seconds,
            **options,
        )
    except ApiException as error:
        raise ExecError(f"exec in {namespace}/{pod}: {error.reason}") from error
    try:
        session.run_forever(timeout=timeout_seconds)
        if session.is_open():
            raise ExecError(f"exec in {namespace}/{pod}: no end after {timeout_seconds:.0f} s")
        code = _exit_code(session, f"{namespace}/{pod}")  # reading the output throws it away
        return code, str(session.read_all())
    finally:
        session.sock.shutdown()  # `close` leaves the socket open when the server has closed its end


def _exit_code(session: Any, where: str) -> int:
    try:
        return int(session.returncode)
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise ExecError(
            f"exec in {where}: the connection was cut before the command's end was told"
        ) from error
