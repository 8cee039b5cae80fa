"""Finding, reading and checking rule files; every error names file, line and field."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from migration_ops.bad_input import yaml_problem
from migration_ops.transform.errors import RuleSetError, model_problems
from migration_ops.transform.registry import adapters, converters
from migration_ops.transform.rules import Rule, RuleSet
from migration_ops.transform.selectors import compile_selector
from migration_ops.transform.templates import check_template
from migration_ops.transform.velero import is_velero, read_velero
from migration_ops.transform.yamlio import Loader

MAXIMUM_BYTES = 4 * 1024 * 1024
SEARCH_PATH_VARIABLE = "MIGRATION_OPS_RULES"
ALWAYS = "namespaces"
_OWN_TEMPLATE = re.compile(r"\{\{-?\s*(params|object|annotations|value|key|provider)\b")


def default_search_path() -> Path:
    """Say where rule files lie that are asked for by name.

    `MIGRATION_OPS_RULES` if it is set; else `include/transform_rules` of the checkout (or the Airflow home)
    that this module belongs to; else the copy inside of the installed package.
    """
    configured = os.environ.get(SEARCH_PATH_VARIABLE)
    if configured:
        return Path(configured)
    checkout = Path(__file__).resolve().parents[3] / "include" / "transform_rules"
    return checkout if checkout.is_dir() else Path(__file__).resolve().parent / "transform_rules"


def load_rule_sets(names_or_files: Sequence[str], *, search_path: Path | None = None) -> list[RuleSet]:
    """Read rule sets with all that they bring along, in the order in which they run.

    What a set brings to follow it, follows the last set that brings it. The set `namespaces` always comes
    last: it does what a plan's namespace mapping says.

    :param names_or_files: names such as `eks-to-ack`, or paths (with a slash, or ending in .yaml, .yml,
        .json); a relative path that doesn't exist is looked for below the search path.
    :param search_path: the folder of named rule sets.
    :raises RuleSetError: when one can't be found, read or understood.
    """
    folder = search_path or default_search_path()
    loaded: dict[str, RuleSet] = {}
    for rule_set, comes_after in [
        item for name in names_or_files for item in _with_brought(name, folder, ())
    ]:
        if comes_after:
            loaded.pop(rule_set.name, None)  # after the last one that brings it along
        loaded.setdefault(rule_set.name, rule_set)
    loaded.pop(ALWAYS, None)
    return [*loaded.values(), read_rule_set(_find(ALWAYS, folder))]


def _with_brought(name: str, folder: Path, above: tuple[str, ...]) -> Iterator[tuple[RuleSet, bool]]:
    """Give a rule set and what it brings, in order, each with whether it came to follow another one."""
    if name in above:
        raise RuleSetError(name, [f": brings itself along ({' → '.join((*above, name))})"])
    rule_set = read_rule_set(_find(name, folder))
    for brought in rule_set.brings.before:
        yield from _with_brought(brought, folder, (*above, name))
    yield rule_set, False
    for brought in rule_set.brings.after:
        yield from ((other, True) for other, _ in _with_brought(brought, folder, (*above, name)))


def _find(name: str, folder: Path) -> Path:
    if "/" in name or name.endswith((".yaml", ".yml", ".json")):
        candidates = [Path(name), folder / name]
    else:
        candidates = [folder / f"{name}.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
    raise RuleSetError(name, [f": there is no such rule set in {folder} (known by name: {known})"])


def read_rule_set(path: Path) -> RuleSet:
    """Read one rule file: ours, or Velero's resource modifiers.

    :param path: the file.
    :raises RuleSetError: with one line per problem.
    """
    if path.stat().st_size > MAXIMUM_BYTES:
        raise RuleSetError(str(path), [f": is larger than {MAXIMUM_BYTES // 1024 // 1024} MiB; split it"])
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RuleSetError(
            str(path), [f": is no UTF-8 text (byte {error.start}); save it as UTF-8"]
        ) from error
    return parse_rule_set(text, source=str(path), name=path.stem)


def parse_rule_set(text: str, *, source: str, name: str) -> RuleSet:
    """Read a rule file's text.

    :param text: YAML.
    :param source: what errors call the file.
    :param name: what a Velero file's rules are called, which has no name of its own.
    :raises RuleSetError: with one line per problem.
    """
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        document: Any = loader.construct_document(node) if node is not None else None
    except (yaml.YAMLError, ValueError, KeyError, OverflowError) as error:
        line, problem = yaml_problem(error, text)
        raise RuleSetError(source, [f":{line}: {problem}"]) from error
    if is_velero(document):
        return read_velero(document, source=source, name=name, line_of=lambda place: _line(node, place))
    try:
        rule_set = RuleSet.model_validate(document)
    except ValidationError as error:
        raise RuleSetError(source, model_problems(error, lambda place: _line(node, place))) from error
    problems = [f":{_line(node, place)}: {message}" for place, message in _problems(rule_set)]
    if problems:
        raise RuleSetError(source, problems)
    return rule_set


def _problems(rule_set: RuleSet) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, rule in enumerate(rule_set.rules):
        place = ("rules", index)
        for texts in _templates(rule.model_dump(by_alias=True, exclude_none=True)):
            try:
                check_template(texts)
            except ValueError as error:
                yield place, f"rule {rule.name}: {error}"
        yield from _unknown_names(rule, place)
        for condition in (rule.when, rule.where):
            if condition is not None and isinstance(condition.labels, str):
                try:
                    compile_selector(condition.labels)
                except ValueError as error:
                    yield (*place, "when"), f"rule {rule.name}: {error}"


def _unknown_names(rule: Rule, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for number, action in enumerate(rule.do):
        here = (*place, "do", number)
        if action.call is not None and action.call not in adapters():
            yield (
                here,
                f"rule {rule.name}: there is no adapter {action.call!r}; there are {', '.join(adapters())}",
            )
        if action.convert is not None and action.convert.using and action.convert.using not in converters():
            yield (
                here,
                f"rule {rule.name}: no converter {action.convert.using!r}; known: {', '.join(converters())}",
            )
        for kind in ("json_patch", "merge_patch", "strategic_merge_patch"):
            for text in _templates(action.model_dump(include={kind}, exclude_none=True)):
                if _OWN_TEMPLATE.search(text):
                    yield (
                        here,
                        f"rule {rule.name}: texts of {kind} are no templates, {text!r} would stay; use set",
                    )


def _templates(value: Any) -> Iterator[str]:
    if isinstance(value, str) and "{" in value:
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _templates(member)
    elif isinstance(value, list):
        for member in value:
            yield from _templates(member)


def _line(node: yaml.Node | None, place: Sequence[str | int]) -> int:
    """Give the line of a place, or of the deepest part of it that exists."""
    line = 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
