"""Starts the movers of the downtime before it, so that no second of it goes into starting pods."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration_ops.migration.volumes import BackupTask, RestoreTask
from migration_ops.operators.base import MigrationOperator, movers_results, remember

if TYPE_CHECKING:
    from airflow.sdk import Context
    from kubernetes.client import ApiClient

    from migration_ops.mover import MoverSpec
    from migration_ops.mover.submission import Submission

PATIENCE_SECONDS = 90.0
"""How long pods may take to run. The application serves meanwhile; what it writes is to be moved later."""

_PAUSE_SECONDS = 0.5


@dataclass
class _Side:
    name: str
    api_client: ApiClient
    specs: Sequence[MoverSpec]
    submitted: dict[str, Submission]


class StandByOperator(MigrationOperator):
    """Starts a mover for each volume in both clusters, as many as may work at a time, and has them wait.

    Those that don't run in time are taken away: their volumes get a mover after the stop. Nothing that goes
    wrong here fails the run, unless it would do so after the stop, too. Returns by side how many stand by.

    :param saves: a `BackupTask` for each volume, of any restore point.
    :param restores: a `RestoreTask` for each.
    """

    template_fields: Sequence[str] = ("saves", "restores")

    def __init__(self, *, saves: Any, restores: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.saves = saves
        self.restores = restores

    def execute(self, context: Context) -> dict[str, int]:
        """Start them and wait until they run.

        :raises MoverError: if a mover is refused for good, now as after the stop.
        """
        if not self.the_plan.movers.standby:
            self.log.info("movers.standby is off: movers are started after the stop")
            return {"source": 0, "target": 0}
        sides = self._sides(self.run_key(context))
        for side in sides:
            self._submit(side)
        where = {item: job.where() for side in sides for item, job in side.submitted.items()}
        remember(context, "movers", where)
        until = time.monotonic() + PATIENCE_SECONDS
        found = {side.name: self._await(side, until) for side in sides}
        self.log.info("Movers stand by: %d in the source, %d in the target", found["source"], found["target"])
        return found

    def _sides(self, run: str) -> list[_Side]:
        from migration_ops.migration.mover_specs import backup_spec, restore_spec
        from migration_ops.mover.standby import standing_by

        plan, host = self.the_plan, self.source_hook.cluster_name
        saves = [BackupTask.model_validate(one) for one in movers_results(self.saves)]
        restores = [RestoreTask.model_validate(one) for one in movers_results(self.restores)]
        final = [task.model_copy(update={"consistency": "quiesced"}) for task in saves]
        source = [standing_by(backup_spec(plan, task, run, host)) for task in final]
        target = [standing_by(restore_spec(plan, task, run, "restore")) for task in restores]
        parallel = plan.movers.parallelism
        return [
            _Side("source", self.source_hook.api_client, source[: parallel.source], {}),
            _Side("target", self.target_hook.api_client, target[: parallel.target], {}),
        ]

    def _submit(self, side: _Side) -> None:
        from migration_ops.mover.crew import submit_all
        from migration_ops.mover.errors import MoverError
        from migration_ops.mover.submission import is_passing

        found = submit_all(side.api_client, side.specs, self.vault_hook.credentials())
        for item, job in found.items():
            if not isinstance(job, Exception):
                side.submitted[item] = job
                continue
            # What no retry mends would end the cutover after its stop.
            if not getattr(job, "retryable", True) or not (isinstance(job, MoverError) or is_passing(job)):
                raise job
            self.log.warning("No mover stands by for %s in the %s: %s", item, side.name, job)

    def _await(self, side: _Side, until: float) -> int:
        """Wait until they run; take away those that don't; return how many do."""
        from migration_ops.mover.standby import can_be_told
        from migration_ops.mover.submission import is_passing, remove
        from migration_ops.mover.watching import look

        waiting, why = dict(side.submitted), dict.fromkeys(side.submitted, "nobody could look at it")
        running = 0
        while waiting:
            try:
                for item, seen in look(side.api_client, waiting).items():
                    why[item] = seen.reason
                    if seen.phase != "running":
                        continue
                    if can_be_told(side.api_client, waiting[item].namespace, str(seen.pod)):
                        running += 1
                        del waiting[item]
                    else:
                        why[item] = "no command can be run in it (pods/exec)"
            except Exception as error:
                if not is_passing(error):
                    raise
            if time.monotonic() > until:
                break
            time.sleep(_PAUSE_SECONDS)
        for item, job in waiting.items():
            self.log.warning("No mover stands by for %s in the %s: %s", item, side.name, why[item])
            try:
                remove(side.api_client, job.namespace, job.name)
            except Exception as error:
                if not is_passing(error):
                    raise
                self.log.warning("It can't be taken away either: %s", error)
        return running
