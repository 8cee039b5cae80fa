"""Deletes objects, and waits until they are gone."""

from __future__ import annotations

import time
from typing import Any

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import Conflict, NotFound, ServerFailed
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.reference import ObjectReference


def delete_and_wait(
    cluster: Cluster,
    resource: ApiResource,
    reference: ObjectReference,
    *,
    uid: str | None = None,
    timeout_seconds: float = 60.0,
    propagation: str = "Background",
) -> bool:
    """Delete an object and wait until it is gone.

    :param cluster: the cluster.
    :param resource: the object's kind.
    :param reference: the object.
    :param uid: only this object, not another one that took its name since.
    :param timeout_seconds: how long to wait.
    :param propagation: ``Background`` leaves dependents to the garbage collector, ``Foreground`` waits for
        it, ``Orphan`` leaves them alone.
    :return: whether it was there.
    :raises ServerFailed: when it is still there; the message names the finalizers that hold it.
    """
    path = resource.path(reference.namespace, reference.name)
    options: dict[str, Any] = {"propagationPolicy": propagation}
    if uid:
        options["preconditions"] = {"uid": uid}
    try:
        answer = cluster.request("DELETE", path, body=options, what=f"delete {reference}")
    except NotFound:
        return False
    except Conflict:
        return False  # another object has the name by now
    if answer.get("kind") == "Status":
        return True  # gone already: nothing held it
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            current = cluster.get(path, what=f"read {reference}")
        except NotFound:
            return True
        if uid and current["metadata"]["uid"] != uid:
            return True
        if time.monotonic() > deadline:
            holders = ", ".join(current["metadata"].get("finalizers") or []) or "nothing that it shows"
            message = f"{reference} on {cluster.name} is deleted but still there; held by {holders}"
            raise ServerFailed(message, status=504)
        time.sleep(0.2)
