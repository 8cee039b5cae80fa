"""`migration-ops account`: the account that works in a cluster, with the rights it needs and no more."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from migration_ops.cli_checks import finite, tell_waits, writable

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster, Discovery, Manifest
    from migration_ops.cluster.grants import Grant, Side

_SIDE = click.Choice(["source", "target"])
_PLANS = click.option(
    "--plan",
    "plan_paths",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Let the account do what this plan's hooks do to objects of the source, by a role of the plan's "
    "own; may be given several times.",
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
@_PLANS
def manifests(side: Side, kubeconfig: Path | None, context: str | None, plan_paths: tuple[Path, ...]) -> None:
    """Print namespace, ServiceAccount, roles and bindings, for `kubectl apply -f -`."""
    import yaml

    from migration_ops.cluster import ClusterError, discovery
    from migration_ops.cluster.account import account_manifests, account_yaml
    from migration_ops.migration.errors import PlanError

    served = None
    try:
        text = account_yaml(side)
        if kubeconfig is not None and side == "source":
            cluster = _reach(kubeconfig, context)
            served = discovery(cluster)
            text = yaml.safe_dump_all(account_manifests(side, _exact(cluster)), sort_keys=False)
        roles = _of_plans(side, plan_paths, served)
    except (ClusterError, PlanError) as error:
        _fail(error)
    more = yaml.safe_dump_all(roles, sort_keys=False) if roles else ""
    click.echo(f"{text}---\n{more}" if more else text, nl=False)


@account.command()
@click.argument("side", type=_SIDE)
@click.option(
    "--kubeconfig",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of somebody who may grant rights; it is used once and not kept.",
)
@click.option("--context", default=None, help="Context of the kubeconfig; its current one when left out.")
@_PLANS
@click.option(
    "--hours",
    type=click.FloatRange(min=0.25, max=87600),
    callback=finite,
    default=720.0,
    show_default=True,
    help="How long the account's token holds.",
)
@click.option(
    "--exact/--every-kind",
    "exact",
    default=None,
    help="Name each kind that may be read, or read everything (source only); when left out, as it is by now, "
    "and a new account reads everything.",
)
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
    plan_paths: tuple[Path, ...],
    hours: float,
    exact: bool | None,
    output: Path,
) -> None:
    """Make the account in a cluster, or make it anew, and write a kubeconfig for it.

    Rights of plans that aren't named stay as they are.
    """
    import yaml

    from migration_ops.cluster import ClusterError, discovery
    from migration_ops.cluster.account import (
        account_kubeconfig,
        account_manifests,
        apply_account,
        reads_everything,
    )
    from migration_ops.cluster.grants import grants
    from migration_ops.migration.errors import PlanError

    try:
        cluster = _reach(kubeconfig, context)
        if side == "source" and exact is None:
            exact = reads_everything(cluster) is False
        rules = _exact(cluster) if exact and side == "source" else grants(side)
        roles = _of_plans(side, plan_paths, discovery(cluster) if plan_paths else None)
        apply_account(cluster, [*account_manifests(side, rules), *roles])
        made = account_kubeconfig(cluster, hours=hours)
    except (ClusterError, PlanError) as error:
        _fail(error)
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        yaml.safe_dump(made.document, file, sort_keys=False)
    life = _life(made.expires, hours, datetime.now(UTC))
    click.echo(f"{output}: kubeconfig of migration-ops in {cluster.name}; {life}")


def _life(expires: datetime | None, asked: float, now: datetime) -> str:
    """How long a token holds, in words: as the server says, which may be less than it was asked for."""
    if expires is None:
        return f"its token was asked to hold {asked:g} h; the server doesn't say whether it does"
    hours = (expires - now).total_seconds() / 3600
    text = f"its token holds until {expires:%Y-%m-%d %H:%M} UTC ({hours:.4g} h)"
    if hours < asked * 0.95:
        text += f", as the server gives no more than that of {asked:g} h: make a new one before it ends"
    return text


def _reach(kubeconfig: Path, context: str | None) -> Cluster:
    from migration_ops.cluster import Cluster

    return Cluster.from_kubeconfig(kubeconfig, context, on_wait=tell_waits("account"))


def _of_plans(side: Side, paths: tuple[Path, ...], served: Discovery | None) -> list[Manifest]:
    """The roles of what the plans' hooks patch in a source; in a target they patch nothing."""
    from migration_ops.cluster.account import plan_manifests
    from migration_ops.migration.hook_rights import hook_grants
    from migration_ops.migration.plan_file import load_plan

    plans = [load_plan(path) for path in paths]
    if side == "target":
        return []
    return [one for plan in plans for one in plan_manifests(plan.name, hook_grants(plan, served))]


def _exact(cluster: Cluster) -> list[Grant]:
    from migration_ops.cluster import discovery
    from migration_ops.cluster.grants import exact_reading, grants

    return [*exact_reading(discovery(cluster).resources), *grants("source")[1:]]


def _fail(error: Exception) -> NoReturn:
    click.echo(f"migration-ops account: {error}", err=True)
    sys.exit(1)
