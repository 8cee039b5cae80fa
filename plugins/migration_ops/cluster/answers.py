"""Reads the API server's answers: what they hold, and which of them are worth asking again for."""

from __future__ import annotations

from typing import Any

import orjson
import tenacity
import urllib3

from migration_ops.cluster.errors import ApiError, Forbidden, ServerFailed, error_from_response

JSON = "application/json"

MAX_WAIT_SECONDS = 10.0

STARTING_SECONDS = 15.0
"""For so long, what looks like a server that is only starting is believed to be one."""

_BUSY = frozenset({429, 502, 503, 504})


class Busy(Exception):  # noqa: N818 (a signal to the retry loop of `connection`, never seen outside)
    """An answer or a failure worth asking again for.

    :param wait_seconds: what the server asked to wait.
    :param limit_seconds: for how long asking again makes sense, where that is shorter than usual.
    :param error: what to raise when it did not help; none for a server that is away.
    """

    def __init__(
        self,
        message: str,
        wait_seconds: float | None = None,
        *,
        limit_seconds: float | None = None,
        error: ApiError | None = None,
    ) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds
        self.limit_seconds = limit_seconds
        self.error = error


def pause_seconds(state: tenacity.RetryCallState) -> float:
    """Return how long to wait before asking again: what the server said, else longer each time.

    :param state: of the retry loop.
    """
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, Busy) and failure.wait_seconds is not None:
        return min(failure.wait_seconds, MAX_WAIT_SECONDS)
    return tenacity.wait_random_exponential(multiplier=0.2, max=5)(state)


def parse(response: urllib3.BaseHTTPResponse, described: str) -> Any:
    """Return what an answer holds.

    :param response: the answer.
    :param described: the request in words, for messages.
    :raises Busy: when it is worth asking again.
    :raises ApiError: when the server refuses.
    """
    data = response.data
    try:
        body = orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        body = data.decode(errors="replace")
        if response.status < 300 and response.headers.get("Content-Type", "").startswith(JSON):
            raise Busy("a cut-off answer") from None
    if response.status < 300:
        return body
    error = error_from_response(described, response.status, body)
    if response.status in _BUSY:
        after = response.headers.get("Retry-After", "")
        raise Busy(str(error), float(after) if after.isdigit() else None)
    if isinstance(error, ServerFailed) and (
        error.reason in {"ServerTimeout", "Timeout"} or "etcdserver:" in str(error)
    ):
        raise Busy(str(error))
    if isinstance(error, Forbidden) and "RBAC: " in str(error) and "not found" in str(error):
        # A starting server has not read its roles yet. A binding to a role that is gone says the same.
        raise Busy(str(error), limit_seconds=STARTING_SECONDS, error=error)
    raise error
