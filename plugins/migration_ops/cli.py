"""The `migration-ops` command: one group a package, each imported only when it is called.

A mover starts this program for every volume, so nothing heavy is imported before the group is known.
"""

from __future__ import annotations

import importlib

import click

GROUPS = {
    "vault": ("migration_ops.vault.cli", "vault", "Back up, restore and check volumes in a vault."),
    "transform": ("migration_ops.transform.cli", "transform", "Adapt manifests to the target by rules."),
    "plan": ("migration_ops.migration.plan_cli", "plan", "Check and describe plans."),
    "account": ("migration_ops.migration.account_cli", "account", "Make the account for a cluster."),
    "ack": ("migration_ops.migration.ack_cli", "ack", "Clusters of Alibaba Cloud: kubeconfig, agent."),
    "resume": ("migration_ops.migration.resume_cli", "resume", "Bring a source's quiesced workloads back."),
}


class LazyGroup(click.Group):
    """A command group that imports a command's module when the command is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Name the commands in the order in which a migration meets them."""
        return list(GROUPS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import and return the command called `name`, or nothing if there is none."""
        if name not in GROUPS:
            return None
        module, attribute, _ = GROUPS[name]
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as missing:
            if (missing.name or "").startswith("migration_ops"):
                raise
            raise click.ClickException(
                f"`{name}` needs {missing.name}, which a mover's image leaves out; "
                "install migration-ops[control]"
            ) from missing
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in GROUPS.items()])


@click.group(cls=LazyGroup)
@click.version_option(package_name="migration-ops")
def main() -> None:
    """Move running Kubernetes applications, with their data, to Alibaba Cloud ACK."""
