"""What the target's claims hold at this moment: few are asked one by one, many by namespace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from migration_ops.cluster.reference import annotations_of
from migration_ops.migration.staging import staged_snapshots
from migration_ops.migration.volumes import STAGED_SNAPSHOT

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

_FEW = 20
_AT_ONCE, _MOST_LISTS = 500, 100

Claim = tuple[str, str]


def held_snapshots(target: Cluster, claims: Sequence[Claim]) -> dict[Claim, str]:
    """The snapshot that each claim holds; claims that hold none, or don't exist, are left out.

    :param claims: namespaces and names, perhaps thousands.
    """
    if len(claims) <= _FEW:
        return staged_snapshots(target, claims)
    wanted = set(claims)
    found: dict[Claim, str] = {}
    for namespace in sorted({namespace for namespace, _ in claims}):
        for claim in _claims_in(target, namespace):
            name = (namespace, str(claim["metadata"]["name"]))
            snapshot = annotations_of(claim).get(STAGED_SNAPSHOT, "")
            if name in wanted and snapshot:
                found[name] = snapshot
    return found


def _claims_in(target: Cluster, namespace: str) -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": _AT_ONCE}
    for _ in range(_MOST_LISTS):
        answer = target.get(path, query=query, what=f"list the claims of {namespace}")
        found += answer["items"]
        token = (answer.get("metadata") or {}).get("continue")
        if not token:
            break
        query = query | {"continue": token}
    return found
