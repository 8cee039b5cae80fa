"""Operators that run a mover: deferrable, and safe to lose at any instant.

The Job's name follows from plan, run and volume, so every try finds the Job of the one before. Nothing but
an operator's own hand deletes a mover that runs: `on_kill` is also called when a worker is drained.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from migration_ops.migration.mover_specs import backup_spec, restore_spec
from migration_ops.migration.volumes import BackupTask, RestoreTask, outcome
from migration_ops.mover import (
    MoverFailedError,
    MoverNotStartedError,
    MoverSpec,
    probe_command,
    summary_text,
)
from migration_ops.operators.base import MigrationOperator, refuse_when_cleared_late, remember
from migration_ops.operators.links import RunLink, VolumeLink, note_volume_link
from migration_ops.triggers.mover import MoverTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from migration_ops.hooks.cluster import ClusterHook
    from migration_ops.migration import Plan

VOLUME_LABEL = "{{ task.volume.namespace }}/{{ task.volume.claim }}"
"""The name of a mapped task's row in Airflow's grid, from its start on."""

_FIRST_REPORT_SECONDS = 15.0
_SLOWEST_REPORT_SECONDS = 60.0
_GRACE = timedelta(minutes=5)  # Kubernetes ends the Job first; this only guards against a lost triggerer


def pool_of(plan: Plan, side: Literal["source", "target"]) -> dict[str, str]:
    """The pool from which a cluster's movers take their slots, as an operator's argument."""
    pool = getattr(plan.movers.pools, side)
    return {"pool": pool} if pool else {}


def volume_rows(plan: Plan, task_id: str, side: Literal["source", "target"]) -> dict[str, Any]:
    """Arguments of a mapped task with a mover and a named row in the grid for each volume.

    :param side: the cluster of the movers; as many work at a time as plan and pool allow there.
    """
    return {
        "task_id": task_id,
        "plan": plan.document(),
        "map_index_template": VOLUME_LABEL,
        "max_active_tis_per_dagrun": getattr(plan.movers.parallelism, side),
        **pool_of(plan, side),
    }


class MoverOperator(MigrationOperator):
    """Runs one mover and returns its summary.

    Its Job stays until Airflow has the result: a task that is lost just before finds the Job again.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_success_callback = [*self.on_success_callback, remove_finished_mover]
        self.finished: tuple[str, str] | None = None  # namespace and name of the Job, once it is done

    @property
    @abstractmethod
    def hook(self) -> ClusterHook:
        """The cluster where the mover runs."""

    @abstractmethod
    def spec(self, context: Context) -> MoverSpec:
        """What the mover shall do."""

    @property
    def finish(self) -> dict[str, Any]:
        """What becomes of the summary, see `migration.volumes.outcome`."""
        return {"kind": "summary"}

    def result(self, summary: dict[str, Any]) -> dict[str, Any]:
        """What downstream tasks get."""
        return outcome(self.finish, summary)

    def lost_summary(self) -> dict[str, Any] | None:
        """The outcome as the vault tells it, when the mover ended and nobody knows what it said."""
        return None

    def execute(self, context: Context) -> None:
        """Start the mover or find it, and wait in the triggerer."""
        from migration_ops.mover.submission import submit

        spec = self.spec(context)
        job = submit(self.hook.api_client, spec, self.vault_hook.credentials())
        self.log.info(
            "%s mover %s/%s for %s", "Found" if job.adopted else "Started", job.namespace, job.name, spec.item
        )
        now = time.time()
        waiting = {
            "namespace": job.namespace,
            "name": job.name,
            "uid": job.uid,
            "start_deadline": now + self.the_plan.movers.start_timeout.total_seconds(),
            "deadline": now + self.the_plan.movers.timeout.total_seconds(),
        }
        remember(context, "mover", {"item": spec.item, "action": spec.action, **waiting})
        note_volume_link(context, self)
        self._wait(waiting, _FIRST_REPORT_SECONDS, None)

    def resume_with(
        self, context: Context, event: dict[str, Any], waiting: dict[str, Any], report_after: float
    ) -> dict[str, Any] | None:
        """Take what the trigger says: note progress and wait on, or bring the mover to its end.

        :raises MoverFailedError: if the mover failed; says whether trying again can help.
        :raises MoverNotStartedError: if its pod didn't start in time.
        """
        where = f"mover {waiting['namespace']}/{waiting['name']}"
        if event.get("progress"):
            remember(context, "progress", event["progress"] | {"node": event.get("node")})
        match event["phase"]:
            case "progress":
                self._wait(
                    waiting, min(report_after * 1.5, _SLOWEST_REPORT_SECONDS), event.get("logged_until")
                )
            case "succeeded":
                return self._finish(context, event.get("summary"), waiting)
            case "gone":
                return self._finish(context, None, waiting)
            case "not_started":
                raise MoverNotStartedError(
                    f"{where} did not start within {self.the_plan.movers.start_timeout}: {event['reason']}. "
                    "It is left there: look at its pod, or raise movers.start_timeout in the plan"
                )
            case "timeout":
                raise MoverFailedError(
                    f"{where} did not end within {self.the_plan.movers.timeout}; "
                    "raise movers.timeout in the plan"
                )
            case "unreachable":
                raise MoverFailedError(
                    f"the API server of {self.hook.conn_id} did not answer about {where} for too long: "
                    f"{event['reason']}. The mover may well go on; a retry finds it"
                )
            case "misdirected":
                raise MoverFailedError(
                    f"nobody can ask about {where}: {event['reason']}. "
                    "The mover may well go on; a retry finds it"
                )
            case "failed" if (event.get("summary") or {}).get("differences"):
                self.result(event["summary"])  # says what it means that the second reading found differences
                raise MoverFailedError(f"{where} found differences: {event['reason']}")
            case _:
                raise MoverFailedError(f"{where} failed: {event['reason']}", retryable=event["retryable"])
        return None

    def _wait(self, waiting: dict[str, Any], report_after: float, logged_until: str | None) -> None:
        self.defer(
            trigger=MoverTrigger(
                conn_id=str(self.hook.conn_id),
                report_after_seconds=report_after,
                logged_until=logged_until,
                finish=self.finish,
                **waiting,
            ),
            method_name="resume_with",
            kwargs={"waiting": waiting, "report_after": report_after},
            timeout=timedelta(seconds=max(waiting["deadline"] - time.time(), 1)) + _GRACE,
        )

    def _finish(
        self, context: Context, summary: dict[str, Any] | None, waiting: dict[str, Any]
    ) -> dict[str, Any]:
        summary = summary or self.lost_summary()
        if summary is None:
            raise MoverFailedError(
                f"mover {waiting['namespace']}/{waiting['name']} is gone and left no summary; "
                "a retry runs it again"
            )
        result = self.result(summary)
        remember(context, "summary", summary)
        self.log.info("Done: %s", summary_text(summary))
        self.finished = waiting["namespace"], waiting["name"]
        return result


