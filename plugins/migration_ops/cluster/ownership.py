"""Owner references between objects of one set, rebuilt with the UIDs that the target gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from migration_ops.cluster.exclusions import kept_for_its_operator
from migration_ops.cluster.reference import Manifest, ObjectReference, split_api_version

if TYPE_CHECKING:
    from migration_ops.cluster.apply_one import ObjectResult

Identity = tuple[str, str, str, str]


class Ownership:
    """Holds back objects until their owners are in the target.

    An object is made with its owner reference in one request: a moment without would let a controller take
    it for an orphan. Owners outside of the set are forgotten, as their UIDs mean nothing in the target. Only
    an operator's Secrets go ahead, unowned: the operator must find its passwords, not make new ones.

    :param objects: the whole set.
    """

    def __init__(self, objects: Iterable[Manifest]) -> None:
        in_set = {ObjectReference.of(one).identity for one in objects}
        self._owners: dict[Identity, list[tuple[Identity, dict[str, Any]]]] = {}
        for manifest in objects:
            if kept_for_its_operator(manifest):
                continue
            owners = [(identity, owner) for identity, owner in _owners_of(manifest) if identity in in_set]
            if owners:
                self._owners[ObjectReference.of(manifest).identity] = owners
        self._uids: dict[Identity, str] = {}
        self._held: list[Manifest] = []

    def ready(self, wave: Sequence[Manifest]) -> list[Manifest]:
        """Return those of a wave that can be applied now, and earlier ones whose owners came meanwhile.

        :param wave: the objects of a wave.
        """
        self._held += [one for one in wave if self._missing_owners(one)]
        return [one for one in wave if not self._missing_owners(one)] + self.waiting()

    def waiting(self, *, dry_run: bool = False) -> list[Manifest]:
        """Return held objects whose owners are in the target now.

        :param dry_run: nothing will ever be there: return all of them.
        """
        free = [one for one in self._held if dry_run or not self._missing_owners(one)]
        self._held = [one for one in self._held if not any(one is other for other in free)]
        return free

    def orphans(self) -> list[tuple[Manifest, str]]:
        """Return what is still held, with the owner that never came."""
        return [
            (one, "/".join(self._missing_owners(one)[0])) for one in self._held if self._missing_owners(one)
        ]

    def record(self, result: ObjectResult) -> None:
        """Remember the UID of what was applied.

        :param result: of an object that may be in the target now.
        """
        if result.uid:
            self._uids[ObjectReference.parse(result.object).identity] = result.uid

    def restore(self, original: Manifest, clean: Manifest) -> None:
        """Put an object's owner references back, with the target's UIDs.

        :param original: as captured.
        :param clean: as it will be applied; changed in place.
        """
        references = []
        for identity, owner in self._owners.get(ObjectReference.of(original).identity, []):
            if identity in self._uids:
                kept = {key: value for key, value in owner.items() if key != "blockOwnerDeletion"}
                references.append(kept | {"uid": self._uids[identity]})
        if references:
            clean["metadata"]["ownerReferences"] = references

    def _missing_owners(self, manifest: Manifest) -> list[Identity]:
        owners = self._owners.get(ObjectReference.of(manifest).identity, [])
        return [identity for identity, _ in owners if identity not in self._uids]


def _owners_of(manifest: Manifest) -> list[tuple[Identity, dict[str, Any]]]:
    metadata = manifest.get("metadata") or {}
    found: list[tuple[Identity, dict[str, Any]]] = []
    for owner in metadata.get("ownerReferences") or []:
        group, _ = split_api_version(owner.get("apiVersion", ""))
        # An owner lies in the object's own namespace, or is cluster-scoped: both are tried.
        places = {metadata.get("namespace") or "", ""}
        found += [((group, owner["kind"], namespace, owner["name"]), owner) for namespace in places]
    return found
