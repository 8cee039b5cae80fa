"""The steps of `PLAN.rollback`: take back what a cutover made in the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_ops.operators.base import MigrationOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


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

    :param run: the run as a label value.
    """

    template_fields = ("run",)

    def __init__(self, *, run: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run = run

    def execute(self, context: Context) -> dict[str, Any]:
        """Undo, workloads first.

        :raises MigrationError: if something could not be undone.
        """
        from migration_ops.migration.stopping import undo_run

        result = undo_run(self.the_plan, self.target, self.run, self.log.info)
        counts = {"deleted": len(result.deleted), "restored": len(result.restored), "kept": len(result.kept)}
        self.journal.write(self.run, "rolled-back", data=counts)
        return {"deleted": list(result.deleted), "restored": list(result.restored)}
