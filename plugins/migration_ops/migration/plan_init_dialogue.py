"""What `migration-ops plan init` asks for at a terminal, and where clusters are found in kubeconfigs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migration_ops.migration.plan_facts import look_at

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster

NO_TARGET = "none"
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
    """

    kubeconfig: Path | None = None
    context: str | None = None
    name: str | None = None
    namespaces: tuple[str, ...] = ()
    target_kubeconfig: Path | None = None
    target_context: str | None = None
    protect_only: bool = False

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
    """Ask for what no option said: source, target, namespaces, name. Questions go to stderr.

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
            found = replace(found, namespaces=_ask_namespaces(source))
    if found.name is None:
        usual = found.namespaces[0] if len(found.namespaces) == 1 else None
        name = click.prompt("Name of the plan (a DNS label)", default=usual, value_proc=dns_label, err=True)
        found = replace(found, name=name)
    return found


def dns_label(value: str) -> str:
    """Take a DNS label, and nothing else.

    :raises click.BadParameter: if it is none.
    """
    import re

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
    names = [name for name in names if name != other_than]
    if not names:
        raise click.ClickException(f"{kubeconfig} has no other context than the source's, {other_than}")
    if len(names) == 1:
        return names[0]
    usual = current if current in names else None
    return str(click.prompt(question, default=usual, type=click.Choice(names), err=True))


def _ask_target(found: InitAnswers, source: Path) -> InitAnswers:
    usual = str(source) if len(contexts_of(source)[0]) > 1 else NO_TARGET

    def file_or_none(value: str) -> Path | None:
        return None if value == NO_TARGET else _EXISTING.convert(value, None, None)

    file = click.prompt(
        f"Kubeconfig of the target (`{NO_TARGET}`: the plan only protects)",
        default=usual,
        value_proc=file_or_none,
        err=True,
    )
    if file is None:
        return replace(found, protect_only=True)
    same = file.resolve() == source.resolve()
    context = _ask_context("Context of the target", file, found.context if same else None)
    return replace(found, target_kubeconfig=file, target_context=context)


def _ask_namespaces(source: Cluster) -> tuple[str, ...]:
    facts = look_at(source)
    click.echo(f"Namespaces of {source.name}:", err=True)
    for name, holds in facts.namespaces.items():
        click.echo(f"  {name}: {holds.text()}", err=True)
    for what in facts.unread:
        click.echo(f"  not read, as the account may not: {what}", err=True)

    def those_there(value: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(value.replace(",", " ").split()))
        if names == ("all",):
            return ()
        for name in names:
            if not facts.unread and name not in {*facts.namespaces, *facts.platform}:
                raise click.BadParameter(f"there is no namespace {name}")
        return tuple(dns_label(name) for name in names)

    answer: tuple[str, ...] = click.prompt(
        "Namespaces to take (`all`, or names)", default="all", value_proc=those_there, err=True
    )
    return answer
