"""Tells whether applied objects do their work yet, and if not, why."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import NotFound
from migration_ops.cluster.kinds import ApiResource, discovery
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.readiness_reasons import Reasons
from migration_ops.cluster.readiness_rules import RULES
from migration_ops.cluster.reference import Manifest, ObjectReference, reference_of

POLL_SECONDS = 0.5

FEW_OBJECTS = 3
"""Up to so many objects of a kind in a namespace are read one by one, more with a list."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """One object that does not do its work yet.

    :param object: its reference.
    :param reasons: why, the nearest cause first.
    """

    object: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.object}: {'; '.join(self.reasons)}"


@dataclass(frozen=True, slots=True)
class ReadinessResult:
    """How far a set of objects is.

    :param ready_objects: references of what is ready (kinds that need no time count as ready when present).
    :param not_ready: the others.
    :param seconds: how long it was waited for.
    """

    ready_objects: tuple[str, ...]
    not_ready: tuple[NotReady, ...]
    seconds: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether everything is ready."""
        return not self.not_ready


def wait_ready(
    cluster: Cluster,
    objects: Iterable[Manifest],
    timeout: float,
    *,
    on_look: Callable[[ReadinessResult], None] | None = None,
) -> ReadinessResult:
    """Wait until objects are ready, or the time is over.

    :param cluster: the cluster.
    :param objects: manifests; only kind, namespace and name are used.
    :param timeout: seconds.
    :param on_look: called after each look, for progress.
    :return: the last look; ``not_ready`` says what is missing and why.
    :raises ClusterError: when the API server cannot be reached.
    """
    wanted = list(objects)
    began = time.monotonic()
    while True:
        result = readiness(cluster, wanted)
        seconds = time.monotonic() - began
        result = ReadinessResult(result.ready_objects, result.not_ready, seconds)
        if on_look:
            on_look(result)
        if result.ready or seconds >= timeout:
            return result
        pause = min(POLL_SECONDS, max(0.1, seconds / 10))  # what is ready soon is noticed soon
        time.sleep(min(pause, max(0.0, timeout - seconds)))


def readiness(cluster: Cluster, objects: Iterable[Manifest]) -> ReadinessResult:
    """Look once.

    :param cluster: the cluster.
    :param objects: manifests; only kind, namespace and name are used.
    :raises ClusterError: when the API server cannot be reached.
    """
    wanted = [one for one in objects if ObjectReference.of(one).group_kind in RULES]
    others = [reference_of(one) for one in objects if ObjectReference.of(one).group_kind not in RULES]
    current = _current(cluster, wanted)
    reasons = Reasons(cluster, discovery(cluster))
    ready: list[str] = []
    late: list[tuple[Manifest | None, str, str]] = []
    for manifest in wanted:
        reference = ObjectReference.of(manifest)
        found = current.get(reference.identity)
        missing = "is not there" if found is None else RULES[reference.group_kind](found)
        if missing is None:
            ready.append(str(reference))
        else:
            late.append((found, str(reference), missing))
    not_ready = [
        NotReady(name, (missing, *(reasons.of(found) if found is not None else ())))
        for found, name, missing in late
    ]
    return ReadinessResult(tuple(ready + others), tuple(not_ready))


def _current(cluster: Cluster, objects: Iterable[Manifest]) -> dict[tuple[str, str, str, str], Manifest]:
    """Read the objects as they are, with as few requests as sensible."""
    served = discovery(cluster)
    by_place: dict[tuple[ApiResource, str], list[str]] = defaultdict(list)
    for manifest in objects:
        reference = ObjectReference.of(manifest)
        resource = served.for_object(reference) or served.find(*reference.group_kind)
        if resource is not None:
            by_place[resource, reference.namespace].append(reference.name)

    def read(place: tuple[tuple[ApiResource, str], list[str]]) -> list[Manifest]:
        (resource, namespace), names = place
        if len(names) > FEW_OBJECTS:
            return list_objects(cluster, resource, namespace or None)
        found = []
        for name in names:
            try:
                one = cluster.get(
                    resource.path(namespace, name), what=f"read {resource.kind} {namespace}/{name}"
                )
            except NotFound:
                continue
            found.append(one | {"apiVersion": resource.api_version, "kind": resource.kind})
        return found

    return {
        ObjectReference.of(manifest).identity: manifest
        for listed in cluster.each(read, by_place.items())
        for manifest in listed
    }
