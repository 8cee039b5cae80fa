"""The steps of `PLAN.connect`: whether everything is reached, and whether we may do what we will have to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_ops.operators.base import MigrationOperator, movers_result

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckClusterOperator(MigrationOperator):
    """Reads one cluster's version, identity and StorageClasses, and checks our rights there.

    :param side: `source` or `target`.
    """

    def __init__(self, *, side: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.side = side

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask the cluster.

        :raises ReadinessError: if a right or a StorageClass is missing; names all that is.
        """
        from migration_ops.migration.readiness import check_source, check_target

        if self.side == "source":
            state = check_source(self.the_plan, self.source)
        else:
            state = check_target(self.the_plan, self.target)
        self.log.info("%s is Kubernetes %s, %s", state.name, state.version, state.identity)
        for line in state.lines():
            self.log.info("%s", line)
        state.raise_for_blockers()
        return state.model_dump(mode="json")


class InitVaultOperator(MigrationOperator):
    """Makes the vault's repository unless it exists, and opens it."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Open the repository; make it before if there is none."""
        made = self.vault_hook.init_if_missing()
        self.log.info("Vault %s %s", self.vault_hook.location, "was made" if made else "exists and opens")
        return {"location": self.vault_hook.location, "made": made}


class ConnectReportOperator(MigrationOperator):
    """Puts what was found next to each other.

    :param source: what the source's check found.
    :param target: what the target's check found.
    :param probes: the summaries of the vault probes, by side.
    """

    template_fields = ("found", "probes")

    def __init__(self, *, found: dict[str, Any], probes: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.found = found
        self.probes = probes

    def execute(self, context: Context) -> str:
        """Write the table into the task's log."""
        from migration_ops.migration.report import connect_table

        table = connect_table(self.found, {side: movers_result(probe) for side, probe in self.probes.items()})
        for line in table.splitlines():
            self.log.info("%s", line)
        return table
