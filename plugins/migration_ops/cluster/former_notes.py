"""Notes in the cluster of what an object was, written before it is deleted to be made anew.

Between both requests nothing else holds the former state: a process that is killed there leaves its note, and
whoever goes on, the next try of the run or its rollback, finds it. Secrets, since the object may be one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from migration_ops.cluster.connection import APPLY_PATCH, Cluster
from migration_ops.cluster.errors import ApiError, ClusterUnreachable, Forbidden, NotFound, Rejected
from migration_ops.cluster.exclusions import OWN_LABEL
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.marks import FIELD_MANAGER, label_value
from migration_ops.cluster.reference import Manifest, ObjectReference, annotations_of

COMPONENT = "former-state"
"""Value of `OWN_LABEL` on the notes."""

NOTED_BY = "migration-ops.io/noted-by-run"
_RUN = "migration-ops.io/run"
_UID = "migration-ops.io/uid"

STAND_IN_NAMESPACE = "default"
"""Holds the notes of what lies in no namespace: every cluster has it."""

Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class FormerNote:
    """What one object was.

    :param namespace: of the Secret.
    :param name: of the Secret.
    :param former: the object, as `migration_ops.cluster.marks.former_state` returns it.
    :param uid: of the object that was to be deleted.
    """

    namespace: str
    name: str
    former: Manifest
    uid: str

    def __str__(self) -> str:
        return f"v1/Secret/{self.namespace}/{self.name}"


@dataclass
class FormerNotes:
    """The notes of one run.

    :param cluster: the target.
    :param served: what it serves.
    :param plan: the plan's name.
    :param run: the run's name.
    """

    cluster: Cluster
    served: Discovery
    plan: str
    run: str
    _found: dict[Identity, FormerNote] = field(default_factory=dict)

    def load(self, namespaces: Iterable[str] = ()) -> None:
        """Read the notes that earlier tries of the run left.

        :param namespaces: where to look if the account may not list Secrets everywhere; where it may not
            either, it cannot have written any.
        :raises ClusterError: when they cannot be listed.
        """
        resource = self.served.find("", "Secret")
        if resource is None:
            return
        selector = f"{OWN_LABEL}={COMPONENT},{NOTED_BY}={label_value(self.run)}"
        try:
            found = list_objects(self.cluster, resource, label_selector=selector)
        except Forbidden:
            found = []
            for namespace in sorted({*namespaces, STAND_IN_NAMESPACE}):
                with contextlib.suppress(Forbidden):
                    found += list_objects(self.cluster, resource, namespace, label_selector=selector)
        for secret in found:
            notes = annotations_of(secret)
            former = _unpacked(secret)
            if former is not None and notes.get(_RUN) == f"{self.plan}/{self.run}":
                place = secret["metadata"]
                note = FormerNote(place["namespace"], place["name"], former, notes.get(_UID, ""))
                self._found[ObjectReference.of(former).identity] = note

    def __iter__(self) -> Iterator[FormerNote]:
        return iter(list(self._found.values()))

    def get(self, reference: ObjectReference) -> FormerNote | None:
        """Return the note on an object, if there is one.

        :param reference: the object.
        """
        return self._found.get(reference.identity)

    def write(self, reference: ObjectReference, former: Manifest, uid: str) -> None:
        """Write down what an object is; returns when the API server has stored it.

        :param reference: the object.
        :param former: what to put back.
        :param uid: of what will be deleted.
        :raises ClusterError: when it cannot be stored: then nothing may be deleted.
        """
        namespace = reference.namespace or STAND_IN_NAMESPACE
        digest = hashlib.sha256("\0".join((*reference.identity, self.plan, self.run)).encode()).hexdigest()
        name = f"migration-ops-former-{digest[:20]}"
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {OWN_LABEL: COMPONENT, NOTED_BY: label_value(self.run)},
                "annotations": {
                    "migration-ops.io/object": str(reference),
                    _RUN: f"{self.plan}/{self.run}",
                    _UID: uid,
                },
            },
            "data": {"former": base64.b64encode(zlib.compress(orjson.dumps(former), 9)).decode()},
        }
        self.cluster.patch(
            self._secrets().path(namespace, name),
            secret,
            content_type=APPLY_PATCH,
            query={"fieldManager": FIELD_MANAGER, "force": True},
            what=f"write down what {reference} was",
        )
        self._found[reference.identity] = FormerNote(namespace, name, former, uid)

    def remove(self, reference: ObjectReference) -> None:
        """Delete the note on an object that is there again. One that stays does no harm.

        :param reference: the object.
        """
        note = self._found.pop(reference.identity, None)
        if note is None:
            return
        path = self._secrets().path(note.namespace, note.name)
        try:
            self.cluster.request("DELETE", path, what=f"delete the note on {reference}")
        except NotFound:
            return
        except (ApiError, ClusterUnreachable):
            self._found[reference.identity] = note  # what is there has its record: the next try removes it

    def _secrets(self) -> ApiResource:
        resource = self.served.find("", "Secret")
        if resource is None:
            message = f"{self.cluster.name} serves no Secrets, in which former states are written down"
            raise Rejected(message, status=404)
        return resource


def _unpacked(secret: Manifest) -> Manifest | None:
    """Return what a note holds; what somebody else labelled like one holds nothing."""
    packed = (secret.get("data") or {}).get("former") or ""
    try:
        former = orjson.loads(zlib.decompress(base64.b64decode(packed, validate=True)))
    except (binascii.Error, zlib.error, orjson.JSONDecodeError):
        return None
    return former if isinstance(former, dict) and "kind" in former else None
