"""Reference pages from the code: the plan's schema, operators, connections, commands.

Called by `hooks.py` while the site is built, so that the pages can't be older than the code. Operators are
read as text, not imported: building the site needs no Airflow.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OPERATORS = ROOT / "plugins" / "migration_ops" / "operators"


def pages() -> dict[str, str]:
    """Return every generated page by its path below docs/."""
    return {
        "reference/plan-schema.md": plan_page(),
        "reference/operators.md": operators_page(),
        "reference/connections.md": connections_page(),
        "reference/commands.md": commands_page(),
    }


def plan_page() -> str:
    """Every field of a plan, with type, default and meaning."""
    from migration_ops.migration import plan_schema

    schema = plan_schema()
    lines = [
        "# Plan schema",
        "",
        (
            "Made from the models that validate plans. [Plan](plan.md) explains how the parts work together; "
            "`migration-ops plan schema` prints the JSON Schema for editors."
        ),
    ]
    for title, part in [("Plan", schema), *schema["$defs"].items()]:
        lines += ["", f"## {title}", "", _cell(part.get("description", "")), ""]
        lines += ["| Field | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
        needed = set(part.get("required", []))
        for name, field in part.get("properties", {}).items():
            default = "**needed**" if name in needed else _default(field)
            meaning = _cell(field.get("description", ""))
            lines.append(f"| `{name}` | {_type(field)} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _type(field: dict[str, Any]) -> str:  # noqa: PLR0911 - one return a form of JSON Schema
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    for several in ("anyOf", "oneOf"):
        if several in field:
            kinds = [_type(one) for one in field[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"map to {_type(field['additionalProperties'])}"
    return str(field.get("type", "anything"))


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    return "" if value in (None, {}, []) or isinstance(value, dict) else f"`{_cell(str(value))}`"


def operators_page() -> str:
    """Every operator and sensor, with its parameters."""
    lines = [
        "# Operators",
        "",
        (
            "The steps that the runbooks in `dags/` are made of; each can be used in a DAG of your own. All "
            "take `plan` (the document of a plan) and Airflow's own parameters."
        ),
    ]
    for file in sorted(OPERATORS.glob("*.py")):
        for node in _operators(ast.parse(file.read_text(encoding="utf-8"))):
            lines += ["", f"## {node.name}", "", f"`migration_ops.operators.{file.stem}`", ""]
            lines += _docstring(ast.get_docstring(node) or "")
    return "\n".join(lines) + "\n"


def _operators(tree: ast.Module) -> Iterator[ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = " ".join(ast.unparse(base) for base in node.bases)
            if "Operator" in bases or node.name.endswith(("Operator", "Sensor")):
                yield node


def _docstring(text: str) -> list[str]:
    """Lines of Markdown for a docstring with reST fields."""
    body, *fields = re.split(r"^:(?=param |return|raises )", text, flags=re.MULTILINE)
    lines = [body.strip(), ""]
    for field in fields:
        name, _, meaning = field.partition(":")
        kind, _, subject = name.partition(" ")
        head = f"`{subject}`" if kind == "param" else f"{kind} `{subject}`".replace(" ``", "")
        lines.append(f"- {head}: {' '.join(meaning.split())}")
    return lines


def connections_page() -> str:
    """The connection types with their fields, and which other types are used."""
    from migration_ops.provider_info import get_provider_info

    lines = [
        "# Connections",
        "",
        (
            "Besides these, `kubernetes` connections hold kubeconfigs (extra field `kube_config`, and "
            "`cluster_name` for another name in snapshots), and a vault's may name one of type `aws`."
        ),
    ]
    for one in get_provider_info()["connection-types"]:
        behaviour = one.get("ui-field-behaviour", {})
        lines += ["", f"## {one['hook-name']}", "", f"Type `{one['connection-type']}`.", ""]
        lines += ["| Field | Label | Values | Meaning |", "| --- | --- | --- | --- |"]
        for name, label in behaviour.get("relabeling", {}).items():
            example = behaviour.get("placeholders", {}).get(name, "")
            lines.append(f"| `{name}` | {label} | {f'`{example}`' if example else ''} | |")
        for name, field in one["conn-fields"].items():
            schema = field["schema"]
            values = " or ".join(f"`{value}`" for value in schema.get("enum", []))
            if schema.get("format") == "password":
                values = "secret"
            meaning = _cell(field.get("description", ""))
            lines.append(f"| extra `{name}` | {field['label']} | {values} | {meaning} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command with its options; the vault's have a page by hand."""
    import click

    from migration_ops.cli import GROUPS, main

    lines = [
        "# Commands",
        "",
        (
            "`migration-ops vault` has [a page of its own](vault-commands.md), and so have "
            "[exit statuses](exit-statuses.md)."
        ),
    ]
    context = click.Context(main, info_name="migration-ops")
    for name in GROUPS:
        if name != "vault" and (command := main.get_command(context, name)):
            lines += _command(command, f"migration-ops {name}")
    return "\n".join(lines) + "\n"


def _command(command: Any, name: str) -> Iterator[str]:
    import click

    context = click.Context(command, info_name=name)
    text = " ".join((command.help or "").split())
    yield from ("", f"## {name}", "", _cell(text), "")
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _command(found, f"{name} {child}")
        return
    yield from ("```console", f"$ {name} {' '.join(command.collect_usage_pieces(context))}", "```", "")
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        yield from ("| Option | Meaning |", "| --- | --- |")
    for option in options:
        names = ", ".join(f"`{one}`" for one in [*option.opts, *option.secondary_opts])
        needed = " Needed." if option.required else ""
        yield f"| {names} | {_cell(option.help or '')}{needed} |"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
