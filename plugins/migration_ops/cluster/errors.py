# ruff: noqa: N818 (named by what happened, as httpx and restic do; every one is a ClusterError)
"""What can go wrong between us and a Kubernetes cluster.

Tree (``retryable`` feeds the one retry policy of whoever calls)::

    ClusterError
    ├── ClusterUnreachable      retryable: no connection, or 429/5xx for longer than we wait
    ├── NotAuthenticated        401
    ├── Forbidden               403
    ├── NotFound                404
    ├── AlreadyExists           409 with reason AlreadyExists
    ├── Conflict                retryable: 409, somebody else wrote at the same time
    ├── Expired                 retryable: 410, the list's resource version is too old
    ├── Rejected                400, 422 and admission's refusals
    ├── ServerFailed            retryable: other 5xx, a webhook that does not answer
    ├── KubeconfigError         a kubeconfig that cannot be used
    ├── CaptureFormatError      a captured folder that is not one
    ├── SelectionError          a filter that cannot be understood
    ├── QuiesceError            something stands against stopping or starting workloads
    └── QuiesceTimeout          retryable: pods still hold their volumes
"""

from __future__ import annotations

from typing import Any


class ClusterError(Exception):
    """Any failure of this package; ``retryable`` says whether trying again later can help."""

    retryable = False


class ApiError(ClusterError):
    """The API server answered with an error.

    :param message: what was asked, what the server said, what to do.
    :param status: HTTP status.
    :param reason: the machine-readable reason of the server's ``Status`` object, or an empty string.
    :param details: the ``details`` of that object.
    """

    def __init__(
        self, message: str, *, status: int, reason: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.details = details or {}


class ClusterUnreachable(ClusterError):
    """The API server could not be reached, or was too busy, for the whole time that we wait.

    :param message: what was asked, what stood against it for how long, what to do.
    :param brief: what stood against it and what to do; the same whatever was asked.
    """

    retryable = True

    def __init__(self, message: str, brief: str = "") -> None:
        super().__init__(message)
        self.brief = brief or message


class NotAuthenticated(ApiError):
    """The credentials were refused (401)."""


class Forbidden(ApiError):
    """The account may not do this (403)."""


class NotFound(ApiError):
    """No such object, kind or namespace (404)."""


class AlreadyExists(ApiError):
    """An object of that name is there (409)."""


class Conflict(ApiError):
    """Somebody else changed the object meanwhile (409)."""

    retryable = True


class Expired(ApiError):
    """A list took longer than the server keeps its resource version (410)."""

    retryable = True


class Rejected(ApiError):
    """The object is not acceptable to the server: validation or admission (400, 422)."""


class ServerFailed(ApiError):
    """The server failed inside, often because a webhook did not answer (5xx)."""

    retryable = True


class KubeconfigError(ClusterError):
    """A kubeconfig is missing, unreadable or names no such context."""


class CaptureFormatError(ClusterError):
    """A folder does not hold a capture as `write_capture` writes it."""


class SelectionError(ClusterError):
    """A selection holds a selector or pattern that cannot be understood."""


class QuiesceError(ClusterError):
    """Workloads cannot be stopped or started as asked; the message names what stands against it."""


class QuiesceTimeout(ClusterError):
    """Pods still run or hold volumes when the time is over; the message names them."""

    retryable = True


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Rejected,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Rejected,
}

_REMEDIES: dict[int, str] = {
    401: "check the credentials of this cluster's connection",
    403: "grant this verb to the account of the connection (connect lists what is missing)",
}


def error_from_response(what: str, status: int, body: dict[str, Any] | str) -> ApiError:
    """Build the exception for an error answer of the API server.

    :param what: the request in words, e.g. ``list v1/Secret in shop on source``.
    :param status: HTTP status of the answer.
    :param body: the ``Status`` object, or the text of the answer where it is none.
    """
    if isinstance(body, dict):
        said, reason = str(body.get("message", "")), str(body.get("reason", ""))
        details = body.get("details") or {}
    else:
        said, reason, details = body.strip()[:500], "", {}
    kind = _BY_STATUS.get(status, ServerFailed if status >= 500 else Rejected)
    if status == 409 and reason == "AlreadyExists":
        kind = AlreadyExists
    remedy = _REMEDIES.get(status)
    if status == 403 and said and " cannot " not in said:
        remedy = None  # refused by admission or a quota: no right would help
    message = f"{what}: {said or f'HTTP status {status}'}" + (f"; {remedy}" if remedy else "")
    return kind(message, status=status, reason=reason, details=details)
