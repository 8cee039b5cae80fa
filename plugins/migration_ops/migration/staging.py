"""What the target's claims hold already: the snapshot that each was last filled with.

It is written on the claim itself (`migration-ops.io/staged-snapshot`) after a mover has filled it, and taken
off before any workload may write there: who finds it may restore the difference alone. The vault's own proof
of the base guards against a claim that somebody wrote to all the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from migration_ops.cluster import Cluster, NotFound
from migration_ops.cluster.reference import annotations_of
from migration_ops.migration.volumes import STAGED_SNAPSHOT

_CLAIM = "/api/v1/namespaces/{}/persistentvolumeclaims/{}"

VolumeName = tuple[str, str]


def staged_snapshots(target: Cluster, claims: Iterable[VolumeName]) -> dict[VolumeName, str]:
    """The snapshot that each claim holds; claims that hold none, or don't exist, are left out.

    :param claims: namespaces and names.
    """

    def read(claim: VolumeName) -> tuple[VolumeName, str]:
        try:
            found = target.get(_CLAIM.format(*claim), what=f"read claim {'/'.join(claim)}")
        except NotFound:
            return claim, ""
        return claim, annotations_of(found).get(STAGED_SNAPSHOT, "")

    return {claim: snapshot for claim, snapshot in target.each(read, list(claims)) if snapshot}


def mark_staged(target: Cluster, claim: VolumeName, snapshot: str | None) -> None:
    """Write on a claim what it holds; nothing means that nobody knows any more.

    :param claim: namespace and name.
    """
    patch = {"metadata": {"annotations": {STAGED_SNAPSHOT: snapshot}}}
    target.patch(_CLAIM.format(*claim), patch, what=f"note on claim {'/'.join(claim)} what it holds")
