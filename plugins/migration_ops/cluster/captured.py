"""What a capture holds: objects with their reasons, claims, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from migration_ops.cluster.claims import Claim
from migration_ops.cluster.reference import Manifest

ABSENT = "does not exist in the source, though it is selected by name"
"""Why a namespace that is named without a glob is left out."""


@dataclass(frozen=True, slots=True)
class CapturedObject:
    """One object as the source said it (without ``managedFields``), and why it is in the set.

    :param manifest: the object.
    :param reason: ``chosen``, or what needs it.
    :param alternates: the same object in other versions that the source serves and a target may prefer.
    """

    manifest: Manifest
    reason: str
    alternates: tuple[Manifest, ...] = ()

    def for_target(self, target_apis: Collection[str] | None) -> Manifest:
        """Return the object in a version that a target serves, as far as there is one.

        :param target_apis: ``group/version/Kind`` of the target (`Discovery.api_names`).
        """
        for manifest in (self.manifest, *self.alternates):
            if target_apis is None or f"{manifest['apiVersion']}/{manifest['kind']}" in target_apis:
                return manifest
        return self.manifest


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was there and is not in the set.

    :param object: the object's reference, or a kind's name.
    :param reason: why.
    """

    object: str
    reason: str


@dataclass(frozen=True, slots=True)
class Capture:
    """What was read out of a cluster.

    :param objects: in the order of kind, namespace and name.
    :param claims: volumes to move.
    :param left_out: what is not in the set, with the reason.
    :param unreadable: kinds that could not be read at all: the set may lack something.
    """

    objects: list[CapturedObject]
    claims: list[Claim]
    left_out: list[LeftOut] = field(default_factory=list)
    unreadable: list[LeftOut] = field(default_factory=list)

    def manifests(self, target_apis: Collection[str] | None = None) -> list[Manifest]:
        """Return all objects, each in a version that a target serves as far as there is one.

        :param target_apis: ``group/version/Kind`` of the target (`Discovery.api_names`).
        """
        return [one.for_target(target_apis) for one in self.objects]

    @property
    def absent_namespaces(self) -> list[str]:
        """Namespaces that are selected by name and do not exist."""
        return [one.object.rpartition("/")[2] for one in self.left_out if one.reason == ABSENT]

    @property
    def counts_by_kind(self) -> dict[str, int]:
        """Number of objects per ``apiVersion/Kind``."""
        counts = Counter(f"{one.manifest['apiVersion']}/{one.manifest['kind']}" for one in self.objects)
        return dict(sorted(counts.items()))
