"""Goes on where a process was killed that had deleted an object to make it anew."""

from __future__ import annotations

from typing import Literal

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.deletion import delete_and_wait
from migration_ops.cluster.errors import NotFound
from migration_ops.cluster.former_notes import FormerNote
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.marks import former_state
from migration_ops.cluster.recreating import make_patiently
from migration_ops.cluster.reference import Manifest, ObjectReference

Settled = Literal["restored", "untouched", "taken"]


def settle(cluster: Cluster, resource: ApiResource, note: FormerNote, seconds: float) -> Settled:
    """Make an object again that its note says was deleted.

    :param cluster: the target.
    :param resource: the object's kind.
    :param note: what it was.
    :param seconds: how long to wait for each step.
    :return: whether it is there again, was never deleted, or somebody else took its name.
    :raises ClusterError: when it cannot be made; the note stays.
    """
    reference = ObjectReference.of(note.former)
    current = _there(cluster, resource, reference)
    if current is not None and current["metadata"]["uid"] == note.uid:
        if "deletionTimestamp" not in current["metadata"]:
            return "untouched"
        delete_and_wait(cluster, resource, reference, uid=note.uid, timeout_seconds=seconds)
        current = None
    if current is None:
        make_patiently(cluster, resource, note.former, seconds)
        return "restored"
    return "untouched" if former_state(current, marks=True) == note.former else "taken"


def _there(cluster: Cluster, resource: ApiResource, reference: ObjectReference) -> Manifest | None:
    path = resource.path(reference.namespace, reference.name)
    try:
        current: Manifest = cluster.get(path, what=f"read {reference}")
    except NotFound:
        return None
    return current
