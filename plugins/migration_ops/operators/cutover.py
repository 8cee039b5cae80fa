"""The steps of `PLAN.cutover` around the stop: what is known before, and the stop itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.operators.ahead import Ahead
from migration_ops.operators.base import MigrationOperator
from migration_ops.operators.decision import asks_when_it_fails, note
from migration_ops.operators.moving import SaveVolumesOperator
from migration_ops.operators.restore import adapt_with_claims
from migration_ops.operators.restore_point import RestorePointOperator, commit

if TYPE_CHECKING:
    from airflow.sdk import Context

    from migration_ops.mover import MoverSpec

_NOTE_PAUSE_SECONDS = 1.0


class PrepareCutoverOperator(MigrationOperator):
    """Finds out what would go wrong and how long it would take, and writes the text that approvers decide by.

    Pushes `facts` (Markdown), `findings` (counts by severity) and `forecast_seconds`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at everything, and write nothing but the journal.

        :raises ReadinessError: if something stands against the cutover.
        :raises RestorePointError: if the vault holds no restore point yet.
        """
        from migration_ops.metrics import measure_forecast
        from migration_ops.migration.cutover import prepare
        from migration_ops.migration.events import LOOKED
        from migration_ops.migration.looks import look_data
        from migration_ops.migration.upkeep import PREPARED
        from migration_ops.notifiers.telling import tell_findings

        run, began = self.run_key(context), datetime.now(UTC)
        found = prepare(
            self.the_plan, self.source, self.target, self.repository, journal=self.journal, run=run
        )
        for line in [*found.readiness.lines(), *found.forecast.markdown().splitlines()]:
            self.log.info("%s", line)
        tell_findings(self.the_plan, context, found.readiness.counts, found.readiness.short_lines())
        measure_forecast(self.the_plan.name, found.forecast.downtime.point)
        if found.readiness.blockers:
            note(self, context, LOOKED, look_data(found.readiness, found.situation))
        found.readiness.raise_for_blockers()
        self._dismiss_leftovers()
        self.journal.write(run, PREPARED, began=began, data=found.data())
        return {
            "facts": found.markdown(),
            "findings": found.readiness.counts,
            "forecast_seconds": found.forecast.downtime.point,
        }

    def _dismiss_leftovers(self) -> None:
        """Take away what stood by for an earlier cutover that never came to its stop: it holds claims."""
        from migration_ops.migration.volumes import FINAL_ACTION
        from migration_ops.mover.submission import dismiss

        for hook, action in ((self.source_hook, FINAL_ACTION), (self.target_hook, "restore")):
            if gone := dismiss(hook.api_client, self.the_plan.name, action, at_work=False):
                self.log.info("Took away movers of an earlier cutover: %s", ", ".join(gone))


class QuiesceOperator(RestorePointOperator):
    """Stops the source's workloads, with their state remembered on them and in the vault.

    Returns a `BackupTask` for each volume that stands still now; pushes `point` (of the final restore point)
    and `stopped`.
    """

    @asks_when_it_fails
    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Stop them wave by wave, until no pod mounts a volume; first wait for the end of the vault's upkeep.

        :raises UpkeepError: if that takes too long; nothing is stopped then.
        """
        from migration_ops.migration.events import QUIESCED
        from migration_ops.migration.stop_record import StopJournal
        from migration_ops.migration.stopping import stop_source
        from migration_ops.migration.upkeep import await_upkeep
        from migration_ops.migration.vault_records import latest_restore_point

        run = self.run_key(context)
        parent = latest_restore_point(self.repository, self.the_plan.name)  # not after the stop
        stop = StopJournal(self.journal, run)  # downtime begins with the first try
        if stop.began is None:
            await_upkeep(self.repository, self.log.info)
        record, claims = stop_source(
            self.the_plan,
            self.source,
            self.source_hook.api_client,
            run,
            on_record=stop.note,
            say=self.log.info,
            on_hooks=stop.note_hooks,
            begun=stop.earlier is not None,
        )
        event = self.journal.write(run, QUIESCED, began=stop.began, data=record.as_dict())
        for warning in record.warnings:
            self.log.warning("%s", warning)
        workloads = [one.object for one in record.workloads]
        self.log.info(
            "Stopped %d workloads in %.1f s: %s", len(workloads), event.seconds, ", ".join(workloads)
        )
        context["ti"].xcom_push(key="stopped", value=workloads)
        return self.begin_restore_point(context, "final", claims, parent)


