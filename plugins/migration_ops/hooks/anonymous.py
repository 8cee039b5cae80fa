"""Kubeconfigs without credentials: the blocking client takes them as they are, the async one wants a user."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def with_user(document: dict[str, Any], context: str | None, folder: Path | None) -> dict[str, Any] | None:
    """Give the context that is used a user without credentials; nothing if it has one.

    :param document: a kubeconfig that has the context; isn't changed.
    :param context: the context's name; the current one if there is none.
    :param folder: where the kubeconfig lies: paths in it start there, and are made absolute.
    """
    chosen = context or document.get("current-context")
    users = document.get("users") or []
    contexts = document["contexts"]
    one = next((each for each in contexts if isinstance(each, dict) and each.get("name") == chosen), None)
    if one is None or not isinstance(one.get("context"), dict) or not isinstance(users, list):
        return None  # the clients say what is wrong
    name = one["context"].get("user") or "anonymous"
    if any(isinstance(user, dict) and user.get("name") == name for user in users):
        return None
    completed = one | {"context": one["context"] | {"user": name}}
    return document | {
        "users": [{"name": name, "user": {}}],
        "contexts": [completed],
        "clusters": [_absolute(cluster, folder) for cluster in document["clusters"]],
    }


def _absolute(named: Any, folder: Path | None) -> Any:
    cluster = named.get("cluster") if isinstance(named, dict) else None
    if folder is None or not isinstance(cluster, dict) or not cluster.get("certificate-authority"):
        return named
    authority = folder / str(cluster["certificate-authority"])
    return named | {"cluster": cluster | {"certificate-authority": str(authority)}}
