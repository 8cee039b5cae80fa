"""Texts of rules that hold Jinja: rendered in a sandbox, since rule files may come from anywhere."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from migration_ops.transform.errors import RuleExecutionError

ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
EVERYBODY = "0.0.0.0/0"
"""The range of addresses that keeps no client out."""


def http_classes(codes: str) -> str:
    """Give the classes of a list of HTTP status codes, such as `http_2xx,http_3xx` for `200-301`.

    :param codes: codes and ranges, separated by commas.
    """
    classes: set[int] = set()
    for piece in codes.split(","):
        first, _, last = piece.strip().partition("-")
        if first.isdigit() and (last.isdigit() or not last):
            classes.update(range(int(first[0]), int((last or first)[0]) + 1))
    return ",".join(f"http_{number}xx" for number in sorted(classes))


def parsed_json(text: str) -> Any:
    """Read JSON, or give nothing where it isn't any.

    :param text: the JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}


def admits_everybody(ranges: str) -> bool:
    """Whether a list of addresses keeps no client out: one range that holds all is enough.

    :param ranges: ranges, separated by commas or spaces.
    """
    return EVERYBODY in ranges.replace(",", " ").split()


ENVIRONMENT.filters |= {
    "http_classes": http_classes,
    "from_json": parsed_json,
    "admits_everybody": admits_everybody,
}


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Template:
    return ENVIRONMENT.from_string(text)


def check_template(text: str) -> None:
    """Refuse what isn't Jinja.

    :param text: the template.
    :raises ValueError: with the template's error.
    """
    try:
        ENVIRONMENT.parse(text)
    except TemplateError as error:
        raise ValueError(f"{text!r} is no template: {error}") from error


def render(text: str, variables: dict[str, Any]) -> str:
    """Fill in a template; text without braces is given back as it is.

    :param text: the template.
    :param variables: what it may name: `params`, `object`, `annotations`, `value`, `key`, `provider`.
    :raises RuleExecutionError: when it names something that isn't there, or fails.
    """
    if "{" not in text:
        return text
    try:
        return _compiled(text).render(variables)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RuleExecutionError(f"the template {text!r} can't be filled in: {error}") from error


def render_all(value: Any, variables: dict[str, Any]) -> Any:
    """Fill in all texts within a value; a mapping's members that become empty text are left out.

    :param value: any JSON value.
    :param variables: as for :func:`render`.
    """
    if isinstance(value, str):
        return render(value, variables)
    if isinstance(value, dict):
        rendered = {key: render_all(member, variables) for key, member in value.items()}
        return {key: member for key, member in rendered.items() if member != "" or value[key] == ""}
    if isinstance(value, list):
        return [render_all(member, variables) for member in value]
    return value
