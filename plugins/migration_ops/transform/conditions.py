"""Conditions of rules, compiled once into predicates over an object or a part of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase, translate
from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.objects import Manifest, group_of, is_builtin_group, plural, value_at
from migration_ops.transform.paths import Path, compiled
from migration_ops.transform.rules import Condition, ValueTest
from migration_ops.transform.selectors import Selects, compile_label_selector, compile_selector

Predicate = Callable[[Any, Manifest], bool]
SIGNS = re.compile(r"[*?\[]")


def is_glob(text: str) -> bool:
    """Whether a text has glob signs.

    :param text: the pattern.
    """
    return SIGNS.search(text) is not None


def matches_kind(pattern: str, api_version: str, kind: str) -> bool:
    """Whether a condition's `kind` names a kind.

    :param pattern: `Kind`, or `group/Kind`, with globs; `core` is the core group.
    :param api_version: the object's.
    :param kind: the object's.
    """
    group, slash, name = pattern.rpartition("/")
    if not fnmatchcase(kind, name):
        return False
    actual = group_of(api_version)
    return fnmatchcase(actual or "core", group) if slash else is_builtin_group(actual)


def resource_name(manifest: Manifest) -> str:
    """Name an object's resource as `plural.group`.

    :param manifest: the object.
    """
    group = group_of(manifest["apiVersion"])
    return plural(manifest["kind"]) + (f".{group}" if group else "")


def glob_with_separator(text: str) -> re.Pattern[str]:
    """Make an expression of a glob in which `*` doesn't cross a dot (and `**` does), as Velero's are.

    :param text: the glob, with `*`, `**`, `?`, `[...]` and `{a,b}`.
    """
    tokens = re.split(r"(\*\*|\*|\?|\{[^{}]*\}|\[[^\]]*\])", text)
    return re.compile("".join(_glob_token(token) for token in tokens))


def _glob_token(token: str) -> str:
    plain = {"**": ".*", "*": "[^.]*", "?": "[^.]"}
    if token in plain:
        return plain[token]
    if token.startswith("{"):
        return "(?:" + "|".join(_glob_token(item) for item in token[1:-1].split(",")) + ")"
    return token.replace("[!", "[^") if token.startswith("[") else re.escape(token)


def compile_condition(condition: Condition | None, context: Context) -> Predicate | None:
    """Make a predicate of a condition.

    :param condition: the condition.
    :param context: parameters and provider, which are known before any object.
    :returns: a predicate of (part, whole object); None when nothing can ever meet the condition.
    """
    if condition is None:
        return lambda _part, _whole: True
    if not _holds_for_this_run(condition, context):
        return None
    predicates: list[Predicate] = [*_identity(condition), *_content(condition)]
    if condition.ingress_controller is not None:
        predicates.append(_globs(condition.ingress_controller, context.ingress_controller))
    if condition.any is not None:
        alternatives = [compiled for item in condition.any if (compiled := compile_condition(item, context))]
        if not alternatives:
            return None
        predicates.append(lambda part, whole: any(item(part, whole) for item in alternatives))
    if condition.not_ is not None:
        excluded = compile_condition(condition.not_, context)
        if excluded is not None:
            predicates.append(lambda part, whole: not excluded(part, whole))
    if len(predicates) == 1:
        return predicates[0]

    def holds(part: Any, whole: Manifest) -> bool:  # a loop costs half of what `all` over a generator does
        for predicate in predicates:  # noqa: SIM110
            if not predicate(part, whole):
                return False
        return True

    return holds


def _holds_for_this_run(condition: Condition, context: Context) -> bool:
    if condition.provider is not None and context.provider not in condition.provider:
        return False
    for name, wanted in (condition.params or {}).items():
        value = context.param(name)
        holds = bool(value) is wanted if isinstance(wanted, bool) else value == wanted
        if not holds:
            return False
    return True


def _identity(condition: Condition) -> list[Predicate]:
    predicates: list[Predicate] = []
    if condition.kind is not None:
        kinds = condition.kind
        cache: dict[tuple[str, str], bool] = {}

        def has_kind(_part: Any, whole: Manifest) -> bool:
            key = (whole["apiVersion"], whole["kind"])
            if key not in cache:
                cache[key] = any(matches_kind(pattern, *key) for pattern in kinds)
            return cache[key]

        predicates.append(has_kind)
    if condition.resource is not None:
        pattern = glob_with_separator(condition.resource)
        predicates.append(lambda _part, whole: pattern.fullmatch(resource_name(whole)) is not None)
    if condition.api_version is not None:
        predicates.append(_globs(condition.api_version, lambda whole: whole["apiVersion"]))
    if condition.namespace is not None:
        predicates.append(_globs(condition.namespace, lambda whole: whole["metadata"].get("namespace", "")))
    if condition.name is not None:
        predicates.append(_globs(condition.name, lambda whole: whole["metadata"]["name"]))
    if condition.name_matches is not None:
        expression = re.compile(condition.name_matches)
        predicates.append(lambda _part, whole: expression.search(whole["metadata"]["name"]) is not None)
    return predicates


def _content(condition: Condition) -> list[Predicate]:
    predicates: list[Predicate] = []
    for field in ("annotations", "labels"):
        wanted = getattr(condition, field)
        if isinstance(wanted, str):
            selects = compile_selector(wanted)
            predicates.append(_selected(selects))
        elif wanted is not None:
            predicates += [_keyed(field, key, glob) for key, glob in wanted.items()]
    if condition.label_selector is not None:
        chosen = compile_label_selector(condition.label_selector)
        predicates.append(_selected(chosen))
    for text in condition.jsonpath or ():
        predicates.append(_selects_something(compiled(text)))
    predicates += [_value_test(test) for test in condition.values or ()]
    return predicates


def _selected(selects: Selects) -> Predicate:
    return lambda part, _whole: selects(value_at(part, ("metadata", "labels")) or {})


def _selects_something(path: Path) -> Predicate:
    return lambda part, _whole: bool(path.find(part))


def _globs(patterns: list[str], text_of: Callable[[Manifest], str]) -> Predicate:
    exact = frozenset(pattern for pattern in patterns if not is_glob(pattern))
    globs = re.compile("|".join(translate(pattern) for pattern in patterns if is_glob(pattern)) or "(?!)")

    def matches(_part: Any, whole: Manifest) -> bool:
        text = text_of(whole)
        return text in exact or globs.match(text) is not None

    return matches


def _keyed(field: str, key: str, glob: str | None) -> Predicate:
    place = ("metadata", field)

    def fits(value: Any) -> bool:
        return glob is None or fnmatchcase(str(value), glob)

    if not is_glob(key):

        def has_key(part: Any, _whole: Manifest) -> bool:
            mapping = value_at(part, place)
            return isinstance(mapping, dict) and key in mapping and fits(mapping[key])

        return has_key

    def has_like_key(part: Any, _whole: Manifest) -> bool:
        mapping = value_at(part, place)
        return isinstance(mapping, dict) and any(
            fnmatchcase(name, key) and fits(value) for name, value in mapping.items()
        )

    return has_like_key


def _value_test(test: ValueTest) -> Predicate:
    path = compiled(test.path)
    if test.exists is not None:
        return lambda part, _whole: bool(path.find(part)) is test.exists
    holds = _comparison(test)
    return lambda part, _whole: any(holds(value) for _, value in path.find(part))


def _comparison(test: ValueTest) -> Callable[[Any], bool]:
    if test.one_of is not None:
        allowed = test.one_of
        return lambda value: any(value == item and type(value) is type(item) for item in allowed)
    if test.glob is not None:
        globs = test.glob
        return lambda value: isinstance(value, str) and any(fnmatchcase(value, glob) for glob in globs)
    if test.matches is not None:
        expression = re.compile(test.matches)
        return lambda value: isinstance(value, str) and expression.search(value) is not None
    return lambda value: bool(value == test.equals) and type(value) is type(test.equals)
