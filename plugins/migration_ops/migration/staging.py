"""What the target's claims hold already: the snapshot that each was last filled with.

It is written on the claim itself (`migration-ops.io/staged-snapshot`) after a mover has filled it, and taken
off before any workload may write there: who finds it may restore the difference alone. The vault's own proof
of the base guards against a claim that somebody wrote to all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from migration_ops.cluster import Cluster, NotFound
from migration_ops.cluster.marks import PLAN_LABEL, RUN_LABEL, is_copy, label_value, run_selector
from migration_ops.cluster.reference import annotations_of, labels_of
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.volumes import STAGED_SNAPSHOT, RestoreTask, outcome

_CLAIM = "/api/v1/namespaces/{}/persistentvolumeclaims/{}"

VolumeName = tuple[str, str]


class StagedClaimChangedError(MigrationError):
    """A staged claim didn't hold what it was filled with: somebody wrote to it. The retry fills it anew."""

    retryable = True


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


def made_by_other_runs(target: Cluster, plan: str, run: str) -> dict[VolumeName, str]:
    """The plan's claims that a run found there, with the run that made each: its rollback leaves them.

    :param plan: the plan's name.
    """
    query = {"labelSelector": run_selector(plan)}
    path = "/api/v1/persistentvolumeclaims"
    found = target.get(path, query=query, what=f"look which claims plan {plan} made")["items"]
    makers = {
        (str(one["metadata"]["namespace"]), str(one["metadata"]["name"])): labels_of(one).get(RUN_LABEL, "")
        for one in found
        if not is_copy(one, PLAN_LABEL)
    }
    return {claim: maker for claim, maker in sorted(makers.items()) if maker != label_value(run)}


def mark_staged(target: Cluster, claim: VolumeName, snapshot: str | None) -> None:
    """Write on a claim what it holds; nothing means that nobody knows any more.

    :param claim: namespace and name.
    """
    patch = {"metadata": {"annotations": {STAGED_SNAPSHOT: snapshot}}}
    target.patch(_CLAIM.format(*claim), patch, what=f"note on claim {'/'.join(claim)} what it holds")


def as_it_holds_now(target: Cluster, task: RestoreTask) -> RestoreTask:
    """The task with the base that its claim has at this moment, which another try may have lost or gained.

    Only a base that was known when the run began, or the snapshot itself, is used: anything else is what
    another run has put there since. A raw device has no room for a journal: if a restore of it does not end,
    nobody knows what it holds, so its mark is taken off before.
    """
    claim = (task.namespace, task.claim)
    held = staged_snapshots(target, [claim]).get(claim)
    base = held if held in {task.base, task.snapshot_id} else None
    if task.volume_mode == "Block" and base not in {None, task.snapshot_id}:
        mark_staged(target, claim, None)
    return task.model_copy(update={"base": base})


def settle(target: Cluster, volume: Mapping[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
    """End the restore of a claim: write on it what it holds; returns the task's result.

    :param volume: the `RestoreTask` as JSON data.
    :param summary: what the mover said; `differences` is what its second reading found.
    :raises StagedClaimChangedError: if there are differences: what the claim was thought to hold wasn't
        there. That is taken off the claim, so that the next try restores all of it.
    """
    claim = (volume["namespace"], volume["claim"])
    differences = int(summary.get("differences") or 0)
    if differences:
        mark_staged(target, claim, None)
        thought = "although it was taken for staged" if volume.get("base") else "just after it was filled"
        raise StagedClaimChangedError(
            f"claim {'/'.join(claim)} has {differences} differences from its snapshot {thought}: somebody "
            "wrote to it. It is filled anew; find out who mounts it in the target"
        )
    mark_staged(target, claim, volume["snapshot_id"])
    return outcome({"kind": "restore", "volume": volume}, summary)
