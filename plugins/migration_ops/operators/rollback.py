"""The steps of `PLAN.rollback`: take back what a cutover made in the target."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.migration.recovery import LEAVE, ROLL_BACK
from migration_ops.operators.base import MigrationOperator
from migration_ops.operators.decision import (
    DECISION,
    answered_by,
    ask,
    asks_when_it_fails,
    note,
    take_answer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

_SOURCE_PATIENCE_SECONDS = 45.0
"""How long the source is waited for before its copy in the target is deleted."""
_TARGET_PATIENCE_SECONDS = 150.0
"""How long the target is waited for before it is said to be gone: as long as for any request to it."""


class ChooseRunOperator(MigrationOperator):
    """Finds the cutover that is to be rolled back and says what that means.

    Pushes `run` and `facts` (Markdown).

    :param run: the cutover's run id; empty for the last one that stopped the source.
    """

    template_fields = ("run",)

    def __init__(self, *, run: str = "", **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.run = run

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask the journal."""
        from migration_ops.migration.stopping import choose_run
        from migration_ops.mover import run_key

        wanted = run_key(f"{self.the_plan.name}.cutover", self.run) if self.run else None
        chosen = choose_run(self.the_plan, self.journal, wanted)
        self.log.info("Rolls back %s", chosen.run)
        return {"run": chosen.run, "facts": chosen.markdown()}


class UndoTargetOperator(MigrationOperator):
    """Deletes what a run made in the target and puts back what it changed, known by its labels.

    Claims that stagings made before it stay, and are named.

    :param run: the run as a label value; this run if it is empty.
    :param keep: `nothing`, `claims`, or `everything`, which only notes that the target stays as it is.
    :param without_source: anything but an empty text deletes also while the source doesn't answer.
    """

    template_fields = ("run", "keep", "without_source")

    def __init__(
        self, *, run: Any = "", keep: str = "nothing", without_source: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.keep = keep
        self.without_source = without_source

    def cutover_run(self, context: Context) -> str:
        """The rolled back cutover: the whole story is in one journal."""
        return self.run or self.run_key(context)

    @asks_when_it_fails
    def execute(self, context: Context) -> dict[str, Any]:
        """Undo, workloads first.

        :raises UnfinishedError: if something could not be undone; pods and claims of a node that is away go
            when it comes back.
        :raises SourceGoneError: if the source doesn't answer; nothing is deleted then.
        :raises TargetGoneError: if the target doesn't answer; the source need not wait for it.
        """
        from migration_ops.cluster import ClusterUnreachable
        from migration_ops.migration.errors import MigrationError, TargetGoneError, UnfinishedError
        from migration_ops.migration.events import ROLLED_BACK, UNDOING
        from migration_ops.migration.staging import made_by_other_runs
        from migration_ops.migration.stillness import silence
        from migration_ops.migration.stopping import undo_run

        if self.keep == "everything":
            self.log.info("The target stays as it is; only the source is started again")
            return {"deleted": [], "restored": []}
        run, began = self.cutover_run(context), datetime.now(UTC)
        self._refuse_without_source()
        if why := silence(self.target, _TARGET_PATIENCE_SECONDS):
            raise TargetGoneError(f"{why}. The source can be started without it")
        # Whatever comes of it, nobody may take the target for whole from here on.
        note(self, context, UNDOING, {})
        try:
            result = undo_run(
                self.the_plan, self.target, run, self.log.info, keep_claims=self.keep == "claims"
            )
            staged = made_by_other_runs(self.target, self.the_plan.name, run)
        except MigrationError as error:
            if why := silence(self.target, 0.0):  # it went while it was emptied
                raise TargetGoneError(f"{why}. The source can be started without it") from error
            raise UnfinishedError(str(error)) from error
        except ClusterUnreachable as error:
            raise TargetGoneError(f"{error}. The source can be started without it") from error
        left = [f"{'/'.join(claim)} (made by {maker})" for claim, maker in staged.items()]
        for claim in left:
            self.log.info(
                "left: claim %s; the next staging or cutover fills it anew. Delete it if there won't be one",
                claim,
            )
        counts = {"deleted": len(result.deleted), "restored": len(result.restored), "kept": len(result.kept)}
        self.journal.write(run, ROLLED_BACK, began=began, data={**counts, "staged": left})
        return {"deleted": list(result.deleted), "restored": list(result.restored), "staged": left}

    def _refuse_without_source(self) -> None:
        from migration_ops.migration.errors import SourceGoneError
        from migration_ops.migration.stillness import silence

        if self.without_source:
            self.log.warning("The target is emptied whether the source answers or not, as this run wants")
            return
        source, plan = self.source, self.the_plan.name
        if why := silence(source, _SOURCE_PATIENCE_SECONDS):
            raise SourceGoneError(
                f"nothing is deleted: {source.name} doesn't answer, so the target would be deleted while the "
                "source can't be started, and the application would run nowhere "
                f"({why}). Bring {source.name} back and Retry. If the application shall go on in the target, "
                "Leave as it is. "
                f"To delete it all the same, Leave as it is and run {plan}.rollback with *Also if the source "
                "doesn't answer*"
            )

    def decided(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on with the source if that was answered, whatever is left in the target."""
        take_answer(self, context, event)
        self.log.warning("The target is left as it is; %s.rollback empties it later", self.the_plan.name)
        return {"deleted": [], "restored": []}


class RollBackOperator(MigrationOperator):
    """Begins the rollback within a cutover's run, if that was answered to the question of a failed step.

    Skips what comes after it when the answer was another one, or when nothing had been stopped. A step that
    failed without asking (somebody marked it as failed, or it was lost too often) is asked about here.

    :param steps: ids of the tasks that may have failed.
    """

    def __init__(self, *, steps: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps = list(steps)

    def execute(self, context: Context) -> str:
        """Look for the answer.

        :raises AirflowSkipException: if there is nothing to roll back, or nobody wants it.
        """
        from airflow.sdk.exceptions import AirflowSkipException

        from migration_ops.migration.events import HOOKS_BEGUN, QUIESCE_BEGUN

        answers = [one for one in context["ti"].xcom_pull(task_ids=self.steps, key=DECISION) or [] if one]
        if answers:
            if answers[-1]["answer"] != ROLL_BACK:
                raise AirflowSkipException(f"{answers[-1]['by']} answered: {answers[-1]['answer']}")
            return str(answers[-1]["by"])
        run = self.cutover_run(context)
        if not any(self.journal.last(name, run) for name in (QUIESCE_BEGUN, HOOKS_BEGUN)):
            raise AirflowSkipException("nothing was stopped: there is nothing to roll back")
        reason = f"one of {', '.join(self.steps)} failed without a question of its own; see its log"
        ask(self, context, reason, 1)
        return ""

    def decided(self, context: Context, event: dict[str, Any]) -> str:
        """Go on if the answer to this task's own question was to roll back.

        :raises AirflowSkipException: if it was another one.
        """
        from airflow.sdk.exceptions import AirflowSkipException

        chosen, who = (event.get("chosen_options") or [LEAVE])[0], answered_by(event)
        note(self, context, "answered", {"question": self.task_id, "answer": chosen, "by": who})
        if chosen != ROLL_BACK:
            raise AirflowSkipException(f"{who} answered: {chosen}")
        return who
