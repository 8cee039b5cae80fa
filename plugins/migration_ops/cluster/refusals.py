"""Reads the API server's refusals: which of them pass, and what an operator should know about the others."""

from __future__ import annotations

import re

from migration_ops.cluster.errors import (
    ApiError,
    ClusterUnreachable,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    ServerFailed,
)

_NOT_READY_YET = (
    "failed calling webhook",
    "conversion webhook",
    "no endpoints available",
    "error looking up service account",
    "no API token found for service account",
    "is being terminated",
    "object is being deleted",
    "etcdserver:",
    "not yet ready",
)


_MISSING_ACCOUNT = re.compile(r'error looking up service account .*serviceaccount "([^"]+)" not found')


def worth_waiting(error: BaseException) -> bool:
    """Tell whether the target may accept later what it refuses now.

    :param error: what a request raised.
    """
    if isinstance(error, Conflict | ServerFailed):
        return True
    if isinstance(error, NotFound):
        return True  # a namespace or definition that was made a moment ago
    if isinstance(error, Forbidden | Rejected):
        return any(phrase in str(error) for phrase in _NOT_READY_YET)
    return False


def explain(error: ApiError | ClusterUnreachable, decision: str) -> str:
    """Return the server's message, with what can be done about it.

    :param error: what a request raised.
    :param decision: what was to be done with the object.
    """
    message = str(error)
    if account := _MISSING_ACCOUNT.search(message):
        return (
            f"its ServiceAccount {account[1]} is neither in the target nor in the set; take it along, or "
            f"make it in the target ({message})"
        )
    causes = error.details.get("causes") or [] if isinstance(error, ApiError) else []
    immutable = [one.get("field", "") for one in causes if "immutable" in one.get("message", "")]
    if immutable or ("updates to statefulset spec" in message and "are forbidden" in message):
        fields = ", ".join(dict.fromkeys(immutable)) or "fields of its spec"
        remedy = "" if decision == "recreate" else "; policy `recreate` for this kind would replace it"
        return f"{fields} of the existing object cannot be changed{remedy} ({message})"
    return message
