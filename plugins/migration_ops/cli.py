"""The `migration-ops` command: one group a package, each imported only when it is called.

A mover starts this program for every volume, so nothing heavy is imported before the group is known. What all
commands share is here: exit statuses (docs/reference/exit-statuses.md), wrong options in one line, and an
output that can't be written.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

GROUPS = {
    "vault": ("migration_ops.vault.cli", "vault", "Back up, restore and check volumes in a vault."),
    "transform": ("migration_ops.transform.cli", "transform", "Adapt manifests to the target by rules."),
    "plan": ("migration_ops.migration.plan_cli", "plan", "Check and describe plans."),
    "account": ("migration_ops.migration.account_cli", "account", "Make the account for a cluster."),
    "ack": ("migration_ops.migration.ack_cli", "ack", "Clusters of Alibaba Cloud: kubeconfig, agent."),
    "resume": ("migration_ops.migration.resume_cli", "resume", "Bring a source's quiesced workloads back."),
}


class Program(click.Group):
    """The whole program: imports a command's module when the command is asked for, and ends all alike."""

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

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command line, and end with a status that means the same for every command."""
        if not extra.pop("standalone_mode", True):
            return self._call(*args, **extra)
        if sys.stdout is None:  # the next file that is opened would take its number, and get what is printed
            _end("standard output is closed; send it to a file, or to /dev/null")
        try:
            status = self._run(*args, **extra)
            sys.stdout.flush()
        except OSError as error:
            _end_without_output(error)
        except MemoryError:
            _end("there is not enough memory for this input; give it in parts, or more memory")
        sys.exit(status)

    def _call(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Any:
        return super().main(args, prog_name, standalone_mode=False, **extra)

    def _run(self, *args: Any, **extra: Any) -> int:
        try:
            status = self._call(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            return EXIT_FAILED
        except click.ClickException as error:
            _say(_one_line(error))
            return EXIT_FAILED
        except click.Abort as error:
            if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
                _say("interrupted")
                return EXIT_INTERRUPTED
            _say("a question got no answer; give its option instead (see --help)")
            return EXIT_FAILED
        except SystemExit as end:
            status = end.code
        return status if isinstance(status, int) else 0


def _one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    return f"{message.rstrip('.')}; see `{context.command_path} --help`"


def _end_without_output(error: OSError) -> NoReturn:
    # The interpreter would try once more, and fail, when it throws the stream away.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:  # who read it has seen enough
        sys.exit(EXIT_FAILED)
    where = os.fsdecode(error.filename) if error.filename else "standard output"
    _end(f"{where}: {(error.strerror or str(error)).lower()}")


def _end(message: str) -> NoReturn:
    _say(message)
    sys.exit(EXIT_FAILED)


def _say(message: str) -> None:
    click.echo(f"migration-ops: {message}", err=True)


@click.group(cls=Program)
@click.version_option(package_name="migration-ops")
def main() -> None:
    """Move running Kubernetes applications, with their data, to Alibaba Cloud ACK."""
