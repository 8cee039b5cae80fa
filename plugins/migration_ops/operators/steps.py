"""Steps that several runbooks share, wired alike: volumes as mapped tasks, the commit, the adaptation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, TriggerRule, chain

from migration_ops.operators.cutover import ResumeOperator
from migration_ops.operators.decision import BEGIN_ANSWERS, ROLLBACK_ANSWERS, UNDO_ANSWERS
from migration_ops.operators.mover import BackupVolumeOperator, RestoreVolumeOperator, volume_rows
from migration_ops.operators.reporting import ReportRunOperator
from migration_ops.operators.restore import AdaptResourcesOperator
from migration_ops.operators.restore_point import CommitRestorePointOperator
from migration_ops.operators.rollback import RollBackOperator, UndoTargetOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import BaseOperator

    from migration_ops.migration import Plan


def move_volumes(plan: Plan, task_id: str, volumes: Any, *, into: Literal["vault", "target"]) -> Any:
    """One mover for each volume, see `volume_rows`.

    :param volumes: the output of the task that lists them.
    """
    if into == "vault":
        return BackupVolumeOperator.partial(**volume_rows(plan, task_id, "source")).expand(volume=volumes)
    rows = volume_rows(plan, task_id, "target")
    return RestoreVolumeOperator.partial(action=task_id, **rows).expand(volume=volumes)


def commit_restore_point(plan: Plan, begun: Any, saved: Any, **options: Any) -> CommitRestorePointOperator:
    """The commit of a restore point; a plan without volumes has resources all the same.

    :param begun: the task that began it.
    :param saved: the mapped task of its volumes.
    :param options: of the operator.
    """
    return CommitRestorePointOperator(
        task_id="commit",
        plan=plan.document(),
        point=begun.output["point"],
        volumes=saved.output,
        trigger_rule=TriggerRule.NONE_FAILED,
        **options,
    )


def adapt_resources(plan: Plan, point: Any = "") -> AdaptResourcesOperator:
    """The adaptation of a restore point, with the claims that its volumes go into.

    :param point: its id; the newest one's if it is empty.
    """
    return AdaptResourcesOperator(task_id="adapt", plan=plan.document(), point=point)


def roll_back_when_asked(plan: Plan, steps: Sequence[BaseOperator]) -> None:
    """The rollback within a cutover's own run; it begins when a step failed and somebody answered so.

    The run has succeeded if its last step or its rollback has. A rollback that is skipped alone, since there
    was nothing to roll back or nobody wanted it, would let Airflow take a failed run for a successful one.

    :param steps: those that may fail while the source is stopped.
    """
    document = plan.document()
    with TaskGroup("rollback"):
        begin = RollBackOperator(
            task_id="begin",
            plan=document,
            steps=[step.task_id for step in steps],
            answers=BEGIN_ANSWERS,
            trigger_rule=TriggerRule.ONE_FAILED,
        )
        undo = UndoTargetOperator(task_id="undo_target", plan=document, answers=UNDO_ANSWERS)
        resume = ResumeOperator(task_id="resume", plan=document, answers=ROLLBACK_ANSWERS)
        report = ReportRunOperator(task_id="report", plan=document, kind="rollback", needs=["resumed"])
        chain(list(steps), begin)
        chain(begin, undo, resume, report)
    ended = EmptyOperator(task_id="ended", trigger_rule=TriggerRule.ONE_SUCCESS)
    chain([steps[-1], report], ended)
