"""The steps that build the target: adapt and make claims, resources, readiness."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from migration_ops.operators.base import MigrationOperator, movers_results
from migration_ops.operators.decision import asks_when_it_fails
from migration_ops.triggers.readiness import ReadinessTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from migration_ops.migration.target import ReadAhead

_PATIENCE_SECONDS = 20.0
"""How long a worker waits itself: handing over to the triggerer and back takes about 5 s."""


class AdaptResourcesOperator(MigrationOperator):
    """Runs the plan's rules over a restore point's objects, and makes the claims that its volumes go into.

    The adapted objects hold Secrets, so they stay in the vault: what goes through XCom is their snapshot's id
    (`adapted`), the number of `findings` by severity, and as return value a `RestoreTask` for each volume.

    :param point: the restore point's id; the newest one if it is empty.
    """

    template_fields: Sequence[str] = ("point",)

    def __init__(self, *, point: Any = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.point = point

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Adapt, make namespaces and claims, and look what the claims hold already.

        :raises BlockerError: if the rules found blockers.
        :raises ApplyError: if the target refused a claim.
        """
        return adapt_with_claims(self, context, self.point)


def adapt_with_claims(
    step: MigrationOperator, context: Context, point: str, ahead: ReadAhead | None = None
) -> list[dict[str, Any]]:
    """Adapt, make namespaces and claims, look what the claims hold already; see `AdaptResourcesOperator`.

    :param ahead: what is at hand already.
    """
    from migration_ops.migration.target import adapt_restore_point, apply_part, volumes_to_restore

    run = step.run_key(context)
    adapted = adapt_restore_point(step.the_plan, step.repository, point, step.target, run, ahead=ahead)
    for line in adapted.lines():
        step.log.info("%s", line)
    outcome = apply_part(step.the_plan, step.target, adapted.objects, run, part="claims")
    for line in outcome.lines():
        step.log.info("%s", line)
    outcome.raise_for_failures()
    context["ti"].xcom_push(key="adapted", value=adapted.snapshot)
    context["ti"].xcom_push(key="findings", value=adapted.findings_by_severity)
    tasks = volumes_to_restore(step.the_plan, step.target, adapted, step.repository, step.log.info)
    return [task.model_dump(mode="json") for task in tasks]


class ChoosePointOperator(MigrationOperator):
    """Finds a restore point in the vault and says what it holds.

    Pushes `point` (its id) and `facts` (Markdown).

    :param point: its id; the newest one if it is empty.
    """

    template_fields = ("point",)

    def __init__(self, *, point: str = "", **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.point = point

    def execute(self, context: Context) -> dict[str, Any]:
        """Read its record.

        :raises RestorePointError: if there is none of that id; names those that there are.
        """
        from migration_ops.migration.report import point_text
        from migration_ops.migration.vault_records import get_restore_point

        point = get_restore_point(self.repository, self.the_plan.name, self.point)
        text = point_text(point, self.the_plan)
        for line in text.splitlines():
            self.log.info("%s", line)
        return {"point": point.id, "facts": text}


class NoteStagedOperator(MigrationOperator):
    """Writes into the journal what staging moved; forecasts are made of it.

    :param volumes: what the restores returned.
    """

    template_fields = ("volumes",)

    def __init__(self, *, volumes: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.volumes = volumes

    def execute(self, context: Context) -> dict[str, Any]:
        """Write it."""
        from migration_ops.migration.report import restored_volumes

        data = {"volumes": restored_volumes(movers_results(self.volumes))}
        self.journal.write(self.run_key(context), "staged", data=data)
        return data


class ApplyResourcesOperator(MigrationOperator):
    """Applies everything but the claims, workloads last.

    :param adapted: snapshot of the adapted objects.
    :param volumes: what the restores returned, to be noted in the journal; none if they noted it themselves.
    :param stopped: volumes of the source that must not be in use any more, see `refuse_disturbed`; None where
        the source runs on.
    """

    template_fields = ("adapted", "volumes", "stopped")

    def __init__(self, *, adapted: Any, volumes: Any = None, stopped: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted
        self.volumes = volumes
        self.stopped = stopped

    @asks_when_it_fails
    def execute(self, context: Context) -> dict[str, Any]:
        """Apply, object by object reported; what an earlier try did is found unchanged.

        :raises DisturbedError: if the source runs again, which the target must not do at the same time.
        :raises ApplyError: if objects were refused; names each with the server's reason.
        """
        from migration_ops.migration.report import restored_volumes
        from migration_ops.migration.target import apply_part, load_adapted

        self.refuse_disturbed(context, self.stopped)
        run, began = self.run_key(context), datetime.now(UTC)
        if self.volumes is not None:
            data = {"volumes": restored_volumes(movers_results(self.volumes))}
            self.journal.write(run, "restored", data=data)
        objects = load_adapted(self.repository, self.adapted)
        outcome = apply_part(self.the_plan, self.target, objects, run, part="resources")
        for line in outcome.lines():
            self.log.info("%s", line)
        outcome.raise_for_failures()
        self.journal.write(run, "applied", began=began, data={"counts": outcome.counts})
        return {"counts": outcome.counts}


class WaitReadyOperator(MigrationOperator):
    """Waits until the target's workloads are ready, soon in the triggerer; returns when it began and ended.

    :param adapted: snapshot of the adapted objects.
    """

    template_fields = ("adapted",)

    def __init__(self, *, adapted: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted

    @asks_when_it_fails
    def execute(self, context: Context) -> dict[str, str]:
        """Look for a short while, then hand the workloads' names to the trigger, which ends the task."""
        from migration_ops.cluster import wait_ready
        from migration_ops.migration.target import load_adapted, readiness_subjects

        timeout = self.the_plan.restore.ready_timeout
        began, deadline = datetime.now(UTC).isoformat(), time.time() + timeout.total_seconds()
        subjects = readiness_subjects(load_adapted(self.repository, self.adapted))
        found = wait_ready(self.target, subjects, min(_PATIENCE_SECONDS, timeout.total_seconds()))
        if not found.ready:
            self.log.info("Not ready yet: %s", "; ".join(map(str, found.not_ready)))
            self.defer(
                trigger=ReadinessTrigger(
                    conn_id=self.target_conn_id, objects=subjects, deadline=deadline, began=began
                ),
                method_name="give_up",
                timeout=timeout + timedelta(minutes=5),
            )
        return {"began": began, "ended": datetime.now(UTC).isoformat()}

    def give_up(self, context: Context, event: dict[str, Any]) -> None:
        """Say what isn't ready in time.

        :raises NotReadyError: always, with the reasons of each object.
        """
        from migration_ops.migration.errors import NotReadyError

        raise NotReadyError(
            f"not ready after {self.the_plan.restore.ready_timeout}: " + "; ".join(event["reasons"])
        )
