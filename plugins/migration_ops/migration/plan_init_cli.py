"""`migration-ops plan init` and `plan pools`: what a plan needs around it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click

from migration_ops.cli_checks import tell_waits, time_zone, writable
from migration_ops.migration.errors import PlanError
from migration_ops.migration.plan_file import load_plan

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


def _label(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not _LABEL.match(value):
        raise click.BadParameter(f"{value!r} is no DNS label; use lower case letters, digits and hyphens")
    return value


@click.command()
@click.option(
    "--kubeconfig", required=True, type=_EXISTING, prompt="Kubeconfig of the source", help="The source's."
)
@click.option(
    "--context", default=None, help="Context of the source's kubeconfig; its current one when left out."
)
@click.option("--name", required=True, prompt="Name of the plan", callback=_label, help="DNS label.")
@click.option(
    "--namespace", "namespaces", multiple=True, help="Only this namespace; may be given several times."
)
@click.option(
    "--target-kubeconfig", type=_EXISTING, default=None, help="The target's, to check StorageClasses."
)
@click.option("--protect-only", is_flag=True, help="No target: scheduled restore points only.")
@click.option("--region", default="cn-hangzhou", show_default=True, help="Region of the target.")
@click.option(
    "--timezone", default="UTC", show_default=True, callback=time_zone, help="Time zone of the schedule."
)
@click.option("--image", default=None, help="The mover's image, as both clusters pull it.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=writable,
    default=None,
    help="File; stdout when left out.",
)
def init(
    *,
    kubeconfig: Path,
    context: str | None,
    name: str,
    namespaces: tuple[str, ...],
    target_kubeconfig: Path | None,
    protect_only: bool,
    region: str,
    timezone: str,
    image: str | None,
    output: Path | None,
) -> None:
    """Look at a live cluster and write a commented plan; what only people can decide is marked DECIDE.

    Reads nodes, namespaces, pods, claims and StorageClasses; changes nothing.
    """
    from migration_ops.cluster import Cluster, ClusterError
    from migration_ops.migration.plan_draft import DraftOptions, draft_plan
    from migration_ops.migration.plan_facts import look_at

    if output and output.exists():
        raise click.ClickException(f"{output} exists; choose another file, or remove it")
    options = DraftOptions(name=name, region=region, timezone=timezone, protect_only=protect_only)
    if image:
        options = DraftOptions(**{**options.__dict__, "image": image})
    tell = tell_waits("plan init")
    try:
        with Cluster.from_kubeconfig(kubeconfig, context, on_wait=tell) as source:
            facts = look_at(source, namespaces)
        target = None
        if target_kubeconfig and not protect_only:
            with Cluster.from_kubeconfig(target_kubeconfig, on_wait=tell) as cluster:
                target = look_at(cluster)
    except ClusterError as error:
        raise click.ClickException(str(error)) from None
    text = draft_plan(facts, options, target)
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    try:
        load_plan(output)
    except PlanError as error:
        for line in error.lines():
            click.echo(line, err=True)
        sys.exit(1)
    decisions = text.count("DECIDE") - 1  # the head explains the word
    click.echo(f"{output}: plan {name} is valid; {decisions} decisions are marked DECIDE")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
def pools(files: tuple[Path, ...]) -> None:
    """Print the Airflow pools that plans name, for `airflow pools import`.

    A pool has as many slots as the plan that wants most of it; running movers take theirs although their
    tasks are deferred.
    """
    slots: dict[str, int] = {}
    users: dict[str, list[str]] = {}
    for file in files:
        try:
            plan = load_plan(file)
        except PlanError as error:
            raise click.ClickException("\n".join(error.lines())) from None
        wanted = plan.movers.parallelism
        for pool, count in (
            (plan.movers.pools.source, wanted.source),
            (plan.movers.pools.target, wanted.target),
        ):
            if pool:
                slots[pool] = max(slots.get(pool, 0), count)
                users.setdefault(pool, []).append(plan.name)
    found = {
        pool: {
            "slots": count,
            "description": f"Movers of {', '.join(sorted(set(users[pool])))}",
            "include_deferred": True,
        }
        for pool, count in sorted(slots.items())
    }
    click.echo(json.dumps(found, indent=2))
