"""The steps of `PLAN.rehearse` that no other runbook has; the volumes move as everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from migration_ops.operators.asking import await_answer
from migration_ops.operators.base import MigrationOperator
from migration_ops.operators.elsewhere import StepElsewhere
from migration_ops.operators.run_params import without_blanks

if TYPE_CHECKING:
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

    Returns a `RestoreTask` for each volume; pushes `adapted` (snapshot of the objects), `there` (the plan
    as it holds in them) and `namespaces`. The run's parameter `only_namespaces` makes a part of it.

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
        :raises RestorePointError: if nothing in the point is chosen.
        """
        from migration_ops.migration.rehearsal.beginning import begin_rehearsal
        from migration_ops.migration.restore_choice import Choice

        run, began = self.run_key(context), datetime.now(UTC)
        only = tuple(without_blanks(context["params"].get("only_namespaces")) or ())
        begun = begin_rehearsal(
            self.the_plan,
            self.repository,
            self.point,
            self.target,
            run,
            say=self.log.info,
            chosen=Choice(namespaces=only) if only else None,
        )
        for name, reason in begun.isolated.left_out:
            self.log.info("Left out: %s (%s)", name, reason)
        for name, path, before, after in begun.isolated.changes:
            self.log.info("Defused: %s %s %s → %s", name, path, before, after)
        data = {
            "point": begun.adapted.point.id,
            "namespaces": begun.namespaces,
            "left_out": len(begun.isolated.left_out),
            "only": list(only),
        }
        self.journal.write(run, "rehearsal-begun", began=began, data=data)
        push = context["ti"].xcom_push
        push(key="adapted", value=begun.adapted.snapshot)
        push(key="there", value=begun.plan.document())
        push(key="namespaces", value=begun.namespaces)
        push(key="point", value=begun.adapted.point.id)
        return [task.model_dump(mode="json") for task in begun.volumes]


class ProveIsolationOperator(StepElsewhere):
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
        await_answer(self, "isolation", arguments, patience=_ISOLATION_PATIENCE, method="judge")

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
