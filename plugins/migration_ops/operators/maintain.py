"""The steps of `PLAN.maintain`: forget by policy, prune, check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_ops.mover import MoverSpec
from migration_ops.operators.base import MigrationOperator
from migration_ops.operators.mover import MoverOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from migration_ops.hooks.cluster import ClusterHook


class ForgetPointsOperator(MigrationOperator):
    """Forgets the restore points that the plan's policy doesn't keep."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Apply the policy.

        :raises CutoverUnderWayError: while a cutover may still need any of them.
        """
        from migration_ops.migration.retention import forget_points

        result = forget_points(self.the_plan, self.repository, self.journal.events())
        for point in result.kept:
            self.log.info("Kept: %s", point)
        for point in result.points:
            self.log.info("Forgotten: %s", point)
        return {"kept": len(result.kept), "forgotten": result.points, "leftovers": result.leftovers}


class VaultWorkOperator(MoverOperator):
    """Lets a mover in the source do work on the vault as a whole, such as `prune`.

    :param command: the vault program's arguments.
    """

    template_fields = ("command",)

    def __init__(self, *, command: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.command = tuple(command)

    @property
    def hook(self) -> ClusterHook:
        """The source."""
        return self.source_hook

    def execute(self, context: Context) -> None:
        """Start the mover or find it; while it works nobody else may write to the vault.

        :raises CutoverUnderWayError: while a cutover has the source stopped, or is about to stop it, and
            would wait for the vault.
        """
        from migration_ops.migration.retention import refuse_during_cutover

        refuse_during_cutover(self.the_plan, self.journal.events())
        super().execute(context)

    def spec(self, context: Context) -> MoverSpec:
        """A mover without a volume."""
        movers = self.the_plan.movers
        return MoverSpec(
            plan=self.the_plan.name,
            run=self.run_key(context),
            action=self.command[0],
            namespace=movers.namespace,
            command=self.command,
            image=movers.image,
            requests=movers.requests,
            limits=movers.limits,
            timeout_seconds=int(movers.timeout.total_seconds()),
        )
