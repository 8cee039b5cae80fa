"""Commands in containers, through the API server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from websocket import WebSocketException

from migration_ops.mover.errors import ExecError

_CUT = "exec in {}: the connection was cut before the command's end was told"


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
    except (ApiException, AttributeError, OSError, WebSocketException) as error:
        cause = _refusal(error)
        raise ExecError(f"exec in {namespace}/{pod}: {_in_words(cause)}") from cause
    try:
        try:
            session.run_forever(timeout=timeout_seconds)
        except (OSError, WebSocketException) as error:
            raise ExecError(_CUT.format(f"{namespace}/{pod}")) from error
        if session.is_open():
            raise ExecError(f"exec in {namespace}/{pod}: no end after {timeout_seconds:.0f} s")
        code = _exit_code(session, f"{namespace}/{pod}")  # reading the output throws it away
        return code, str(session.read_all())
    finally:
        session.sock.shutdown()  # `close` leaves the socket open when the server has closed its end


def _refusal(error: Exception) -> Exception:
    """What the server answered: the client stumbles over the missing body of a refused handshake."""
    if isinstance(error, AttributeError):
        behind = error.__context__
        if not isinstance(behind, ApiException):
            raise error
        error = behind
    return error


def _in_words(error: Exception) -> str:
    """The reason, without the headers and the whole Status that come with a refused handshake."""
    reason = str(error.reason if isinstance(error, ApiException) else error)
    handshake, *rest = reason.split(" -+-+- ")
    try:
        return f"{handshake}: {json.loads(rest[-1])['message']}"
    except (ValueError, LookupError, TypeError):
        return handshake


def _exit_code(session: Any, where: str) -> int:
    try:
        return int(session.returncode)
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise ExecError(_CUT.format(where)) from error
