"""The target's claims before they are filled: whose they are, whether they are large enough, what they hold.

A claim that somebody else made may hold data that nobody has a copy of, and no rollback brings it back. It is
filled only where the plan names claims: that what exists is updated says nothing of data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from migration_ops.cluster import ApiError, Cluster, NotFound, storage_classes
from migration_ops.cluster.marks import PLAN_LABEL, is_copy, made_by
from migration_ops.cluster.podspec import holds_volumes, mounted_claims
from migration_ops.cluster.reference import annotations_of, labels_of
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.readiness_report.facts import quantity
from migration_ops.migration.volumes import STAGED_SNAPSHOT
from migration_ops.mover.names import MOVER_LABEL

if TYPE_CHECKING:
    from migration_ops.migration.plan import Plan
    from migration_ops.vault import Repository

Manifest = dict[str, Any]


class ClaimInUseError(MigrationError):
    """A claim that is to be filled is mounted by the application."""


ClaimName = tuple[str, str]
Say = Callable[[str], None]

_CLAIM = "/api/v1/namespaces/{}/persistentvolumeclaims/{}"


def read_claims(target: Cluster, names: Iterable[ClaimName]) -> dict[ClaimName, Manifest]:
    """Those of the claims that exist.

    :param names: namespaces and names.
    """

    def read(name: ClaimName) -> tuple[ClaimName, Manifest | None]:
        try:
            return name, target.get(_CLAIM.format(*name), what=f"read claim {'/'.join(name)}")
        except NotFound:
            return name, None

    return {name: found for name, found in target.each(read, list(names)) if found is not None}


def of_others(plan: Plan, claims: Mapping[ClaimName, Manifest]) -> set[ClaimName]:
    """The claims that are left alone, since somebody else made them; a copy of one of ours is its maker's.

    :param claims: as they are in the target.
    """
    if plan.restore.takes_over_claims:
        return set()
    return {
        name
        for name, claim in claims.items()
        if not made_by(claim["metadata"], plan.name) or is_copy(claim, PLAN_LABEL)
    }


def refuse_claims_in_use(target: Cluster, names: Iterable[ClaimName]) -> None:
    """Stop before a mover overwrites what a running application has written.

    :param names: the claims that would be filled.
    :raises ClaimInUseError: if pods mount any of them; names each.
    """
    wanted = set(names)
    used = []
    for namespace in sorted({namespace for namespace, _ in wanted}):
        path = f"/api/v1/namespaces/{namespace}/pods"
        for pod in target.get(path, what=f"look who mounts claims in {namespace}")["items"]:
            if labels_of(pod).get(MOVER_LABEL) == "true" or not holds_volumes(pod):
                continue
            used += [
                f"{namespace}/{claim} by pod {pod['metadata']['name']}"
                for claim in mounted_claims(pod)
                if (namespace, claim) in wanted
            ]
    if used:
        raise ClaimInUseError(
            "claims that would be filled are mounted there, and what the application wrote would be gone: "
            f"{', '.join(used[:20])}. Stop it first; after a finished migration pause the "
            "plan's backup and stage"
        )


def held_snapshots(repository: Repository, claims: Mapping[ClaimName, Manifest]) -> dict[ClaimName, str]:
    """What each claim holds by its own word, as far as the vault still has that snapshot.

    Without the snapshot the difference to it can't be known: such a claim is compared as a whole.
    """
    from migration_ops.vault.backend import FileKind

    said = {name: annotations_of(claim).get(STAGED_SNAPSHOT, "") for name, claim in claims.items()}
    if not any(said.values()):
        return {}
    there = {name for name, _ in repository.backend.list(FileKind.SNAPSHOT)}
    return {name: snapshot for name, snapshot in said.items() if snapshot in there}


def enlarge_claims(
    plan: Plan, target: Cluster, objects: Sequence[Manifest], claims: Mapping[ClaimName, Manifest], say: Say
) -> None:
    """Let claims that are ours grow after the source's, where their class allows that.

    What can't grow is told: the restore may still fit, and readiness has named it before.

    :param objects: the adapted objects, with the sizes that are wanted now.
    :param claims: as they are in the target.
    :param say: told of each claim.
    """
    wanted = wanted_sizes(objects)
    small = [
        name
        for name, claim in claims.items()
        if name in wanted
        and made_by(claim["metadata"], plan.name)
        and quantity(_request(claim)) < quantity(wanted[name])
    ]
    if not small:
        return
    growing = {
        str(one["metadata"]["name"]) for one in storage_classes(target) if one.get("allowVolumeExpansion")
    }
    for name in small:
        text, claim = "/".join(name), claims[name]
        storage_class = str((claim.get("spec") or {}).get("storageClassName") or "")
        if storage_class not in growing:
            say(
                f"Claim {text} has {_request(claim)} and should have {wanted[name]}; class {storage_class} "
                "doesn't let it grow: delete it in the target to have it made anew, or leave it if it fits"
            )
            continue
        patch = {"spec": {"resources": {"requests": {"storage": wanted[name]}}}}
        try:
            target.patch(_CLAIM.format(*name), patch, what=f"enlarge claim {text}")
        except ApiError as error:
            say(f"Claim {text} can't grow from {_request(claim)} to {wanted[name]}: {error}")
        else:
            say(f"Claim {text} grows from {_request(claim)} to {wanted[name]}")


def wanted_sizes(objects: Iterable[Manifest]) -> dict[ClaimName, str]:
    """The sizes that adapted claims ask for."""
    return {
        (str(item["metadata"].get("namespace")), str(item["metadata"]["name"])): _request(item)
        for item in objects
        if item["kind"] == "PersistentVolumeClaim" and _request(item)
    }


def _request(claim: Manifest) -> str:
    spec = claim.get("spec") or {}
    return str(((spec.get("resources") or {}).get("requests") or {}).get("storage") or "")
