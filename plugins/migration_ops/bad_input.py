"""Says in plain words what is wrong with a file that a person wrote: YAML's and pydantic's findings.

Messages end up before people who know neither library: no type of Python's, no regular expression, one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import AfterValidator

_LONGEST_VALUE = 80
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "yes or no"),
    (str, "text"),
    ((int, float), "a number"),
    (Mapping, "a mapping"),
    (Sequence, "a list"),
)
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "date_type": "a date such as 2026-12-24",
    "date_parsing": "a date such as 2026-12-24",
    "date_from_datetime_parsing": "a date such as 2026-12-24",
    "date_from_datetime_inexact": "a date such as 2026-12-24",
    "time_delta_type": "a duration such as 60s, 15m or 4h",
    "time_delta_parsing": "a duration such as 60s, 15m or 4h",
    "ip_any_network": "an address range such as 10.0.0.0/8",
}


def kind_of(value: Any) -> str:
    """Name what a value is, as the author of a YAML file would: text, a list, a mapping, ...

    :param value: what was read.
    """
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "empty")


def shown(value: Any) -> str:
    """Write a value as JSON, shortened: what the author typed, near enough.

    :param value: what was read.
    """
    text = _typed(value) or json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def _typed(value: Any) -> str:
    """A decimal number as it stands in the file (`1.30`), if ruamel.yaml knows its digits; else nothing."""
    width, point = getattr(value, "_width", None), getattr(value, "_prec", None)
    if not isinstance(value, float) or not isinstance(width, int) or not isinstance(point, int) or point < 1:
        return ""
    text = f"{float(value):.{max(0, width - point - 1)}f}"
    return text if float(text) == float(value) else ""


def in_words(problem: Mapping[str, Any]) -> str:
    """Say one of pydantic's errors in words, with the value where that helps.

    :param problem: an entry of `ValidationError.errors()`.
    """
    kind, limits = str(problem["type"]), problem.get("ctx") or {}
    if kind == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is no field here; check its spelling and its place"
    if kind == "too_short":
        return f"needs at least {limits['min_length']} {_entries(limits['min_length'])}"
    if kind == "too_long":
        return f"takes at most {limits['max_length']} {_entries(limits['max_length'])}"
    value = problem.get("input")
    remedy = "; put quotes around it" if kind == "string_type" and isinstance(value, int | float) else ""
    return f"must be {_expected(kind, limits, problem)} (it is {_given(value)}{remedy})"


def _expected(kind: str, limits: Mapping[str, Any], problem: Mapping[str, Any]) -> str:
    simple = {
        "literal_error": "one of {expected}",
        "enum": "one of {expected}",
        "greater_than_equal": "at least {ge}",
        "greater_than": "more than {gt}",
        "less_than_equal": "at most {le}",
        "less_than": "less than {lt}",
        "string_too_short": "at least {min_length} characters long",
        "string_too_long": "at most {max_length} characters long",
        "string_pattern_mismatch": "written in the form {pattern}",
    }
    if kind in simple:
        return simple[kind].format(**limits)
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    text = str(problem["msg"])
    return text.partition(" should be ")[2] or f"something else: {text}"


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"


def _given(value: Any) -> str:
    return kind_of(value) if isinstance(value, list | dict) or value is None else shown(value)


def in_form(pattern: str, meaning: str) -> AfterValidator:
    """Make the check of a text's form, which tells people its meaning and not the pattern.

    :param pattern: what the whole text must match.
    :param meaning: what such a text is, with an example if it takes one.
    """
    from pydantic import AfterValidator

    def check(text: str) -> str:
        if not re.fullmatch(pattern.removesuffix("$"), text):
            raise ValueError(f"{text!r} is not {meaning}")
        return text

    return AfterValidator(check)


def yaml_problem(error: Exception, text: str | bytes = "") -> tuple[int, str]:
    """Give line (from 1; 0: unknown) and problem of what PyYAML or ruamel.yaml raised.

    :param error: what was raised.
    :param text: what was read, for errors that know a position only.
    """
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        said = getattr(error, "problem", None) or getattr(error, "context", None) or "can't be understood"
        return mark.line + 1, " ".join(str(said).split())
    position = getattr(error, "position", None)
    if isinstance(position, int):
        line = text[:position].count("\n" if isinstance(text, str) else b"\n") + 1  # type: ignore[arg-type]
        return line, "holds a character that YAML doesn't allow; save it as UTF-8 text"
    if isinstance(error, RecursionError):
        return 0, "is nested too deeply"
    return 0, "has a value that can't be read; put quotes around numbers of many digits"
