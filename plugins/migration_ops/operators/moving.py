"""Moves all volumes of a step of the downtime in one task: every second counts there.

A mapped task for each volume, as before the stop, costs the start of a worker for each and a wait for the
scheduler between two steps. Here one task starts the movers, as many at a time as the plan allows, and
looks at them itself for a short while, since a delta usually takes seconds; only then it waits in the
triggerer.

The movers' Jobs stay until the whole step has its result: a task that is lost in between finds them again.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from migration_ops.migration.errors import DisturbedError
from migration_ops.migration.volumes import BackupTask, RestoreTask, outcome
from migration_ops.mover import MoverFailedError, MoverNotStartedError, MoverSpec, summary_text
from migration_ops.operators.ahead import Ahead
from migration_ops.operators.base import MigrationOperator, refuse_when_cleared_late, remember
from migration_ops.operators.decision import asks_when_it_fails
from migration_ops.triggers.movers import MoversTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from migration_ops.hooks.cluster import ClusterHook
    from migration_ops.mover import Observation
    from migration_ops.mover.submission import Submission

PATIENCE_SECONDS = 20.0
"""How long a worker looks at the movers itself. Handing over to the triggerer and back takes about 5 s."""

_PAUSE_SECONDS = 0.3
_FIRST_REPORT_SECONDS, _SLOWEST_REPORT_SECONDS = 15.0, 60.0
_GRACE = timedelta(minutes=5)  # Kubernetes ends Jobs first; this only guards against a lost triggerer


@dataclass
class _Moving:
    """The movers of a step at one moment, by volume."""

    waiting: dict[str, MoverSpec]
    running: dict[str, Submission] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: list[Submission] = field(default_factory=list)


class MoveVolumesOperator(MigrationOperator):
    """Runs the movers of several volumes and does what comes after them.

    :param volumes: a `BackupTask` or `RestoreTask` for each, as JSON data.
    """

    template_fields: Sequence[str] = ("volumes",)

    def __init__(self, *, volumes: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.volumes = volumes
        self.began: datetime | None = None  # when the first mover was started, as far as this try knows

    @property
    @abstractmethod
    def hook(self) -> ClusterHook:
        """The cluster where the movers run."""

    @property
    @abstractmethod
    def parallelism(self) -> int:
        """How many movers run at a time."""

    @abstractmethod
    def spec(self, context: Context, volume: dict[str, Any]) -> MoverSpec:
        """What the mover of a volume shall do."""

    @abstractmethod
    def result(self, volume: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
        """What becomes of a mover's summary."""

    @abstractmethod
    def conclude(self, context: Context, results: list[dict[str, Any]]) -> Any:
        """Do what is left with all results, in the volumes' order; the task returns what it returns."""

    def look_before(self, context: Context) -> None:
        """Refuse what must not be moved any more."""

    def meanwhile(self) -> None:
        """Begin what can be done while the movers work; returns at once."""
        Ahead(lambda: self.repository)  # opening it takes as long as deriving its key

    def lost_summary(self, volume: dict[str, Any]) -> dict[str, Any] | None:
        """The outcome as the vault tells it, when a mover ended and nobody knows what it said."""
        return None

    @asks_when_it_fails
    def execute(self, context: Context) -> Any:
        """Start the movers or find them, and see them to their end."""
        return self._move(context, _Moving({}), PATIENCE_SECONDS, _FIRST_REPORT_SECONDS)

    def resume_with(
        self,
        context: Context,
        event: dict[str, Any],
        *,
        since: dict[str, float],
        report_after: float,
        results: dict[str, dict[str, Any]] | None = None,
        ended: Sequence[dict[str, str]] = (),
    ) -> Any:
        """Look what the trigger has seen, and go on with what has no result yet.

        :raises MoverFailedError: if a mover failed, or nobody could ask about the movers for too long.
        """
        if event.get("progress"):
            remember(context, "progress", event["progress"])
        if event["phase"] == "unreachable":
            raise MoverFailedError(
                f"the API server of {self.hook.conn_id} did not answer about the movers for too long: "
                f"{event['reason']}. They may well go on; a retry finds them"
            )
        if event["phase"] == "misdirected":
            raise MoverFailedError(
                f"nobody can ask about the movers: {event['reason']}. They may well go on; a retry finds them"
            )
        from migration_ops.mover.submission import Submission

        before = _Moving({}, since=dict(since), results=dict(results or {}))
        before.ended = [Submission(**where, adopted=True) for where in ended]
        return self._move(context, before, _PAUSE_SECONDS, min(report_after * 1.5, _SLOWEST_REPORT_SECONDS))

    def _move(self, context: Context, moving: _Moving, patience: float, report_after: float) -> Any:
        self.look_before(context)
        volumes = {f"{one['namespace']}/{one['claim']}": one for one in self.volumes or []}
        moving.waiting = {
            item: self.spec(context, one) for item, one in volumes.items() if item not in moving.results
        }
        began = time.monotonic()
        self._start(moving)
        self.meanwhile()
        while True:
            self._start(moving)
            self._look_again(moving, volumes)
            if not moving.waiting and not moving.running:
                break
            waited = time.monotonic() - began
            if moving.running and waited > patience:
                self._wait_in_the_triggerer(context, moving, report_after)
            time.sleep(min(_PAUSE_SECONDS, max(0.1, waited / 10)))  # a delta may be there in half a second
        self.began = datetime.fromtimestamp(min(moving.since.values(), default=time.time()), UTC)
        try:
            result = self.conclude(context, [moving.results[item] for item in volumes])
        except DisturbedError:
            self._tidy_up(moving)  # what they saved doesn't hold any more: the next try starts others
            raise
        self._tidy_up(moving)
        return result

    def _start(self, moving: _Moving) -> None:
        from migration_ops.mover.crew import submit_all

        room = self.parallelism - len(moving.running)
        specs = list(moving.waiting.values())[: max(0, room)]
        if not specs:
            return
        refusals = []
        for item, job in submit_all(self.hook.api_client, specs, self.vault_hook.credentials()).items():
            if isinstance(job, Exception):
                refusals.append(job)
                continue
            moving.waiting.pop(item)
            moving.running[item] = job
            if moving.since.setdefault(item, time.time()) + 1 > time.time():
                self.log.info("%s mover %s for %s", "Found" if job.adopted else "Started", job.name, item)
        for refusal in refusals[1:]:
            self.log.error("%s", refusal)
        if refusals:
            raise refusals[0]

    def _look_again(self, moving: _Moving, volumes: Mapping[str, dict[str, Any]]) -> None:
        """Look at the movers; a server that is away is left to the trigger, which has more patience."""
        from migration_ops.mover.submission import is_passing

        try:
            self._look(moving, volumes)
        except Exception as error:
            if isinstance(error, MoverFailedError) or not is_passing(error):
                raise
            self.log.warning("Can't ask about the movers: %s", error)

    def _look(self, moving: _Moving, volumes: Mapping[str, dict[str, Any]]) -> None:
        from migration_ops.mover.watching import look

        for item, seen in look(self.hook.api_client, moving.running, listen=True).items():
            if seen.phase in {"waiting", "running"}:
                self._check_times(item, seen, moving.since[item])
                continue
            where = f"mover {moving.running[item].namespace}/{moving.running[item].name}"
            if seen.phase == "failed":
                if (seen.summary or {}).get("differences"):
                    self.result(volumes[item], dict(seen.summary or {}))  # says what that means
                raise MoverFailedError(f"{where} failed: {seen.reason}", retryable=seen.retryable)
            summary = seen.summary or self.lost_summary(volumes[item])
            if summary is None:
                raise MoverFailedError(f"{where} is gone and left no summary; a retry runs it again")
            self.log.info("Done: %s: %s", item, summary_text(summary))
            moving.results[item] = self.result(volumes[item], summary)
            moving.ended.append(moving.running.pop(item))

    def _check_times(self, item: str, seen: Observation, since: float) -> None:
        movers = self.the_plan.movers
        if seen.phase == "waiting" and time.time() > since + movers.start_timeout.total_seconds():
            raise MoverNotStartedError(
                f"the mover of {item} did not start within {movers.start_timeout}: {seen.reason}. "
                "It is left there: look at its pod, or raise movers.start_timeout in the plan"
            )
        if time.time() > since + movers.timeout.total_seconds():
            raise MoverFailedError(
                f"the mover of {item} did not end within {movers.timeout}; raise movers.timeout in the plan"
            )

    def _wait_in_the_triggerer(self, context: Context, moving: _Moving, report_after: float) -> None:
        where = {item: job.where() for item, job in moving.running.items()}
        remember(context, "movers", where)
        movers, oldest = self.the_plan.movers, min(moving.since[item] for item in moving.running)
        deadline = oldest + movers.start_timeout.total_seconds()
        if deadline < time.time():
            deadline = oldest + movers.timeout.total_seconds()
        self.defer(
            trigger=MoversTrigger(
                conn_id=str(self.hook.conn_id),
                movers=where,
                deadline=deadline + 1,
                report_after_seconds=report_after,
            ),
            method_name="resume_with",
            kwargs={
                "since": moving.since,
                "report_after": report_after,
                "results": moving.results,
                "ended": [job.where() for job in moving.ended],
            },
            timeout=timedelta(seconds=max(deadline - time.time(), 1)) + _GRACE,
        )

    def _tidy_up(self, moving: _Moving) -> None:
        from migration_ops.mover.submission import remove

        for job in moving.ended:
            try:
                remove(self.hook.api_client, job.namespace, job.name)
            except Exception as error:  # noqa: BLE001 - the work is done; Kubernetes removes old Jobs by itself
                self.log.warning("Can't remove mover %s/%s: %s", job.namespace, job.name, error)


