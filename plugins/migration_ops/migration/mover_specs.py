"""What the mover of each volume shall do, from the plan and the volume's task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_ops.mover import MoverSpec, backup_command, restore_command

if TYPE_CHECKING:
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.volumes import BackupTask, RestoreTask


def backup_spec(plan: Plan, task: BackupTask, run: str, host: str) -> MoverSpec:
    """Back a volume up: read-only, and on the node that holds it when it can't be mounted elsewhere.

    :param run: the run as a label value.
    :param host: what the snapshot gives as host: the source cluster's name.
    """
    command = backup_command(
        task.namespace,
        task.claim,
        host=host,
        tags=task.tags(plan.name),
        parent=task.parent,
        limit_upload_bytes=plan.movers.limit_upload,
    )
    return _volume_spec(plan, task, run, action=task.action, command=command, node=task.node)


def restore_spec(plan: Plan, task: RestoreTask, run: str, action: str) -> MoverSpec:
    """Make a claim of the target equal to a snapshot, by the difference alone if it is known what it holds.

    :param run: the run as a label value.
    :param action: what the mover is called: `stage` before the stop, `restore` after it.
    """
    command = restore_command(
        task.namespace,
        task.claim,
        task.snapshot_id,
        base=task.base,
        verify=task.verify,
        verify_percent=task.verify_percent,
    )
    writes = {"writable": True, "takes_over": task.takes_over}
    return _volume_spec(plan, task, run, action=action, command=command, **writes)


def _volume_spec(plan: Plan, task: BackupTask | RestoreTask, run: str, **options: Any) -> MoverSpec:
    movers = plan.movers
    return MoverSpec(
        plan=plan.name,
        run=run,
        namespace=task.namespace,
        claim=task.claim,
        image=movers.image,
        block=task.volume_mode == "Block",
        requests=movers.requests,
        limits=movers.limits,
        timeout_seconds=int(movers.timeout.total_seconds()),
        **options,
    )
