"""Dry runs in which the API server breaks off the connection, though it is up: it fails on the object."""

from __future__ import annotations

from collections.abc import Callable

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ClusterUnreachable, ServerFailed
from migration_ops.cluster.reference import Manifest, ObjectReference


class NotJudged(ServerFailed):
    """The server answers everything, but breaks off a dry run of this object."""


def judged(cluster: Cluster, reference: ObjectReference, send: Callable[[], Manifest]) -> Manifest:
    """Send a dry run's request; tell a server that is away from one that breaks off on this object.

    :param cluster: the target.
    :param reference: the object.
    :param send: sends the request, and repeats it but for a short time.
    :raises NotJudged: when the server answers everything but this.
    :raises ClusterUnreachable: when the server is away.
    """
    try:
        return send()
    except ClusterUnreachable:
        cluster.get("/version", what="ask for the version")  # waits for a server that is away
    try:
        return send()
    except ClusterUnreachable as error:
        message = (
            f"{cluster.name} could not judge it: it breaks off the connection at a dry run of {reference} "
            "and answers everything else, a fault of the server; whether it takes the object shows when it "
            f"is applied ({error})"
        )
        raise NotJudged(message, status=500) from error
