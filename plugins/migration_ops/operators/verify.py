"""The steps that end a cutover: prove that nothing was lost, and say what it cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.operators.base import MigrationOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class VerifyOperator(MigrationOperator):
    """Compares the target with what was to be there, and asks the application.

    :param adapted: snapshot of the adapted objects.
    :param volumes: what the restores returned.
    """

    template_fields = ("adapted", "volumes")

    def __init__(self, *, adapted: Any, volumes: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted
        self.volumes = volumes

    def execute(self, context: Context) -> dict[str, Any]:
        """Check resources, volumes and probes; the downtime ends here.

        :raises VerificationError: if anything differs; names all that does.
        """
        from migration_ops.migration.target import load_adapted
        from migration_ops.migration.verification import verify_target

        began = datetime.now(UTC)
        objects = load_adapted(self.repository, self.adapted)
        outcome = verify_target(
            self.the_plan, self.target, self.target_hook.api_client, objects, list(self.volumes or [])
        )
        for line in outcome.lines():
            self.log.info("%s", line)
        outcome.raise_for_differences()
        self.journal.write(
            self.run_key(context), "verified", began=began, data=outcome.model_dump(mode="json")
        )
        return outcome.model_dump(mode="json")


class SummariseCutoverOperator(MigrationOperator):
    """Writes what the cutover did and how long the application was down, for approvers and readers.

    Pushes `facts` (Markdown), `downtime_seconds` and `steps`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the run's journal."""
        from migration_ops.migration.report import cutover_summary

        summary = cutover_summary(self.the_plan, self.journal.events(self.run_key(context)))
        for line in summary.markdown().splitlines():
            self.log.info("%s", line)
        return {
            "facts": summary.markdown(),
            "downtime_seconds": summary.downtime_seconds,
            "steps": summary.steps,
        }


class NoteOperator(MigrationOperator):
    """Writes one event into the run's journal.

    :param event: the event's name.
    :param data: what belongs to it.
    """

    template_fields = ("data",)

    def __init__(self, *, event: str, data: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event = event
        self.data = data

    def execute(self, context: Context) -> None:
        """Write it."""
        data = self.data if isinstance(self.data, dict) else {}
        self.journal.write(self.run_key(context), self.event, data=data)
