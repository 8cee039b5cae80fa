"""Volumes on their way: what is to be backed up, what is to be restored, one task each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from migration_ops.migration.errors import MigrationError
from migration_ops.migration.plan import Plan
from migration_ops.migration.restore_point import (
    Consistency,
    PointKind,
    RestorePoint,
    VolumeRecord,
    volume_tags,
)

if TYPE_CHECKING:
    from migration_ops.cluster import Claim

STAGED_SNAPSHOT = "migration-ops.io/staged-snapshot"
FINAL_ACTION = "final"

SAMPLE_PERCENT = 5
"""How much of a staged claim's content is read again with `verify.data: sample` during the downtime."""

_SHARED_MODES = frozenset({"ReadWriteMany", "ReadOnlyMany"})


class _Task(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str
    claim: str
    volume_mode: str = "Filesystem"
    storage_class: str = ""
    capacity: str = ""


class BackupTask(_Task):
    """One volume of the source that is to be backed up.

    :param point: the restore point that it will belong to.
    :param parent: snapshot to compare with; none reads everything.
    :param node: the node that must do it, because the claim is mounted there and can't be elsewhere.
    :param off_peak: whether it may only work in the plan's windows.
    :param disturbed: how often what was saved for this point lost its worth: the source ran again.
    """

    point: str
    consistency: Consistency
    parent: str | None = None
    node: str | None = None
    off_peak: bool = False
    disturbed: int = 0

    @property
    def action(self) -> str:
        """What its mover is called: a cutover has one before the stop and one after it."""
        return FINAL_ACTION if self.consistency == "quiesced" else "backup"

    def tags(self, plan: str) -> list[str]:
        """The tags of the snapshot."""
        return volume_tags(plan, self.point, self.namespace, self.claim, self.disturbed)

    def record(self, summary: Mapping[str, Any]) -> VolumeRecord:
        """The volume's record in the restore point.

        :param summary: what the vault program said, with restic's field names.
        """
        return VolumeRecord(
            namespace=self.namespace,
            claim=self.claim,
            snapshot_id=summary["snapshot_id"],
            bytes=summary.get("total_bytes_processed", 0),
            files=summary.get("total_files_processed", 0),
            added_bytes=summary.get("data_added_packed", summary.get("data_added", 0)),
            seconds=summary.get("total_duration", 0.0),
            consistency=self.consistency,
            storage_class=self.storage_class,
            capacity=self.capacity,
            volume_mode=self.volume_mode,
            warnings=[str(warning) for warning in summary.get("warnings", [])],
        )


class RestoreTask(_Task):
    """One claim of the target that is to hold a snapshot.

    :param base: the snapshot that it holds already.
    :param verify: whether everything is compared afterwards.
    :param verify_percent: how much of the content that reads, chosen at random.
    :param bytes: size of the volume's content.
    :param takes_over: whether the claim may be somebody else's: then the plan says that its content goes.
    """

    snapshot_id: str
    base: str | None = None
    verify: bool = True
    verify_percent: int = 100
    bytes: int = 0
    takes_over: bool = False


def backup_tasks(
    claims: Sequence[Claim], *, point: str, kind: PointKind, parent: RestorePoint | None
) -> list[BackupTask]:
    """What has to be backed up for a restore point.

    :param claims: the source's chosen claims.
    :param parent: the point before; a full backup compares with nothing and reads everything.
    """
    tasks = []
    for claim in claims:
        before = parent.volume(claim.namespace, claim.name) if parent and kind != "full" else None
        tasks.append(
            BackupTask(
                namespace=claim.namespace,
                claim=claim.name,
                volume_mode=claim.volume_mode,
                storage_class=claim.storage_class,
                capacity=claim.capacity,
                point=point,
                consistency="quiesced" if kind == "final" else "live",
                parent=before.snapshot_id if before else None,
                node=_pinned(claim) if kind != "final" else None,  # nothing is mounted any more
            )
        )
    return tasks


def _pinned(claim: Claim) -> str | None:
    return claim.node if claim.node and not _SHARED_MODES & set(claim.access_modes) else None


def restore_tasks(
    plan: Plan,
    point: RestorePoint,
    objects: Sequence[Mapping[str, Any]],
    staged: Mapping[tuple[str, str], str],
) -> list[RestoreTask]:
    """What has to be restored in the target.

    Metadata is compared afterwards in any case. While the application is down, all content of
    a staged claim is read again only for `verify.data: full`: for `sample`, which reads all before the stop,
    a part must do.

    :param objects: the adapted objects; each volume must have its claim among them.
    :param staged: by namespace and name, what the target's claims hold already.
    :raises MigrationError: if a volume's claim is missing there: its data would silently stay behind.
    """
    claims = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item
        for item in objects
        if item["kind"] == "PersistentVolumeClaim"
    }
    tasks = []
    for volume in point.volumes:
        namespace = plan.target_namespace(volume.namespace)
        claim = claims.get((namespace, volume.claim))
        if claim is None:
            raise MigrationError(
                f"volume {volume.namespace}/{volume.claim} of restore point {point.id} has no claim "
                f"{namespace}/{volume.claim} among the adapted objects: leave the volume out in the plan, "
                "or keep its claim"
            )
        tasks.append(
            RestoreTask(
                namespace=namespace,
                claim=volume.claim,
                volume_mode=volume.volume_mode,
                storage_class=(claim.get("spec") or {}).get("storageClassName") or "",
                capacity=volume.capacity,
                snapshot_id=volume.snapshot_id,
                base=(base := staged.get((namespace, volume.claim))),
                verify_percent=_verified_percent(plan, is_staged=base is not None and point.kind == "final"),
                bytes=volume.bytes,
                takes_over=plan.restore.takes_over_claims,
            )
        )
    return tasks


def _verified_percent(plan: Plan, *, is_staged: bool) -> int:
    if plan.verify.data == "metadata":
        return 0
    return SAMPLE_PERCENT if plan.verify.data == "sample" and is_staged else 100


def outcome(finish: Mapping[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
    """What a mover's task returns.

    :param finish: `kind` (`backup`, `restore` or `summary`) and, for the first two, the `volume`: a task as
        JSON data.
    :param summary: what the vault program said.
    """
    match finish["kind"]:
        case "backup":
            return BackupTask.model_validate(finish["volume"]).record(summary).model_dump(mode="json")
        case "restore":
            return {**finish["volume"], "summary": summary}
        case _:
            return summary
