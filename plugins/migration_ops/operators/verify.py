"""The steps that end a cutover: prove that nothing was lost, and say what it cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.operators.ahead import Ahead
from migration_ops.operators.base import MigrationOperator, movers_result, movers_results
from migration_ops.operators.decision import asks_when_it_fails

if TYPE_CHECKING:
    from airflow.sdk import Context

    from migration_ops.migration.journal import Journal


class VerifyOperator(MigrationOperator):
    """Compares the target with what was to be there, and asks the application.

    :param adapted: snapshot of the adapted objects.
    :param volumes: what the restores returned.
    :param ready: when the workloads became ready, for the journal.
    :param stopped: volumes of the source that must not be in use any more; None where the source runs on.
    """

    template_fields = ("adapted", "volumes", "ready", "stopped")

    def __init__(self, *, adapted: Any, volumes: Any, ready: Any, stopped: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted
        self.volumes = volumes
        self.ready = ready
        self.stopped = stopped

    @asks_when_it_fails
    def execute(self, context: Context) -> dict[str, Any]:
        """Check resources, volumes and probes until all is well in one look; the downtime ends with that.

        :raises DisturbedError: if the source runs again.
        :raises VerificationError: if anything differs or doesn't settle in time; names all of it.
        """
        from migration_ops.migration.target import load_adapted
        from migration_ops.migration.verification import verify_target

        began = datetime.now(UTC)
        objects = load_adapted(self.repository, self.adapted)
        run, journal, times = self.run_key(context), self.journal, movers_result(self.ready)
        noted = Ahead(
            lambda: _note_ready(journal, run, times)
        )  # nobody waits for it while the application is down
        outcome = verify_target(
            self.the_plan,
            self.target,
            self.target_hook.api_client,
            objects,
            movers_results(self.volumes),
            run=run,
            say=self.log.info,
        )
        ended = datetime.now(UTC)  # with the look in which all was well
        for line in outcome.lines():
            self.log.info("%s", line)
        outcome.raise_for_differences()
        self.refuse_disturbed(context, self.stopped)
        verified = journal.write(
            run, "verified", began=began, ended=ended, data=outcome.model_dump(mode="json")
        )
        self.log.info("Verified in %.1f s", verified.seconds)
        noted.result()
        return outcome.model_dump(mode="json")


def _note_ready(journal: Journal, run: str, times: dict[str, str]) -> None:
    """Write down that the target serves, with the times that the trigger took; once for all tries."""
    from migration_ops.migration.events import READY

    began, ended = (datetime.fromisoformat(times[name]) for name in ("began", "ended"))
    if not any(event.ended == ended for event in journal.events(run, READY)):
        journal.write(run, READY, began=began, ended=ended)


class ReportCutoverOperator(MigrationOperator):
    """Writes the run's report into the vault, and the figures that the last approval is decided by.

    Pushes `facts` (Markdown), `downtime_seconds` and `report` (its snapshot).

    :param adapted: snapshot of the adapted objects.
    :param volumes: what the restores returned.
    """

    template_fields = ("adapted", "volumes")

    def __init__(self, *, adapted: Any, volumes: Any, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.adapted = adapted
        self.volumes = volumes

    @asks_when_it_fails
    def execute(self, context: Context) -> dict[str, Any]:
        """Read journal, vault and target."""
        from migration_ops.metrics import measure_downtime
        from migration_ops.migration.cutover import report_cutover
        from migration_ops.migration.events import SOURCE_SILENT
        from migration_ops.migration.report import finish_text
        from migration_ops.migration.report_page.storing import save_report
        from migration_ops.migration.stillness import silence_text

        run = self.run_key(context)
        events = self.journal.events(run)
        report = report_cutover(
            self.the_plan,
            self.source,
            self.target,
            self.repository,
            run=run,
            events=events,
            adapted=self.adapted,
            restored=movers_results(self.volumes),
        )
        text = finish_text(report)
        if silent := [one for one in events if one.name == SOURCE_SILENT]:
            warning = silence_text(self.source.name, str(silent[-1].data.get("reason", "")), silent)
            text = f"{warning}\n\n{text}"
        for line in text.splitlines():
            self.log.info("%s", line)
        snapshot = save_report(self.repository, report, self.source.name)
        measure_downtime(self.the_plan.name, report.downtime_seconds)
        return {"facts": text, "downtime_seconds": report.downtime_seconds, "report": snapshot}


class FinishOperator(MigrationOperator):
    """Ends a migration: lets go of the names that were held back, and closes the journal.

    :param adapted: snapshot of the adapted objects.
    :param answer: what the approval returned.
    :param stopped: volumes of the source that must not be in use any more.
    """

    template_fields = ("adapted", "answer", "stopped")

    def __init__(self, *, adapted: Any, answer: Any, stopped: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted
        self.answer = answer
        self.stopped = stopped

    @asks_when_it_fails
    def execute(self, context: Context) -> dict[str, Any]:
        """Release the names.

        :raises DisturbedError: if the source runs again.
        """
        from migration_ops.migration.target import load_adapted, release_names
        from migration_ops.notifiers.telling import tell_finished

        self.refuse_disturbed(context, self.stopped)
        released = release_names(self.target, load_adapted(self.repository, self.adapted))
        for reference in released:
            self.log.info("Names of %s are released to ExternalDNS", reference)
        answer = self.answer if isinstance(self.answer, dict) else {}
        data = {"approved_by": answer.get("approved_by", ""), "released": released}
        self.journal.write(self.run_key(context), "finished", data=data)
        tell_finished(self.the_plan, context)
        return data
