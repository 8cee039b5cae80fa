"""The steps of `PLAN.rehearse` that no other runbook has; the volumes move as everywhere."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from migration_ops.migration import Plan
from migration_ops.operators.base import MigrationOperator, movers_results
from migration_ops.operators.verify import VerifyOperator
from migration_ops.triggers.asking import AskTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

_ISOLATION_PATIENCE = timedelta(minutes=5)


class ClearRehearsalsOperator(MigrationOperator):
    """Removes what interrupted rehearsals of the plan left in the target."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Find it by its labels.

        :raises MigrationError: if something can't be removed.
        """
        from migration_ops.migration.rehearsal.teardown import left_by, tear_down

        left = left_by(self.target, self.the_plan, but=self.run_key(context))
        done = tear_down(self.target, self.the_plan, left, self.log.info)
        self.log.info("Removed what %d earlier rehearsals left", len(done.runs))
        return {"runs": done.runs, "namespaces": done.namespaces}


class BeginRehearsalOperator(MigrationOperator):
    """Makes the scratch namespaces, closes them, and makes the claims.

    Returns a `RestoreTask` for each volume; pushes `adapted` (snapshot of the objects), `rehearsal` (the
    plan as it holds there) and `namespaces`.

    :param point: the restore point's id; the newest one's if it is empty.
    """

    template_fields = ("point",)

    def __init__(self, *, point: Any = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.point = point

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Begin; a retry finds what an earlier try made.

        :raises BlockerError: if the rules found blockers.
        :raises ApplyError: if the target refused something.
        """
        from migration_ops.migration.rehearsal.beginning import begin_rehearsal

        run, began = self.run_key(context), datetime.now(UTC)
        begun = begin_rehearsal(
            self.the_plan, self.repository, self.point, self.target, run, say=self.log.info
        )
        for name, reason in begun.isolated.left_out:
            self.log.info("Left out: %s (%s)", name, reason)
        for name, path, before, after in begun.isolated.changes:
            self.log.info("Defused: %s %s %s → %s", name, path, before, after)
        data = {
            "point": begun.adapted.point.id,
            "namespaces": begun.namespaces,
            "left_out": len(begun.isolated.left_out),
        }
        self.journal.write(run, "rehearsal-begun", began=began, data=data)
        push = context["ti"].xcom_push
        push(key="adapted", value=begun.adapted.snapshot)
        push(key="rehearsal", value=begun.plan.document())
        push(key="namespaces", value=begun.namespaces)
        push(key="point", value=begun.adapted.point.id)
        return [task.model_dump(mode="json") for task in begun.volumes]


class RehearsalStep(MigrationOperator):
    """A step in the scratch namespaces.

    :param rehearsal: the plan as it holds there.
    """

    template_fields: Sequence[str] = ("rehearsal",)

    def __init__(self, *, rehearsal: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rehearsal = rehearsal

    @cached_property
    def the_plan(self) -> Plan:
        """The plan as it holds in the scratch namespaces."""
        return Plan.model_validate(self.rehearsal)


class ProveIsolationOperator(RehearsalStep):
    """Lets a pod try to leave a scratch namespace, before any workload is started."""

    def execute(self, context: Context) -> None:
        """Start the pod, and wait for its verdict in the triggerer."""
        from migration_ops.migration.rehearsal.isolation_probe import start_probe, vault_address

        place = vault_address(self.vault_hook.location)
        namespace = min(self.the_plan.namespaces.values())
        job = start_probe(
            self.target, self.the_plan, self.run_key(context), namespace, [place] if place else []
        )
        arguments = {"namespace": namespace, "job": job}
        self.defer(
            trigger=AskTrigger(
                conn_id=self.target_conn_id,
                question="isolation",
                arguments=arguments,
                deadline=time.time() + _ISOLATION_PATIENCE.total_seconds(),
            ),
            method_name="judge",
            kwargs={"arguments": arguments},
            timeout=_ISOLATION_PATIENCE + timedelta(minutes=5),
        )

    def judge(self, context: Context, event: dict[str, Any], arguments: dict[str, str]) -> dict[str, Any]:
        """Say what the pod found.

        :raises NotIsolatedError: if the plan insists on isolation and it isn't proven.
        """
        from migration_ops.migration.rehearsal.isolation_probe import judge, remove_probe

        answer = event["answer"]
        remove_probe(self.target, **arguments)
        said = judge(self.the_plan, answer)
        self.log.info("%s", said)
        isolated = bool(answer and answer["verdict"] == "isolated")
        self.journal.write(self.run_key(context), "isolation", data={"isolated": isolated, "said": said})
        return {"isolated": isolated, "said": said}


class StartRehearsalOperator(RehearsalStep):
    """Applies everything but the claims, workloads last.

    :param adapted: snapshot of the adapted objects.
    :param volumes: what the restores returned.
    """

    template_fields = ("rehearsal", "adapted", "volumes")

    def __init__(self, *, adapted: Any, volumes: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted
        self.volumes = volumes

    def execute(self, context: Context) -> dict[str, Any]:
        """Apply, and note what the volumes took: forecasts are made of it as of stagings.

        :raises ApplyError: if objects were refused.
        """
        from migration_ops.migration.report import restored_volumes
        from migration_ops.migration.target import apply_part, load_adapted

        run, began = self.run_key(context), datetime.now(UTC)
        begun = self.journal.last("rehearsal-begun", run)
        volumes = {"volumes": restored_volumes(movers_results(self.volumes))}
        self.journal.write(run, "staged", began=begun.ended if begun else began, ended=began, data=volumes)
        objects = load_adapted(self.repository, self.adapted)
        outcome = apply_part(self.the_plan, self.target, objects, run, part="resources")
        for line in outcome.lines():
            self.log.info("%s", line)
        outcome.raise_for_failures()
        self.journal.write(run, "applied", began=began, data={"counts": outcome.counts})
        return {"counts": outcome.counts}


class VerifyRehearsalOperator(RehearsalStep, VerifyOperator):
    """Compares the scratch namespaces with what was to be there, and asks the application."""

    template_fields = ("rehearsal", "adapted", "volumes", "ready")  # type: ignore[assignment]


class TearDownRehearsalOperator(MigrationOperator):
    """Removes what the run made in the target."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Find it by its labels; can be repeated.

        :raises MigrationError: if something is still there.
        """
        from migration_ops.migration.rehearsal.teardown import tear_down

        run, began = self.run_key(context), datetime.now(UTC)
        done = tear_down(self.target, self.the_plan, [run], self.log.info)
        data = {"namespaces": done.namespaces, "objects": done.objects}
        self.journal.write(run, "torn-down", began=began, data=data)
        return data
