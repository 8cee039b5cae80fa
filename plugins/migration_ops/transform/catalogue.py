"""A rule set as a page for people: what it does, and what it asks."""

from __future__ import annotations

from collections.abc import Iterable

from migration_ops.transform.rules import (
    Action,
    ConvertAction,
    FindingSpec,
    MapAction,
    Parameter,
    Rule,
    RuleSet,
    SetAction,
    TranslationTable,
)


def describe(rule_sets: Iterable[RuleSet]) -> str:
    """Write rule sets down as Markdown.

    :param rule_sets: the sets, in the order of the page.
    """
    return "\n".join(_rule_set(rule_set) for rule_set in rule_sets)


def _rule_set(rule_set: RuleSet) -> str:
    lines = [f"## {rule_set.name}", "", rule_set.description, ""]
    brought = [*rule_set.brings.before, *rule_set.brings.after]
    if brought:
        lines += [f"Brings along: {', '.join(f'`{name}`' for name in brought)}.", ""]
    if rule_set.parameters:
        lines += ["| parameter | type | default | meaning |", "| --- | --- | --- | --- |"]
        lines += [_parameter(name, parameter) for name, parameter in rule_set.parameters.items()]
        lines += [""]
    if rule_set.defaults.storage_classes:
        proposed = ", ".join(f"{old} → {new}" for old, new in rule_set.defaults.storage_classes.items())
        lines += [f"Storage classes where the plan says nothing: {proposed}.", ""]
    lines += ["| rule | about | what and why |", "| --- | --- | --- |"]
    lines += [_rule(rule) for rule in rule_set.rules]
    return "\n".join([*lines, ""])


def _parameter(name: str, parameter: Parameter) -> str:
    default = parameter.default
    if isinstance(default, list | dict):
        default = f"{len(default)} entries" if default else "none"
    return (
        f"| `{name}` | {parameter.type} | {_cell(str(default)) or 'none'} | {_cell(parameter.description)} |"
    )


def _rule(rule: Rule) -> str:
    kinds = rule.when.kind or [kind for item in rule.when.any or () for kind in item.kind or ()]
    scope = {"object": "any", "claim": "claims"}.get(rule.scope, f"{rule.scope}s")
    about = ", ".join(dict.fromkeys(kinds)) or scope
    steps = "; ".join(dict.fromkeys(_step(action) for action in rule.do))
    text = f"{rule.description} {steps}" if rule.description else steps
    return f"| `{rule.name}` | {_cell(about)} | {_cell(text)} |"


def _step(action: Action) -> str:
    (name,) = action.model_fields_set
    value = getattr(action, name)
    match value:
        case FindingSpec():
            text = f"*{value.severity}*: {value.message}"
        case ConvertAction():
            text = f"to {', else '.join(version.api_version for version in value.versions)}"
        case TranslationTable():
            text = f"translates {name}: {_keys(value)}"
        case SetAction():
            text = f"sets `{value.path}`"
        case MapAction():
            text = f"maps {', '.join(f'`{path}`' for path in value.path)}"
        case str():
            text = f"{'left out:' if name == 'drop' else 'step'} {value}"
        case _:
            text = f"{name.replace('_', ' ')} {', '.join(value) if isinstance(value, list) else ''}".strip()
    return text


def _keys(table: TranslationTable) -> str:
    keys = [
        f"{key}{f' → {translation.to}' if translation.to and translation.to != key else ''}"
        for key, translation in table.table.items()
    ]
    return ", ".join([*keys, *(["anything else (reported)"] if table.rest else [])]) + (
        f" (below `{table.prefix}`)" if table.prefix else ""
    )


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
