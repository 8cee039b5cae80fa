"""Which part of a restore point is restored: namespaces, kinds, claims, as their names were in the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from migration_ops.cluster import ObjectReference
from migration_ops.migration.errors import RestorePointError
from migration_ops.migration.restore_point import RestorePoint

Manifest = dict[str, Any]

_CLAIM = "PersistentVolumeClaim"


@dataclass(frozen=True)
class Choice:
    """Patterns (globs); empty means all.

    :param namespaces: of the source.
    :param kinds: `Kind`, or `group/Kind` where two groups have a kind of that name.
    :param names: `NAME`, or `NAMESPACE/NAME`, of objects; of those without namespace `NAME` alone.
    :param claims: `NAMESPACE/CLAIM` or `CLAIM`; the data of the others isn't restored, nor are their claims.
    :param only_claims: restore nothing but claims with their data.
    """

    namespaces: Sequence[str] = ()
    kinds: Sequence[str] = ()
    names: Sequence[str] = ()
    claims: Sequence[str] = ()
    only_claims: bool = False

    def of(self, point: RestorePoint, captured: Sequence[Manifest]) -> tuple[RestorePoint, list[Manifest]]:
        """The chosen part of a restore point and of its objects.

        :raises RestorePointError: if that is nothing; says what there is.
        """
        objects = [item for item in captured if self._takes(ObjectReference.of(item))]
        claims = {
            (item["metadata"].get("namespace"), item["metadata"]["name"])
            for item in objects
            if item["kind"] == _CLAIM
        }
        volumes = [one for one in point.volumes if (one.namespace, one.claim) in claims]
        if not objects:
            there = sorted({str(item["metadata"].get("namespace") or "") for item in captured} - {""})
            raise RestorePointError(
                f"nothing in restore point {point.id} is chosen by {self}; it holds the namespaces "
                f"{', '.join(there) or '(none)'} and the claims "
                f"{', '.join(f'{one.namespace}/{one.claim}' for one in point.volumes) or '(none)'}"
            )
        return point.model_copy(update={"volumes": volumes}), objects

    def _takes(self, reference: ObjectReference) -> bool:
        if not self._takes_namespace(reference) or not self._takes_name(reference):
            return False
        if reference.kind == _CLAIM:
            names = (reference.name, f"{reference.namespace}/{reference.name}")
            taken = self.only_claims or self._takes_kind(reference)
            return taken and (not self.claims or _any(self.claims, *names))
        return not self.only_claims and self._takes_kind(reference)

    def _takes_namespace(self, reference: ObjectReference) -> bool:
        if not self.namespaces:
            return True
        if reference.kind == "Namespace":
            return _any(self.namespaces, reference.name)
        # What belongs to no namespace may be needed by those that are chosen; what exists is left alone.
        return not reference.namespace or _any(self.namespaces, reference.namespace)

    def _takes_name(self, reference: ObjectReference) -> bool:
        if not self.names:
            return True
        return _any(self.names, reference.name, f"{reference.namespace}/{reference.name}")

    def _takes_kind(self, reference: ObjectReference) -> bool:
        if not self.kinds:
            return True
        return _any(self.kinds, reference.kind, f"{reference.group}/{reference.kind}")

    def __str__(self) -> str:
        said = [
            f"{name} {', '.join(values)}"
            for name, values in (
                ("namespaces", self.namespaces),
                ("kinds", self.kinds),
                ("names", self.names),
                ("claims", self.claims),
            )
            if values
        ]
        return "; ".join([*said, *(["claims alone"] if self.only_claims else [])]) or "everything"


def _any(patterns: Sequence[str], *names: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns for name in names)
