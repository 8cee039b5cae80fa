"""What `migration-ops plan init` asks for at a terminal, and where clusters are found in kubeconfigs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migration_ops.cli_checks import time_zone
from migration_ops.migration.plan_draft import USUAL_IMAGE, USUAL_REGION, USUAL_TIMEZONE
from migration_ops.migration.plan_facts import ClusterFacts, look_at
from migration_ops.migration.quantities import IMAGE

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

NO_TARGET, LATER = "none", "later"
_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class InitAnswers:
    """What was said about the clusters, by options or in answers.

    :param kubeconfig: of the source.
    :param context: of it; its current one if there is none.
    :param name: of the plan.
    :param namespaces: the only ones that move; all if there are none.
    :param target_kubeconfig: of the target; the source's own if only `target_context` is given.
    :param target_context: of it.
    :param protect_only: whether there will be no target.
    :param region: of the target.
    :param timezone: of the schedule.
    :param image: of the mover.
    :param seen: the source, if it was looked at as a whole to ask, and all of it is taken.
    """

    kubeconfig: Path | None = None
    context: str | None = None
    name: str | None = None
    namespaces: tuple[str, ...] = ()
    target_kubeconfig: Path | None = None
    target_context: str | None = None
    protect_only: bool = False
    region: str | None = None
    timezone: str | None = None
    image: str | None = None
    seen: ClusterFacts | None = None

    @property
    def target(self) -> tuple[Path, str | None] | None:
        """The target's kubeconfig and context, if it is to be looked at."""
        file = self.target_kubeconfig or (self.kubeconfig if self.target_context else None)
        return None if self.protect_only or file is None else (file, self.target_context)


