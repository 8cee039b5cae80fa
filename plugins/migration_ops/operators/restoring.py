"""The steps of `PLAN.restore`: choose what comes back and where, make its claims, apply the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.operators.base import MigrationOperator, movers_results
from migration_ops.operators.elsewhere import StepElsewhere
from migration_ops.operators.run_params import without_blanks

if TYPE_CHECKING:
    from airflow.sdk import Context

    from migration_ops.migration import Plan
    from migration_ops.migration.restore_choice import Choice


class ChooseRestoreOperator(MigrationOperator):
    """Finds the restore point in the vault, and says what of it would come where.

    Pushes `point` (its id), `there` (the plan as it holds for this restore), `choice` and `facts` (Markdown).

    :param choice: `point`, `only_namespaces`, `kinds`, `names`, `claims`, `only_claims`, `cluster` (a
        connection), `existing`, `take_over_claims`, `rename`; each may be empty.
    """

    template_fields = ("choice",)

    def __init__(self, *, choice: Any, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.choice = choice

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the vault; nothing is changed anywhere.

        :raises RestorePointError: if there is no such restore point, or nothing of it is chosen.
        """
        from migration_ops.migration.report import point_text
        from migration_ops.migration.restore_elsewhere import namespaces_of, restore_plan
        from migration_ops.migration.vault_records import captured_objects, get_restore_point

        wanted: dict[str, Any] = without_blanks(dict(self.choice))
        point = get_restore_point(self.repository, self.the_plan.name, str(wanted.get("point") or ""))
        captured = captured_objects(self.repository, point)
        there = restore_plan(
            self.the_plan,
            namespaces_of(point, captured),
            conn_id=str(wanted.get("cluster") or ""),
            existing=wanted.get("existing") or None,
            take_over_claims=bool(wanted.get("take_over_claims")),
            rename=wanted.get("rename"),
        )
        choice = choice_of(wanted)
        part, objects = choice.of(point, captured)
        where = ", ".join(f"{source} → {target}" for source, target in there.namespaces.items())
        text = (
            f"{point_text(part, there)}\n\nChosen: {choice}: {len(objects)} objects. "
            f"Into {there.target.conn_id if there.target else ''}: {where}."
        )
        if there.restore.takes_over_claims and part.volumes:
            text += "\n\n**Claims of others are filled, too: what they hold is deleted for good.**"
        if part.volumes and self._fills_what_a_cutover_moved(there):
            text += (
                "\n\n**The migration is finished: claims of the target that no pod mounts just now lose what "
                "the application has written there since.**"
            )
        for line in text.splitlines():
            self.log.info("%s", line)
        return {"point": point.id, "there": there.document(), "choice": wanted, "facts": text}

    def _fills_what_a_cutover_moved(self, there: Plan) -> bool:
        from migration_ops.migration.aftermath import finished_by
        from migration_ops.migration.retention import STOPS_AND_ENDS

        plan = self.the_plan
        same = plan.target and there.target and plan.target.conn_id == there.target.conn_id
        return bool(same and finished_by(self.journal.events(names=STOPS_AND_ENDS)))


def choice_of(wanted: dict[str, Any]) -> Choice:
    """The part of the restore point that a run's parameters name."""
    from migration_ops.migration.restore_choice import Choice

    return Choice(
        namespaces=tuple(wanted.get("only_namespaces") or ()),
        kinds=tuple(wanted.get("kinds") or ()),
        names=tuple(wanted.get("names") or ()),
        claims=tuple(wanted.get("claims") or ()),
        only_claims=bool(wanted.get("only_claims")),
    )


class BeginRestoreOperator(StepElsewhere):
    """Runs the rules over the chosen part, and makes its claims.

    Returns a `RestoreTask` for each volume; pushes `adapted` (snapshot of the objects).

    :param point: the restore point's id.
    :param choice: what `ChooseRestoreOperator` pushed under that name.
    """

    template_fields = ("there", "point", "choice")

    def __init__(self, *, point: Any, choice: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.point = point
        self.choice = choice

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Adapt and make the claims.

        :raises BlockerError: if the rules found blockers.
        :raises ApplyError: if the target refused a claim.
        :raises ClaimInUseError: if an application runs on one of them.
        """
        from migration_ops.migration.target import adapt_restore_point, apply_part, volumes_to_restore

        run, began, plan = self.run_key(context), datetime.now(UTC), self.the_plan
        adapted = adapt_restore_point(
            plan, self.repository, self.point, self.target, run, chosen=choice_of(dict(self.choice))
        )
        for line in adapted.lines():
            self.log.info("%s", line)
        outcome = apply_part(plan, self.target, adapted.objects, run, part="claims")
        for line in outcome.lines():
            self.log.info("%s", line)
        outcome.raise_for_failures()
        tasks = volumes_to_restore(plan, self.target, adapted, self.repository, self.log.info)
        self.journal.write(run, "restore-begun", began=began, data={"point": adapted.point.id})
        context["ti"].xcom_push(key="adapted", value=adapted.snapshot)
        return [task.model_dump(mode="json") for task in tasks]


class ApplyElsewhereOperator(StepElsewhere):
    """Applies everything but the claims, workloads last, and notes what the volumes took.

    :param adapted: snapshot of the adapted objects.
    :param volumes: what the restores returned.
    """

    template_fields = ("there", "adapted", "volumes")

    def __init__(self, *, adapted: Any, volumes: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adapted = adapted
        self.volumes = volumes

    def execute(self, context: Context) -> dict[str, Any]:
        """Apply; forecasts are made of what the volumes took as of stagings.

        :raises ApplyError: if objects were refused.
        """
        from migration_ops.migration.report import restored_volumes
        from migration_ops.migration.target import apply_part, load_adapted

        run, began = self.run_key(context), datetime.now(UTC)
        begun = [event for event in self.journal.events(run) if event.name.endswith("-begun")]
        volumes = {"volumes": restored_volumes(movers_results(self.volumes))}
        since = begun[-1].ended if begun else began
        self.journal.write(run, "staged", began=since, ended=began, data=volumes)
        objects = load_adapted(self.repository, self.adapted)
        outcome = apply_part(self.the_plan, self.target, objects, run, part="resources")
        for line in outcome.lines():
            self.log.info("%s", line)
        outcome.raise_for_failures()
        self.journal.write(run, "applied", began=began, data={"counts": outcome.counts})
        return {"counts": outcome.counts}
