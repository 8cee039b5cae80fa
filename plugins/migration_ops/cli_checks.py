"""What the commands check before they reach a cluster, and say while they wait for one."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import click


def finite(_context: click.Context, parameter: click.Parameter, value: float) -> float:
    """An option's callback: a number that ends.

    :raises click.BadParameter: it is infinite or no number.
    """
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no finite number; write {parameter.opts[0]} 24, for example")
    return value


def writable(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    """An option's callback: a file that can be written, seen before anything is done.

    :raises click.BadParameter: its folder is missing, or may not be written to.
    """
    if value is None:
        return None
    if not value.absolute().parent.is_dir():
        raise click.BadParameter(f"{value}: the folder {value.parent} is not there; make it first")
    if not os.access(value if value.exists() else value.absolute().parent, os.W_OK):
        raise click.BadParameter(f"{value} may not be written; choose another file")
    return value


def time_zone(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """An option's callback: a time zone's name.

    :raises click.BadParameter: there is no such zone.
    """
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):
        raise click.BadParameter(f"{value!r} is no time zone; write for example Asia/Shanghai") from None
    return value


def tell_waits(command: str) -> Callable[[str], None]:
    """What a cluster's connection calls while it waits: the text goes to stderr, after the command's name."""

    def tell(text: str) -> None:
        click.echo(f"migration-ops {command}: {text}", err=True)

    return tell