def contexts_of(kubeconfig: Path) -> tuple[list[str], str]:
    """Name a kubeconfig's contexts, and the current one.

    :raises KubeconfigError: if it can't be read.
    """
    import yaml

    from migration_ops.bad_input import yaml_problem
    from migration_ops.cluster import KubeconfigError

    try:
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        names = [str(one["name"]) for one in document["contexts"]]
        current = str(document.get("current-context") or "")
    except yaml.YAMLError as error:
        line, problem = yaml_problem(error)
        raise KubeconfigError(f"{kubeconfig} isn't a kubeconfig: line {line}: {problem}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KubeconfigError(f"{kubeconfig} isn't a kubeconfig with contexts ({error})") from None
    return names, current if current in names else names[0] if names else ""


def ask(given: InitAnswers, connect: Callable[[Path, str | None], Cluster]) -> InitAnswers:
    """Ask for what no option said. Questions go to stderr.

    :param given: what the options said.
    :param connect: opens a cluster; the source is looked at, to show its namespaces.
    :raises ClusterError: if the source can't be read.
    :raises KubeconfigError: if a kubeconfig can't.
    """
    kubeconfig = given.kubeconfig or _ask_file("Kubeconfig of the source", _usual_kubeconfig())
    context = given.context or _ask_context("Context of the source", kubeconfig, None)
    found = replace(given, kubeconfig=kubeconfig, context=context)
    if found.target is None and not found.protect_only:
        found = _ask_target(found, kubeconfig)
    if not found.namespaces:
        with connect(kubeconfig, context) as source:
            facts = look_at(source)
            namespaces = _ask_namespaces(source.name, facts)
        found = replace(found, namespaces=namespaces, seen=None if namespaces else facts)
    if found.name is None:
        usual = found.namespaces[0] if len(found.namespaces) == 1 else None
        name = click.prompt("Name of the plan (a DNS label)", default=usual, value_proc=dns_label, err=True)
        found = replace(found, name=name)
    return _ask_the_rest(found)


def _ask_the_rest(found: InitAnswers) -> InitAnswers:
    if found.region is None and not found.protect_only:
        # Whoever passes over this has not decided it, so that the plan says so.
        question = f"Region of the target [{USUAL_REGION}, to be decided]"
        said = click.prompt(
            question, default="", show_default=False, value_proc=lambda text: text and region(text), err=True
        )
        found = replace(found, region=said or None)
    if found.timezone is None:
        context, option = click.get_current_context(), click.Option(["--timezone"])
        zone = click.prompt(
            "Time zone of the schedule",
            default=USUAL_TIMEZONE,
            value_proc=lambda text: time_zone(context, option, text),
            err=True,
        )
        found = replace(found, timezone=zone)
    if found.image is None:
        image = click.prompt(
            "Image of the mover, as both clusters pull it",
            default=USUAL_IMAGE,
            value_proc=image_name,
            err=True,
        )
        found = replace(found, image=image)
    return found


def region(value: str) -> str:
    """Take what may be a region of Alibaba Cloud.

    :raises click.BadParameter: if it can't be one.
    """
    if not _REGION.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no region of Alibaba Cloud; write for example cn-hangzhou")
    return value


def image_name(value: str) -> str:
    """Take the name of an image.

    :raises click.BadParameter: if it is none.
    """
    if not re.fullmatch(IMAGE, value):
        raise click.BadParameter(f"{value!r} is no name of an image; write HOST/PATH:TAG")
    return value


def dns_label(value: str) -> str:
    """Take a DNS label, and nothing else.

    :raises click.BadParameter: if it is none.
    """
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise click.BadParameter(f"{value!r} is no DNS label; use lower case letters, digits and hyphens")
    return value


def _usual_kubeconfig() -> str | None:
    named = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return named if Path(named).is_file() else None


def _ask_file(question: str, usual: str | None) -> Path:
    found: Path = click.prompt(question, default=usual, type=_EXISTING, err=True)
    return found


def _ask_context(question: str, kubeconfig: Path, other_than: str | None) -> str | None:
    names, current = contexts_of(kubeconfig)
    if not names:
        raise click.ClickException(f"{kubeconfig} has no context; give a kubeconfig that has one")
    names = [name for name in names if name != other_than]
    if not names:
        raise click.ClickException(f"{kubeconfig} has no other context than the source's, {other_than}")
    if len(names) == 1:
        return names[0]
    usual = current if current in names else None
    return str(click.prompt(question, default=usual, type=click.Choice(names), err=True))


def _ask_target(found: InitAnswers, source: Path) -> InitAnswers:
    def file_or_word(value: str) -> Path | str:
        word = value.strip()
        return word if word in (NO_TARGET, LATER) else Path(_EXISTING.convert(word, None, None))

    file = click.prompt(
        f"Kubeconfig of the target (`{LATER}`: not looked at, it may be made by the plan's `register`; "
        f"`{NO_TARGET}`: no target, the plan only protects)",
        default=LATER,
        value_proc=file_or_word,
        err=True,
    )
    if isinstance(file, str):
        return replace(found, protect_only=file == NO_TARGET)
    same = file.resolve() == source.resolve()
    context = _ask_context("Context of the target", file, found.context if same else None)
    return replace(found, target_kubeconfig=file, target_context=context)


def _ask_namespaces(cluster: str, facts: ClusterFacts) -> tuple[str, ...]:
    from migration_ops.cluster.selection import KUBERNETES_OWN

    click.echo(f"Namespaces of {cluster}:", err=True)
    for name, holds in facts.namespaces.items():
        click.echo(f"  {name}: {holds.text()}", err=True)
    for what in facts.unread:
        click.echo(f"  not read, as the account may not: {what}", err=True)

    def those_there(value: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(value.replace(",", " ").split()))
        if names == ("all",):
            return ()
        if not names:
            raise click.BadParameter("this names no namespace; answer `all`, or names")
        there = {*facts.namespaces, *facts.platform}
        if "all" in names and "all" not in there:
            raise click.BadParameter("`all` stands alone; answer `all`, or names")
        for name in names:
            if name in KUBERNETES_OWN:
                raise click.BadParameter(f"namespace {name} is Kubernetes' own and stays")
            if not facts.unread and name not in there:
                raise click.BadParameter(f"there is no namespace {name}")
        return tuple(dns_label(name) for name in names)

    answer: tuple[str, ...] = click.prompt(
        "Namespaces to take (`all`, or names)", default="all", value_proc=those_there, err=True
    )
    return answer