class RestoreVolumesOperator(MoveVolumesOperator):
    """Makes the claims of the target equal to their snapshots; returns what was done to each."""

    @property
    def hook(self) -> ClusterHook:
        """The target."""
        return self.target_hook

    @property
    def parallelism(self) -> int:
        """As the plan allows in the target."""
        return self.the_plan.movers.parallelism.target

    def look_before(self, context: Context) -> None:
        """Fill nothing anew that is the application's by now, whoever clears the task.

        :raises FinishedError: if the migration is finished.
        """
        refuse_when_cleared_late(self, context)

    def spec(self, context: Context, volume: dict[str, Any]) -> MoverSpec:
        """Writes into the claim."""
        from migration_ops.migration.mover_specs import restore_spec
        from migration_ops.migration.staging import as_it_holds_now

        task = as_it_holds_now(self.target, RestoreTask.model_validate(volume))
        return restore_spec(self.the_plan, task, self.run_key(context), "restore")

    def result(self, volume: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
        """Write on the claim what it holds.

        :raises StagedClaimChangedError: if somebody wrote to it.
        """
        from migration_ops.migration.staging import settle

        return settle(self.target, volume, summary)

    def conclude(self, context: Context, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Note in the journal what was moved, and hand the results on."""
        from migration_ops.migration.events import RESTORED
        from migration_ops.migration.report import restored_volumes

        data = {"volumes": restored_volumes(results)}
        self.journal.write(self.run_key(context), RESTORED, began=self.began, data=data)
        return results


class SaveVolumesOperator(MoveVolumesOperator):
    """Backs up the volumes of a restore point that was begun; what comes after is the subclass' affair."""

    @property
    def hook(self) -> ClusterHook:
        """The source."""
        return self.source_hook

    @property
    def parallelism(self) -> int:
        """As the plan allows in the source."""
        return self.the_plan.movers.parallelism.source

    def spec(self, context: Context, volume: dict[str, Any]) -> MoverSpec:
        """Read-only."""
        from migration_ops.migration.mover_specs import backup_spec

        task = BackupTask.model_validate(volume)
        return backup_spec(self.the_plan, task, self.run_key(context), self.source_hook.cluster_name)

    def result(self, volume: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
        """The volume's record for the restore point."""
        return outcome({"kind": "backup", "volume": volume}, summary)

    def lost_summary(self, volume: dict[str, Any]) -> dict[str, Any] | None:
        """A snapshot with this run's tags is the proof that the mover got through."""
        from migration_ops.migration.vault_records import find_volume_snapshot

        snapshot = find_volume_snapshot(
            self.repository, self.the_plan.name, volume["point"], volume["namespace"], volume["claim"]
        )
        return {**snapshot.summary, "snapshot_id": snapshot.id} if snapshot else None
