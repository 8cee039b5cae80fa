"""What was stopped, as data: for the vault's journal beside the annotations on the objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migration_ops.cluster.reference import Manifest, ObjectReference


@dataclass(frozen=True, slots=True)
class QuiescedWorkload:
    """One stopped object.

    :param object: its reference.
    :param wave: when it was stopped; resume goes from the highest to the lowest.
    :param was: what it was, as `migration_ops.cluster.suspension` remembers it.
    :param ready: whether it did its work before the stop; what did not is not waited for when it starts.
    """

    object: str
    wave: int
    was: dict[str, Any]
    ready: bool = True

    @classmethod
    def of_note(cls, reference: str, note: Mapping[str, Any]) -> QuiescedWorkload:
        """Read what is written on an object.

        :param reference: the object.
        :param note: as `migration_ops.cluster.suspension.noted_state` returns it.
        """
        return cls(reference, int(note.get("wave", 0)), note["was"], bool(note.get("ready", True)))


@dataclass(frozen=True, slots=True)
class QuiesceRecord:
    """Everything that one quiesce stopped.

    :param plan: whose quiesce it was.
    :param run: which run's.
    :param namespaces: where.
    :param started: when the first stop was asked for, ISO 8601 in UTC.
    :param finished: when no pod held the volumes any more; empty while it goes on.
    :param workloads: what was stopped.
    :param bare_pods: references of pods without controller; their manifests lie in a Secret beside them.
    :param warnings: what may start again by itself, and what is stopped although it is not chosen.
    :param pods: what the pods without controller were, should their Secrets be lost.
    """

    plan: str
    run: str
    namespaces: tuple[str, ...]
    started: str
    finished: str = ""
    workloads: tuple[QuiescedWorkload, ...] = ()
    bare_pods: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    pods: tuple[Manifest, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON-compatible data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> QuiesceRecord:
        """Read what `as_dict` returned.

        :param data: the data.
        """
        workloads = tuple(QuiescedWorkload(**one) for one in data.get("workloads") or ())
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        return cls(**(plain | {"workloads": workloads}))

    def extended(self, later: QuiesceRecord) -> QuiesceRecord:
        """Return the record of two tries: of what both stopped, the first one knows what it was.

        :param later: what a later try would stop, or stopped.
        """
        known = {ObjectReference.parse(one.object).identity for one in self.workloads}
        kept = {pod["metadata"]["uid"] for pod in self.pods}
        return dataclasses.replace(
            self,
            namespaces=tuple(sorted({*self.namespaces, *later.namespaces})),
            finished=later.finished or self.finished,
            workloads=self.workloads
            + tuple(
                one for one in later.workloads if ObjectReference.parse(one.object).identity not in known
            ),
            bare_pods=tuple(dict.fromkeys((*self.bare_pods, *later.bare_pods))),
            warnings=tuple(dict.fromkeys((*self.warnings, *later.warnings))),
            pods=self.pods + tuple(pod for pod in later.pods if pod["metadata"]["uid"] not in kept),
        )
