"""`migration-ops resume`: bring a source's quiesced workloads back, without Airflow.

What they were is written on the objects themselves; a copy lies in the vault's journal. With the vault's
settings what objects have lost is filled in from there, and the journal is told that the source runs again.
After that it isn't believed any more (`--again` does): what stands still then was stopped by somebody else.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migration_ops.cli_checks import finite, tell_waits
from migration_ops.migration.errors import MigrationError, PlanError
from migration_ops.migration.plan_file import load_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration_ops.migration.journal import Journal
    from migration_ops.migration.plan import Plan


@click.command()
@click.option("--plan", "plan_path", required=True, type=click.Path(path_type=Path), help="The plan file.")
@click.option(
    "--kubeconfig", required=True, type=click.Path(exists=True, path_type=Path), help="The source's."
)
@click.option("--context", default=None, help="Context of the kubeconfig; its current one when left out.")
@click.option(
    "-r", "--repo", envvar="RESTIC_REPOSITORY", help="The vault: knows what objects don't say any more."
)
@click.option(
    "--password-file",
    envvar="RESTIC_PASSWORD_FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The vault's password; RESTIC_PASSWORD otherwise.",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    callback=finite,
    default=150,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for an API server that is away.",
)
@click.option(
    "--again",
    is_flag=True,
    help="Start what the journal says was stopped, although it was resumed since. Undoes what people stopped "
    "on purpose meanwhile.",
)
@click.option(
    "--only-note",
    is_flag=True,
    help="Start nothing, only tell the journal that the source runs: after a resume without the vault.",
)
def resume(
    *,
    plan_path: Path,
    kubeconfig: Path,
    context: str | None,
    repo: str | None,
    password_file: Path | None,
    wait_seconds: float,
    again: bool,
    only_note: bool,
) -> None:
    """Bring quiesced workloads of the source back, from what is recorded on them and in the vault."""
    from kubernetes import config

    from migration_ops.cluster import Cluster, ClusterError
    from migration_ops.migration.stopping import resume_source
    from migration_ops.vault import VaultError

    began = datetime.now(UTC)
    try:
        plan = load_plan(plan_path)
        journal = _journal(plan, repo, password_file) if repo else None
        if only_note:
            _tell_the_journal(plan, journal, (), began)
            return
        source = Cluster.from_kubeconfig(
            kubeconfig, context, retry_seconds=wait_seconds, on_wait=tell_waits("resume")
        )
        client = config.new_client_from_config(str(kubeconfig), context, persist_config=False)
        result = resume_source(plan, source, client, journal=journal, again=again, say=click.echo)
    except PlanError as error:
        for line in error.lines():
            click.echo(line, err=True)
        sys.exit(1)
    except (MigrationError, ClusterError, VaultError) as error:
        click.echo(f"migration-ops resume: {error}", err=True)
        sys.exit(1)
    for reference in result.resumed:
        click.echo(f"resumed {reference}")
    click.echo(f"plan {plan.name}: {len(result.resumed)} workloads resumed")
    _tell_the_journal(plan, journal, result.resumed, began)


def _tell_the_journal(plan: Plan, journal: Journal | None, resumed: Sequence[str], began: datetime) -> None:
    """The source runs whatever comes of this, so a vault that is away is a warning."""
    from migration_ops.migration.aftermath import finished_by
    from migration_ops.migration.retention import STOPS_AND_ENDS
    from migration_ops.migration.stopping import note_resumed
    from migration_ops.vault import VaultError

    again = (
        f"scheduled backups of {plan.name} stay skipped until the journal knows that the source runs: run "
        "this command again with --only-note, -r and the vault's password when the vault can be reached"
    )
    if journal is None:
        click.echo(f"The vault wasn't named, so nothing was written into its journal; {again}", err=True)
        return
    try:
        run = note_resumed(journal, resumed, began=began, by="migration-ops resume")
        finished = finished_by(journal.events(names=STOPS_AND_ENDS))
    except VaultError as error:
        click.echo(f"The journal can't be written: {error}; {again}", err=True)
        return
    if run:
        click.echo(f"noted in the journal of {run}")
    if finished:
        click.echo(
            f"The migration was finished by {finished} and stays so: nothing is backed up or staged over the "
            f"target's data. To move anew, run {plan.name}.rollback; it may keep everything in the target",
            err=True,
        )


def _journal(plan: Plan, repo: str, password_file: Path | None) -> Journal:
    from migration_ops.migration.journal import Journal
    from migration_ops.vault import StoreSettings, open_repository

    if password_file:
        try:
            password = password_file.read_text(encoding="utf-8").rstrip("\n")
        except UnicodeDecodeError:
            raise MigrationError(f"the password file {password_file} isn't UTF-8 text") from None
    else:
        password = os.environ.get("RESTIC_PASSWORD", "")
    repository = open_repository(repo, password, StoreSettings.from_environment(os.environ))
    return Journal(repository, plan.name, plan.source.conn_id)
