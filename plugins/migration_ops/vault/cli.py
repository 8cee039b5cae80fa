"""``migration-ops vault``: the commands, each in a module that is imported when it is called."""

from __future__ import annotations

import gc
import importlib
import os
import resource
import sys
from typing import Any

import click

from migration_ops.vault.cli_settings import Session, shared_options
from migration_ops.vault.errors import VaultError

_COMMANDS = {
    "init": ("cli_maintain", "Make a new repository."),
    "backup": ("cli_copy", "Back up paths as a snapshot."),
    "snapshots": ("cli_browse", "List snapshots."),
    "ls": ("cli_browse", "List a snapshot's files."),
    "dump": ("cli_browse", "Print a file of a snapshot."),
    "stats": ("cli_browse", "Count what the repository holds."),
    "diff": ("cli_browse", "Compare two snapshots."),
    "restore": ("cli_copy", "Restore a snapshot, or the difference to another one."),
    "verify": ("cli_copy", "Compare a folder with a snapshot."),
    "check": ("cli_maintain", "Look for damage."),
    "forget": ("cli_maintain", "Remove snapshots by policy."),
    "prune": ("cli_maintain", "Remove data that no snapshot needs."),
    "repair-index": ("cli_maintain", "Make the index anew from the packs."),
    "unlock": ("cli_maintain", "Remove stale locks."),
    "key": ("cli_maintain", "Add, list and remove passwords."),
    "probe": ("cli_maintain", "Try the storage: write, read back, delete."),
    "standby": ("cli_standby", "Open the repository and wait for an order."),
}


class _Commands(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"migration_ops.vault.{_COMMANDS[name][0]}")
        command: click.Command = module.COMMANDS[name]
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VaultError as error:
            ctx.ensure_object(Session).fail(error)
            sys.exit(error.exit_code)
        except OSError as error:
            where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
            problem = VaultError(f"{where}{error.strerror or error}")
            ctx.ensure_object(Session).fail(problem)
            sys.exit(problem.exit_code)
        except KeyboardInterrupt:
            sys.exit(130)


@click.group("vault", cls=_Commands)
@shared_options
@click.pass_context
def vault(context: click.Context) -> None:
    """Back up, restore and check volumes in a vault (a restic repository).

    Exit codes: 0 done; 1 failed; 3 done, but some files could not be read; 10 no repository; 11 locked; 12
    wrong password; 130 interrupted.
    """
    context.ensure_object(Session)
    # Nothing here makes cycles worth looking for, and what was imported stays: a twentieth of a walk's time.
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    # A walk keeps every folder open on the way to where it is.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