class FinalDeltaOperator(SaveVolumesOperator):
    """Backs up what changed since the last restore point, commits the final one, and adapts its objects.

    Pushes `adapted` (snapshot of the adapted objects), `findings` and `claims` (namespace and name of each
    volume in the source); returns a `RestoreTask` for each volume. All of it is one task, since the
    application is down meanwhile.

    :param point: what `QuiesceOperator` pushed under that name.
    """

    template_fields = ("volumes", "point")

    def __init__(self, *, point: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.point = point
        self._disturbed = 0

    def look_before(self, context: Context) -> None:
        """Take nothing that was saved before the source ran again: neither movers nor snapshots.

        :raises DisturbedError: if the source was resumed since it was stopped.
        """
        from migration_ops.migration.events import DISTURBED
        from migration_ops.migration.stop_record import refuse_resumed

        if int(context["ti"].try_number) > 1:  # else nothing was saved, and every second counts
            refuse_resumed(self.journal, self.run_key(context))
            self._disturbed = len(self.journal.events(self.run_key(context), DISTURBED))

    def spec(self, context: Context, volume: dict[str, Any]) -> MoverSpec:
        """Read-only; other work than before after each disturbance."""
        return super().spec(context, {**volume, "disturbed": self._disturbed})

    def lost_summary(self, volume: dict[str, Any]) -> dict[str, Any] | None:
        """As the vault tells it, of what was saved since the last disturbance."""
        from migration_ops.migration.vault_records import find_volume_snapshot

        snapshot = find_volume_snapshot(
            self.repository,
            self.the_plan.name,
            volume["point"],
            volume["namespace"],
            volume["claim"],
            disturbed=self._disturbed,
        )
        return {**snapshot.summary, "snapshot_id": snapshot.id} if snapshot else None

    def meanwhile(self) -> None:
        """Capture the objects, which stand still like the volumes, and read the rules."""
        from migration_ops.cluster import capture
        from migration_ops.migration.adaptation import rules_of, selection

        super().meanwhile()
        plan, source = self.the_plan, self.source
        self._captured = Ahead(lambda: capture(source, selection(plan)))
        self._rule_sets = Ahead(lambda: rules_of(plan))

    def conclude(self, context: Context, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Commit and adapt, if the source stood still all the time.

        :raises DisturbedError: if it doesn't stand still any more.
        :raises BlockerError: if the rules found blockers.
        :raises ApplyError: if the target refused a claim.
        """
        from migration_ops.migration.errors import DisturbedError
        from migration_ops.migration.events import ADAPTED, FINAL_DELTA
        from migration_ops.migration.stillness import refuse_disturbed
        from migration_ops.migration.stop_record import refuse_resumed
        from migration_ops.migration.target import ReadAhead

        claims = [(str(one["namespace"]), str(one["claim"])) for one in self.volumes or []]
        try:
            refuse_disturbed(self.the_plan, self.source, claims, saved=False)
        except DisturbedError:
            self._note_disturbance(context)
            raise
        refuse_resumed(self.journal, self.run_key(context))
        context["ti"].xcom_push(key="claims", value=claims)

        run, found = self.run_key(context), self._captured.result()
        point = commit(self, self.point, results, found)
        data = {"point": point.id, "bytes": point.total_bytes, "added_bytes": point.added_bytes}
        self.journal.write(run, FINAL_DELTA, began=datetime.fromisoformat(self.point["started"]), data=data)
        began = datetime.now(UTC)
        ahead = ReadAhead(point, found, self._rule_sets.result())
        tasks = adapt_with_claims(self, context, point.id, ahead)
        self.journal.write(run, ADAPTED, began=began, data={"point": point.id})
        return tasks

    def _note_disturbance(self, context: Context) -> None:
        """Write down that what was saved doesn't count: its movers may outlive every try to remove them."""
        from tenacity import RetryError, Retrying, stop_after_attempt, wait_exponential

        from migration_ops.migration.events import DISTURBED

        patient = Retrying(stop=stop_after_attempt(4), wait=wait_exponential(_NOTE_PAUSE_SECONDS))
        try:
            patient(self.journal.write, self.run_key(context), DISTURBED)
        except RetryError as error:
            self.log.warning("The journal can't be written: %s", error.last_attempt.exception())


class ResumeOperator(MigrationOperator):
    """Brings the source's quiesced workloads back to what they were.

    :param run: the cutover that is rolled back, as a label value; this run if it is empty.
    """

    template_fields = ("run",)

    def __init__(self, *, run: Any = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run = run

    def cutover_run(self, context: Context) -> str:
        """The rolled back cutover: the whole story is in one journal."""
        return self.run or self.run_key(context)

    @asks_when_it_fails
    def execute(self, context: Context) -> dict[str, Any]:
        """Start them in reverse order; does nothing to a workload that runs."""
        from migration_ops.migration.events import RESUMED, TAKEN_BACK
        from migration_ops.migration.stopping import resume_source

        began = datetime.now(UTC)
        result = resume_source(
            self.the_plan, self.source, self.source_hook.api_client, journal=self.journal, say=self.log.info
        )
        resumed = list(result.resumed)
        cutover, own = self.cutover_run(context), self.run_key(context)
        self.journal.write(cutover, RESUMED, began=began, data={"workloads": resumed})
        if cutover != own:
            self.journal.write(own, TAKEN_BACK, began=began, data={"run": cutover})
        self.log.info("Resumed %s", ", ".join(resumed) or "nothing: no workload was quiesced")
        return {"workloads": resumed}
