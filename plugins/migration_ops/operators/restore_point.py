"""The steps that make a restore point: list the volumes, and after their movers commit it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from migration_ops.operators.base import MigrationOperator, movers_results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from migration_ops.cluster import Capture, Claim
    from migration_ops.migration.restore_point import PointKind, RestorePoint


class RestorePointOperator(MigrationOperator):
    """A step that begins a restore point."""

    def begin_restore_point(
        self, context: Context, kind: PointKind, claims: Sequence[Claim], parent: RestorePoint | None
    ) -> list[dict[str, Any]]:
        """Name the new point, push it as `point`, and return a `BackupTask` for each volume.

        Its id follows from the run, so that all tries agree on it.

        :param parent: the newest restore point so far.
        """
        from migration_ops.migration.restore_point import point_id
        from migration_ops.migration.volumes import backup_tasks

        name = point_id(kind, context["dag_run"].run_after, self.run_key(context))
        compared = parent.id if parent and kind != "full" else None
        tasks = backup_tasks(claims, point=name, kind=kind, parent=parent)
        self.log.info(
            "Restore point %s of %d volumes, compared with %s", name, len(tasks), compared or "nothing"
        )
        point = {"id": name, "kind": kind, "parent": compared, "started": datetime.now(UTC).isoformat()}
        context["ti"].xcom_push(key="point", value=point)
        return [task.model_dump(mode="json") for task in tasks]


class ListVolumesOperator(RestorePointOperator):
    """Lists the volumes of a new restore point; each becomes a mapped task.

    Returns a `BackupTask` for each; pushes `point` (its id, kind, parent and start).

    :param kind: `full` or `incremental`.
    """

    template_fields: Sequence[str] = ("kind",)

    def __init__(self, *, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the claims that the plan chooses."""
        from migration_ops.cluster import capture
        from migration_ops.migration.adaptation import selection
        from migration_ops.migration.restore_point import point_kind
        from migration_ops.migration.vault_records import latest_restore_point

        kind = point_kind(self.kind)
        found = capture(self.source, selection(self.the_plan))
        for one in found.left_out:
            self.log.info("Left out: %s (%s)", one.object, one.reason)
        parent = latest_restore_point(self.repository, self.the_plan.name)
        return self.begin_restore_point(context, kind, found.claims, parent)


class CommitRestorePointOperator(MigrationOperator):
    """Captures the resources and commits the restore point.

    :param point: what `ListVolumesOperator` pushed under that name.
    :param volumes: the volumes' records.
    """

    template_fields: Sequence[str] = ("point", "volumes")
    template_fields_renderers: ClassVar[dict[str, str]] = {"point": "json", "volumes": "json"}

    def __init__(self, *, point: Any, volumes: Any, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.point = point
        self.volumes = volumes

    def execute(self, context: Context) -> dict[str, Any]:
        """Capture, write, and only then does the restore point exist."""
        from migration_ops.cluster import capture
        from migration_ops.migration.adaptation import selection

        found = capture(self.source, selection(self.the_plan))
        return facts_of(commit(self, self.point, movers_results(self.volumes), found))


def commit(
    step: MigrationOperator, begun: dict[str, Any], volumes: Sequence[Any], found: Capture
) -> RestorePoint:
    """Write the resources with the point's record: from now on the restore point exists.

    :param step: for its plan, clusters and vault.
    :param begun: id, kind, parent and start of the point, as `RestorePointOperator` pushed them.
    :param volumes: the volumes' records.
    :param found: the resources.
    """
    from migration_ops.migration.adaptation import provider_of
    from migration_ops.migration.restore_point import (
        LeftOutRecord,
        RestorePoint,
        SourceCluster,
        VolumeRecord,
    )
    from migration_ops.migration.vault_records import commit_restore_point
    from migration_ops.mover import size_text

    point = RestorePoint(
        id=begun["id"],
        plan=step.the_plan.name,
        kind=begun["kind"],
        parent=begun["parent"],
        started=datetime.fromisoformat(begun["started"]),
        finished=datetime.now(UTC),
        partial=bool(begun.get("partial")),
        cluster=SourceCluster(
            name=step.source.name,
            identity=step.source.identity(),
            version=step.source.version(),
            provider=provider_of(step.source),
        ),
        volumes=[VolumeRecord.model_validate(record) for record in volumes],
        objects=found.counts_by_kind,
        left_out=[LeftOutRecord(object=one.object, reason=one.reason) for one in found.left_out],
        warnings=[f"{one.object} could not be read: {one.reason}" for one in found.unreadable]
        + [f"namespace {name} is named by the plan and doesn't exist" for name in found.absent_namespaces],
    )
    snapshot = commit_restore_point(step.repository, point, found)
    for warning in point.warnings:
        step.log.warning("%s", warning)
    step.log.info(
        "Restore point %s committed: %d volumes with %s, %s added, %d objects",
        point.id,
        len(point.volumes),
        size_text(point.total_bytes),
        size_text(point.added_bytes),
        sum(point.objects.values()),
    )
    return point.model_copy(update={"resources_snapshot": snapshot})


def facts_of(point: RestorePoint) -> dict[str, Any]:
    """What later steps and pages want to know of a point, as JSON data."""
    return {
        "point": point.id,
        "kind": point.kind,
        "snapshot": point.resources_snapshot,
        "volumes": [volume.model_dump(mode="json") for volume in point.volumes],
        "objects": sum(point.objects.values()),
        "bytes": point.total_bytes,
        "added_bytes": point.added_bytes,
        "seconds": (point.finished - point.started).total_seconds(),
    }
