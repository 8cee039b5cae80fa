"""The command that waits: everything that takes time is done before it is told what to do.

A process that starts, derives the repository's key and imports its code takes a second or two, and a
container around it longer. Where that must not lie between an order and its work, this is started early.
"""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

import click

from migration_ops.vault.cli_settings import GivenPath, Session, shared_options
from migration_ops.vault.errors import UsageError, VaultError
from migration_ops.vault.stopping import StopRequest, stop_on_signals

ALLOWED = ("backup", "restore", "verify")
_PAUSE_SECONDS = 0.05
_NEEDED = (
    "migration_ops.vault.backup",
    "migration_ops.vault.cli_copy",
    "migration_ops.vault.restore",
    "migration_ops.vault.verifier",
    "pyfastcdc",
)


@click.command("standby")
@click.argument("order", type=GivenPath())
@click.option(
    "--wait",
    type=click.IntRange(1, 7 * 86_400),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="how long to wait for ORDER",
)
@shared_options
@click.pass_context
def standby_command(context: click.Context, order: Path, wait: int) -> None:
    """Open the repository, wait until the file ORDER appears, and do what it says.

    ORDER holds the arguments of `backup`, `restore` or `verify` as a JSON list of texts, the command's name
    first. It must appear as a whole: write it under another name and rename it.
    """
    from migration_ops.vault.cli import vault

    session = context.ensure_object(Session)
    session.keep_open()
    for module in _NEEDED:
        importlib.import_module(module)
    stop = StopRequest()
    with stop_on_signals(stop):
        session.report({"message_type": "verbose_status", "action": "waiting for", "item": str(order)})
        arguments = _await(order, time.monotonic() + wait, wait, stop)
    vault.main(arguments, standalone_mode=False, obj=session)


def _await(order: Path, deadline: float, wait: int, stop: StopRequest) -> list[str]:
    """The order's arguments, once it is there.

    :raises VaultError: if it doesn't come in time.
    :raises UsageError: if it is no order.
    """
    while not order.exists():
        stop.check()
        if time.monotonic() > deadline:
            raise VaultError(f"no order came within {wait} s; nothing was done")
        time.sleep(_PAUSE_SECONDS)
    try:
        arguments = json.loads(order.read_bytes())
    except ValueError as error:
        raise UsageError(f"the order {order} is no JSON: {error}") from error
    if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
        raise UsageError(f"the order {order} is no list of texts; write a command's arguments")
    if not arguments or arguments[0] not in ALLOWED:
        raise UsageError(
            f"the order {order} wants {(arguments or ['nothing'])[0]}; it may want {', '.join(ALLOWED)}"
        )
    return arguments


COMMANDS = {"standby": standby_command}
