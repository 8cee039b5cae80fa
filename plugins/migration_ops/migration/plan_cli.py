"""`migration-ops plan`: write plan files, check them before they reach Airflow, print their schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from migration_ops.migration.errors import PlanError
from migration_ops.migration.plan import plan_schema
from migration_ops.migration.plan_check import check_plan
from migration_ops.migration.plan_file import same_name
from migration_ops.migration.plan_init_cli import init, pools


@click.group()
def plan() -> None:
    """Write plans, check them, print their schema."""


plan.add_command(init)
plan.add_command(pools)


@plan.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Validate plan files, and look whether there is what they name: rule sets, parameters, notifiers.

    Two plans of one name are an error too. Prints one line per error, with line number and field; exits with
    1 if there is any.
    """
    failed = False
    named: dict[str, Path] = {}
    for file in files:
        try:
            found, notes = check_plan(file)
            first = named.setdefault(found.name, file)
            if first.resolve() != file.resolve():
                raise same_name(file, found.name, first)
        except PlanError as error:
            failed = True
            for line in error.lines():
                click.echo(line, err=True)
        else:
            for note in notes:
                click.echo(f"{file}: {note}", err=True)
            click.echo(f"{file}: plan {found.name} is valid")
    sys.exit(1 if failed else 0)


@plan.command()
def schema() -> None:
    """Print the JSON Schema of plan files, for editors."""
    click.echo(json.dumps(plan_schema(), indent=2, sort_keys=True))
