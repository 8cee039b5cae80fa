"""`migration-ops account`: the account that works in a cluster, with the rights it needs and no more."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from migration_ops.cli_checks import finite, tell_waits, writable

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.cluster.grants import Grant, Side

_SIDE = click.Choice(["source", "target"])
_PLAN = click.option(
    "--plan",
    "plan_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Let the account do what this plan's hooks do to objects of the source.",
)


@click.group()
def account() -> None:
    """Make the account that works in a cluster, with the rights it needs and no more."""


@account.command()
@click.argument("side", type=_SIDE)
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of a source: name each kind that it serves, where the shipped role reads everything.",
)
@click.option("--context", default=None, help="Context of the kubeconfig; its current one when left out.")
def manifests(side: Side, kubeconfig: Path | None, context: str | None) -> None:
    """Print namespace, ServiceAccount, role and binding, for `kubectl apply -f -`."""
    import yaml

    from migration_ops.cluster import ClusterError
    from migration_ops.cluster.account import account_manifests, account_yaml

    if kubeconfig is None or side == "target":
        click.echo(account_yaml(side), nl=False)
        return
    try:
        rules = _exact(_reach(kubeconfig, context))
    except ClusterError as error:
        _fail(error)
    click.echo(yaml.safe_dump_all(account_manifests(side, rules), sort_keys=False), nl=False)


@account.command()
@click.argument("side", type=_SIDE)
@click.option(
    "--kubeconfig",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of somebody who may grant rights; it is used once and not kept.",
)
@click.option("--context", default=None, help="Context of the kubeconfig; its current one when left out.")
@_PLAN
@click.option(
    "--hours",
    type=click.FloatRange(min=0.25, max=87600),
    callback=finite,
    default=720.0,
    show_default=True,
    help="How long the account's token holds.",
)
@click.option("--exact", is_flag=True, help="Name each kind that may be read (source only).")
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    callback=writable,
    help="File for the kubeconfig.",
)
def kubeconfig(  # noqa: PLR0917 - click passes options by name
    side: Side,
    kubeconfig: Path,
    context: str | None,
    plan_path: Path | None,
    hours: float,
    exact: bool,
    output: Path,
) -> None:
    """Make the account in a cluster, and write a kubeconfig for it."""
    import yaml

    from migration_ops.cluster import ClusterError, discovery
    from migration_ops.cluster.account import account_kubeconfig, account_manifests, apply_account
    from migration_ops.cluster.grants import grants
    from migration_ops.migration.errors import PlanError
    from migration_ops.migration.hook_rights import hook_grants
    from migration_ops.migration.plan_file import load_plan

    try:
        cluster = _reach(kubeconfig, context)
        rules = _exact(cluster) if exact and side == "source" else grants(side)
        if plan_path and side == "source":
            rules += hook_grants(load_plan(plan_path), discovery(cluster))
        apply_account(cluster, account_manifests(side, rules))
        document = account_kubeconfig(cluster, hours=hours)
    except (ClusterError, PlanError) as error:
        _fail(error)
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        yaml.safe_dump(document, file, sort_keys=False)
    click.echo(f"{output}: kubeconfig of migration-ops in {cluster.name}; its token holds {hours:g} h")


def _reach(kubeconfig: Path, context: str | None) -> Cluster:
    from migration_ops.cluster import Cluster

    return Cluster.from_kubeconfig(kubeconfig, context, on_wait=tell_waits("account"))


def _exact(cluster: Cluster) -> list[Grant]:
    from migration_ops.cluster import discovery
    from migration_ops.cluster.grants import exact_reading, grants

    return [*exact_reading(discovery(cluster).resources), *grants("source")[1:]]


def _fail(error: Exception) -> NoReturn:
    click.echo(f"migration-ops account: {error}", err=True)
    sys.exit(1)
