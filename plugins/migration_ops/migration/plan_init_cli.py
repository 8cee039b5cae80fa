"""`migration-ops plan init` and `plan pools`: what a plan needs around it."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migration_ops.cli_checks import tell_waits, time_zone, writable
from migration_ops.migration.errors import PlanError, ReadinessError
from migration_ops.migration.plan_draft import (
    USUAL_IMAGE,
    USUAL_REGION,
    USUAL_TIMEZONE,
    DraftOptions,
    draft_plan,
)
from migration_ops.migration.plan_facts import ClusterFacts, look_at, look_at_target
from migration_ops.migration.plan_file import load_plan, parse_plan
from migration_ops.migration.plan_init_dialogue import (
    InitAnswers,
    ask,
    contexts_of,
    dns_label,
    image_name,
    region,
)

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


def _label(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    return value and dns_label(value)


def _labels(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dns_label(value) for value in values)


def _region(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    return value if value is None else region(value)


def _time_zone(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    return value if value is None else time_zone(context, option, value)


def _image(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    return value if value is None else image_name(value)


def is_terminal() -> bool:
    """Whether somebody is there who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


@click.command()
@click.option("--kubeconfig", type=_EXISTING, default=None, help="The source's.")
@click.option(
    "--context", default=None, help="Context of the source's kubeconfig; its current one when left out."
)
@click.option("--name", default=None, callback=_label, help="Of the plan; a DNS label.")
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    callback=_labels,
    help="Take this namespace and no other; may be given several times. All but the platform's without it.",
)
@click.option(
    "--target-kubeconfig", type=_EXISTING, default=None, help="The target's, to check StorageClasses."
)
@click.option(
    "--target-context",
    default=None,
    help="Context of the target's kubeconfig; of the source's if that holds both.",
)
@click.option("--protect-only", is_flag=True, help="No target: scheduled restore points only.")
@click.option(
    "--region",
    "target_region",
    default=None,
    callback=_region,
    help=f"Region of the target; {USUAL_REGION}, marked DECIDE, when left out.",
)
@click.option(
    "--timezone",
    default=None,
    callback=_time_zone,
    help=f"Time zone of the schedule; {USUAL_TIMEZONE} when left out.",
)
@click.option("--image", default=None, callback=_image, help="The mover's image, as both clusters pull it.")
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
    kubeconfig: Path | None,
    context: str | None,
    name: str | None,
    namespaces: tuple[str, ...],
    target_kubeconfig: Path | None,
    target_context: str | None,
    protect_only: bool,
    target_region: str | None,
    timezone: str | None,
    image: str | None,
    output: Path | None,
) -> None:
    """Look at a live cluster and write a commented plan; what only people can decide is marked DECIDE.

    Reads nodes, namespaces, workloads, pods, claims, StorageClasses, and the names of Services and
    ConfigMaps; changes nothing. What may not be read is told, in the plan and on stderr. Without
    --kubeconfig or --name it asks, at a terminal, for what no option says. A target that isn't given
    isn't looked at.
    """
    from migration_ops.cluster import ClusterError

    if output and output.exists():
        raise click.ClickException(f"{output} exists; choose another file, or remove it")
    answers = InitAnswers(
        kubeconfig=kubeconfig,
        context=context,
        name=name,
        namespaces=namespaces,
        target_kubeconfig=target_kubeconfig,
        target_context=target_context,
        protect_only=protect_only,
        region=target_region,
        timezone=timezone,
        image=image,
    )
    try:
        if kubeconfig is None or name is None:
            if not is_terminal():
                lacking = " and ".join(
                    option
                    for option, value in (("--kubeconfig", kubeconfig), ("--name", name))
                    if value is None
                )
                raise click.UsageError(f"{lacking}: missing, and there is no terminal to ask at")
            answers = ask(answers, _open)
        facts, target = _look(answers)
    except (ClusterError, ReadinessError) as error:
        raise click.ClickException(str(error)) from None
    options = DraftOptions(
        name=str(answers.name),
        region=answers.region,
        image=answers.image or USUAL_IMAGE,
        timezone=answers.timezone or USUAL_TIMEZONE,
        protect_only=answers.protect_only,
    )
    _write(draft_plan(facts, options, target), output, str(answers.name))


def _open(kubeconfig: Path, context: str | None) -> Cluster:
    from migration_ops.cluster import Cluster

    return Cluster.from_kubeconfig(kubeconfig, context, on_wait=tell_waits("plan init"))


def _look(answers: InitAnswers) -> tuple[ClusterFacts, ClusterFacts | None]:
    """What source and target tell; the second is missing if no target was given."""
    source, target = (Path(str(answers.kubeconfig)), answers.context), answers.target
    if target and target[0].resolve() == source[0].resolve():
        current = contexts_of(source[0])[1]
        if (source[1] or current) == (target[1] or current):
            raise click.ClickException(
                f"source and target are one context of {source[0]} ({source[1] or current}); "
                "give --context and --target-context, or --protect-only"
            )
    with _open(*source) as cluster, _open(*target) if target else nullcontext() as other:
        if target and other and other.address == cluster.address:
            raise click.ClickException(
                f"source and target are one cluster, {cluster.address} (by {source[0]} and {target[0]}); "
                "give another target, or leave it out"
            )
        facts = answers.seen or look_at(cluster, answers.namespaces)
        found = look_at_target(other) if other else None
    for what in facts.unread:
        click.echo(f"migration-ops plan init: may not read in the source: {what}", err=True)
    for what in found.unread if found else ():
        click.echo(f"migration-ops plan init: may not read in the target: {what}", err=True)
    return facts, found


def _write(text: str, output: Path | None, name: str) -> None:
    """Write a plan that can be read back, or nothing."""
    try:
        parse_plan(output or Path("plan.yaml"), text.encode())
    except PlanError as error:
        raise click.ClickException("\n".join(["no plan was written:", *error.lines()])) from None
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{output} exists; choose another file, or remove it") from None
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