def remove_finished_mover(context: Context) -> None:
    """Delete the Job of a task that succeeded (a task's success callback)."""
    from migration_ops.mover.submission import remove

    task = context["task"]
    if isinstance(task, MoverOperator) and task.finished:
        remove(task.hook.api_client, *task.finished)


class ProbeVaultOperator(MoverOperator):
    """Lets a mover in a cluster write, read back and delete an object in the vault, timed.

    :param side: `source` or `target`.
    :param size: how much is written.
    """

    def __init__(self, *, side: str, size: str = "8MiB", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.side = side
        self.size = size

    @property
    def hook(self) -> ClusterHook:
        """The probed side's cluster."""
        return self.source_hook if self.side == "source" else self.target_hook

    def spec(self, context: Context) -> MoverSpec:
        """A mover without a volume."""
        movers = self.the_plan.movers
        return MoverSpec(
            plan=self.the_plan.name,
            run=self.run_key(context),
            action="probe",
            namespace=movers.namespace,
            command=probe_command(self.size),
            image=movers.image,
            requests=movers.requests,
            limits=movers.limits,
            timeout_seconds=600,
        )


class VolumeOperator(MoverOperator):
    """A mover for one volume.

    :param volume: a `BackupTask` or `RestoreTask` as JSON data.
    """

    operator_extra_links = (VolumeLink(), RunLink())
    template_fields: Sequence[str] = ("volume",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"volume": "json"}

    def __init__(
        self, *, volume: dict[str, Any], map_index_template: str = VOLUME_LABEL, **kwargs: Any
    ) -> None:
        super().__init__(map_index_template=map_index_template, **kwargs)
        self.volume = volume


class BackupVolumeOperator(VolumeOperator):
    """Backs up one volume of the source into the vault and returns its record for the restore point."""

    @property
    def hook(self) -> ClusterHook:
        """The source."""
        return self.source_hook

    @cached_property
    def task(self) -> BackupTask:
        """What to back up."""
        return BackupTask.model_validate(self.volume)

    def spec(self, context: Context) -> MoverSpec:
        """Read-only, and on the node that holds the volume when it can't be mounted elsewhere."""
        return backup_spec(self.the_plan, self.task, self.run_key(context), self.source_hook.cluster_name)

    @property
    def finish(self) -> dict[str, Any]:
        """The summary becomes the volume's record."""
        return {"kind": "backup", "volume": self.volume}

    def lost_summary(self) -> dict[str, Any] | None:
        """A snapshot with this run's tags is the proof that the mover got through."""
        from migration_ops.migration.vault_records import find_volume_snapshot

        task = self.task
        snapshot = find_volume_snapshot(
            self.repository, self.the_plan.name, task.point, task.namespace, task.claim
        )
        return {**snapshot.summary, "snapshot_id": snapshot.id} if snapshot else None


class RestoreVolumeOperator(VolumeOperator):
    """Makes one claim of the target equal to its snapshot.

    :param action: what the mover is called: `stage` before the stop, `restore` after it.
    """

    def __init__(self, *, action: str = "restore", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.action = action

    @property
    def hook(self) -> ClusterHook:
        """The target."""
        return self.target_hook

    @cached_property
    def task(self) -> RestoreTask:
        """What to restore."""
        return RestoreTask.model_validate(self.volume)

    def spec(self, context: Context) -> MoverSpec:
        """Writes into the claim, the difference alone if it is known what it holds."""
        from migration_ops.migration.staging import as_it_holds_now

        self.look_before(context)
        task = as_it_holds_now(self.target, self.task)
        return restore_spec(self.the_plan, task, self.run_key(context), self.action)

    def look_before(self, context: Context) -> None:
        """Stage nothing anew into what is the application's by now, whoever clears the task.

        :raises FinishedError: if the migration is finished.
        """
        if self.action == "stage":
            refuse_when_cleared_late(self, context)

    @property
    def finish(self) -> dict[str, Any]:
        """The claim with what was done to it; what it holds now is written on it."""
        return {"kind": "restore", "volume": self.volume}

    def result(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Write on the claim what it holds, as the trigger does where it can.

        :raises StagedClaimChangedError: if somebody wrote to it.
        """
        from migration_ops.migration.staging import settle

        return settle(self.target, self.volume, summary)
