"""The steps that build the target: adapt, claims, resources, readiness."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from migration_ops.operators.base import MigrationOperator
from migration_ops.triggers.readiness import ReadinessTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class AdaptResourcesOperator(MigrationOperator):
    """Runs the plan's rules over a restore point's objects and keeps the result in the vault.

    The objects hold Secrets, so what goes through XCom is only the snapshot's id (`adapted`), the number of
    `findings` by severity, and as return value a `RestoreTask` for each volume.

    :param point: the restore point's id.
    """

    template_fields = ("point",)

    def __init__(self, *, point: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.point = point

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Adapt, and list the volumes that the target will need.

        :raises MigrationError: if the rules found blockers.
        """
        from migration_ops.migration.target import adapt_restore_point

        adapted = adapt_restore_point(
            self.the_plan, self.repository, self.point, self.target, self.run_key(context)
        )
        for line in adapted.lines():
            self.log.info("%s", line)
        context["ti"].xcom_push(key="adapted", value=adapted.snapshot)
        context["ti"].xcom_push(key="findings", value=adapted.findings_by_severity)
        return [task.model_dump(mode="json") for task in adapted.volumes]


class _ApplyOperator(MigrationOperator):
    """Applies a part of the adapted objects.

    :param adapted: snapshot of the adapted objects.
    """

    template_fields = ("adapted",)
    part: Literal["claims", "resources"]

    def __init__(self, *, adapted: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted

    def execute(self, context: Context) -> dict[str, Any]:
        """Apply, object by object reported; what an earlier try did is found unchanged.

        :raises ApplyError: if objects were refused; names each with the server's reason.
        """
        from migration_ops.migration.target import apply_part, load_adapted

        run, began = self.run_key(context), datetime.now(UTC)
        objects = load_adapted(self.repository, self.adapted)
        outcome = apply_part(self.the_plan, self.target, objects, run, part=self.part)
        for line in outcome.lines():
            self.log.info("%s", line)
        outcome.raise_for_failures()
        if self.part == "resources":
            self.journal.write(run, "applied", began=began, data={"counts": outcome.counts})
        return {"counts": outcome.counts}


class ApplyClaimsOperator(_ApplyOperator):
    """Makes the target's namespaces and claims, so that movers can fill them before any pod starts."""

    part = "claims"


class ApplyResourcesOperator(_ApplyOperator):
    """Applies everything else, workloads last."""

    part = "resources"


class WaitReadyOperator(MigrationOperator):
    """Waits in the triggerer until the target's workloads are ready.

    :param adapted: snapshot of the adapted objects.
    """

    template_fields = ("adapted",)

    def __init__(self, *, adapted: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted

    def execute(self, context: Context) -> None:
        """Hand the workloads' names to the trigger."""
        from migration_ops.migration.target import load_adapted, readiness_subjects

        timeout = self.the_plan.restore.ready_timeout
        began = datetime.now(UTC).isoformat()
        self.defer(
            trigger=ReadinessTrigger(
                conn_id=self.target_conn_id,
                objects=readiness_subjects(load_adapted(self.repository, self.adapted)),
                deadline=time.time() + timeout.total_seconds(),
            ),
            method_name="resume_with",
            kwargs={"began": began},
            timeout=timeout + timedelta(minutes=5),
        )

    def resume_with(self, context: Context, event: dict[str, Any], began: str) -> dict[str, Any]:
        """Go on when all is ready.

        :raises NotReadyError: if something isn't ready in time; names it with its reasons.
        """
        from migration_ops.migration.errors import NotReadyError

        if not event["ready"]:
            raise NotReadyError(
                f"not ready after {self.the_plan.restore.ready_timeout}: " + "; ".join(event["reasons"])
            )
        done = self.journal.write(self.run_key(context), "ready", began=datetime.fromisoformat(began))
        self.log.info("Everything is ready after %.1f s", done.seconds)
        return {"seconds": done.seconds}
