"""Label selectors: the text form of kubectl and the mapping form of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Selects = Callable[[Mapping[str, str]], bool]

KEY = r"(?P<key>[A-Za-z0-9][A-Za-z0-9./_-]*)"
REQUIREMENTS = (
    re.compile(rf"^{KEY}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$"),
    re.compile(rf"^{KEY}\s*(?P<operator>==|!=|=)\s*(?P<values>[A-Za-z0-9._-]*)$"),
    re.compile(rf"^(?P<operator>!?)\s*{KEY}$"),
)
SEPARATOR = re.compile(r",(?![^(]*\))")


@lru_cache(maxsize=1024)
def compile_selector(text: str) -> Selects:
    """Make a predicate over labels of a selector such as `app in (web,api),!canary`.

    :param text: the selector as kubectl takes it.
    :raises ValueError: when it can't be understood.
    """
    requirements = [_requirement(piece.strip()) for piece in SEPARATOR.split(text) if piece.strip()]
    if not requirements:
        raise ValueError("an empty label selector selects everything; leave it out if that is meant")
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(text: str) -> Selects:
    for expression in REQUIREMENTS:
        found = expression.match(text)
        if found:
            values = found.groupdict().get("values")
            wanted = (
                frozenset(value.strip() for value in values.split(",")) if values is not None else frozenset()
            )
            return _test(found["key"], found["operator"], wanted)
    raise ValueError(f"{text!r} is no label requirement; write app=web, app in (web,api), !canary")


def _test(key: str, operator: str, values: frozenset[str]) -> Selects:
    if operator in {"in", "=", "==", "In"}:
        return lambda labels: labels.get(key) in values
    if operator in {"notin", "!=", "NotIn"}:
        return lambda labels: labels.get(key) not in values
    if operator in {"!", "DoesNotExist"}:
        return lambda labels: key not in labels
    return lambda labels: key in labels


def compile_label_selector(selector: Mapping[str, Any]) -> Selects:
    """Make a predicate of an API object's `labelSelector`.

    :param selector: `matchLabels` and `matchExpressions`; an empty one selects everything.
    :raises ValueError: on an operator that doesn't exist.
    """
    requirements = [
        _test(key, "=", frozenset({value})) for key, value in (selector.get("matchLabels") or {}).items()
    ]
    for expression in selector.get("matchExpressions") or ():
        operator = expression.get("operator")
        if operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            raise ValueError(f"{operator!r} is no operator of a label selector")
        requirements.append(_test(expression["key"], operator, frozenset(expression.get("values") or ())))
    return lambda labels: all(requirement(labels) for requirement in requirements)
