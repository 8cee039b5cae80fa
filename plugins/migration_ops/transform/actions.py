"""Actions of rules, compiled once into functions that edit a draft below a place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import orjson

from migration_ops.transform.context import Context
from migration_ops.transform.conversion import compile_conversion
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Manifest, Parts
from migration_ops.transform.patches import apply_json_patch, apply_merge_patch, apply_strategic_merge_patch
from migration_ops.transform.paths import compiled
from migration_ops.transform.registry import adapters
from migration_ops.transform.rules import (
    Action,
    FindingSpec,
    JsonPatchOperation,
    MapAction,
    RenameAction,
    SetAction,
    Translation,
    TranslationTable,
)
from migration_ops.transform.secret_texts import WITHHELD, is_plain_list, may_hold_secrets
from migration_ops.transform.templates import render, render_all

_SECRET_KEY = re.compile(r"pass(word|wd)|token|credential|client-?secret", re.IGNORECASE)

Step = Callable[[Draft, Parts, Context], None]


def compile_action(action: Action) -> Step:
    """Make a function of an action.

    :param action: the action; it has exactly one key.
    """
    (name,) = action.model_fields_set
    return _COMPILERS[name](getattr(action, name))


def tell(draft: Draft, spec: FindingSpec, context: Context, value: Any = None, key: str = "") -> None:
    """Record a finding whose texts are templates.

    :param draft: the object.
    :param spec: the finding.
    :param context: what the templates may name.
    :param value: the value that it is about.
    :param key: the annotation or label that it is about.
    """
    if isinstance(value, str) and (_SECRET_KEY.search(key) or _is_withheld(value)):
        value = WITHHELD
    variables = context.variables(draft.manifest, value, key)
    draft.find(
        spec.severity,
        render(spec.message, variables),
        render(spec.suggestion, variables),
        tuple(render(choice, variables) for choice in spec.choices),
    )


def _is_withheld(value: str) -> bool:
    return may_hold_secrets(value) and not is_plain_list(value)


def _set(spec: SetAction) -> Step:
    path = compiled(spec.path)
    single = path.parts

    def step(draft: Draft, base: Parts, context: Context) -> None:
        value = context.param(spec.parameter) if spec.parameter is not None else spec.value
        if spec.parameter is not None and value is None:
            return
        if single is not None and spec.only != "present":
            places = [single]
        else:
            places = [parts for parts, _ in path.find(draft.get(base))]
        for parts in places:
            current = draft.get((*base, *parts))
            if spec.only == "missing" and current is not None:
                continue
            rendered = render_all(_copy(value), context.variables(draft.manifest, current))
            if rendered == "" and value != "":
                continue  # a template that has nothing to say
            draft.set((*base, *parts), rendered)

    return step


def _remove(texts: list[str]) -> Step:
    paths = [compiled(text) for text in texts]

    def step(draft: Draft, base: Parts, _context: Context) -> None:
        for path in paths:
            for parts, _ in reversed(path.find(draft.get(base))):
                draft.remove((*base, *parts))

    return step


def _remove_keys(field: str) -> Callable[[list[str]], Step]:
    def compile_globs(globs: list[str]) -> Step:
        def step(draft: Draft, base: Parts, _context: Context) -> None:
            keys = draft.get((*base, "metadata", field))
            for key in list(keys or ()):
                if any(fnmatchcase(key, glob) for glob in globs):
                    draft.remove((*base, "metadata", field, key))

        return step

    return compile_globs


def _translate(field: str) -> Callable[[TranslationTable], Step]:
    def compile_table(spec: TranslationTable) -> Step:
        table = {
            spec.prefix + key: _with_prefix(member, spec.to_prefix) for key, member in spec.table.items()
        }
        rest = _with_prefix(spec.rest, spec.to_prefix) if spec.rest is not None else None
        leave = [spec.prefix + glob for glob in spec.leave]

        def step(draft: Draft, base: Parts, context: Context) -> None:
            place = (*base, "metadata", field)
            present = draft.get(place)
            if not isinstance(present, dict):
                return
            others = [
                key
                for key in present
                if key not in table
                and key.startswith(spec.prefix)
                and not any(fnmatchcase(key, glob) for glob in leave)
            ]
            for key in [key for key in table if key in present]:
                _translate_one(draft, place, key, table[key], context)
            if rest is not None:
                for key in others:
                    _translate_one(draft, place, key, rest, context)

        return step

    return compile_table


def _with_prefix(spec: Translation, prefix: str) -> Translation:
    if spec.to is None or "/" in spec.to:
        return spec
    return spec.model_copy(update={"to": prefix + spec.to})


def _translate_one(draft: Draft, place: Parts, key: str, spec: Translation, context: Context) -> None:
    """Translate one key; the mapping's place is the annotations' or labels'."""
    old = str(draft.get((*place, key)))
    new: str | None = old
    if spec.finding is not None:
        tell(draft, spec.finding, context, old, key)
    if spec.values is not None:
        new = spec.values.get(old, old if spec.otherwise == "keep" else None)
    elif spec.template is not None:
        new = render(spec.template, context.variables(draft.manifest, old, key)).strip() or None
    if spec.unmapped is not None and (new is None or (spec.values is not None and old not in spec.values)):
        tell(draft, spec.unmapped, context, old, key)
    target = spec.to
    if new is not None and (spec.keep if target is None else target == key):
        draft.set((*place, key), new)
        return
    moves = target is not None and new is not None
    if not spec.keep:
        draft.remove((*place, key), prune=not moves)
    if target is not None and new is not None and draft.get((*place, target)) is None:
        draft.set((*place, target), new)


def _rename(spec: RenameAction) -> Step:
    path = compiled(spec.path)

    def step(draft: Draft, base: Parts, _context: Context) -> None:
        for parts, mapping in path.find(draft.get(base)):
            if isinstance(mapping, dict) and spec.from_ in mapping:
                value = mapping[spec.from_]
                draft.remove((*base, *parts, spec.from_), prune=False)
                if spec.to not in mapping:
                    draft.set((*base, *parts, spec.to), value)

    return step


def _map(spec: MapAction) -> Step:
    paths = [compiled(text) for text in spec.path]

    def step(draft: Draft, base: Parts, context: Context) -> None:
        if spec.plan is not None and not context.parameters.namespaces:
            return
        table = _table(spec, context)
        for parts, value in (found for path in paths for found in reversed(path.find(draft.get(base)))):
            if isinstance(value, str) and value in table:
                draft.set((*base, *parts), _copy(table[value]))
            elif value not in table.values():
                if spec.unmapped is not None:
                    tell(draft, spec.unmapped, context, value)
                if spec.otherwise == "drop":
                    draft.remove((*base, *parts))

    return step


def _table(spec: MapAction, context: Context) -> Mapping[str, Any]:
    if spec.plan is not None:
        return context.parameters.namespaces
    table = context.param(spec.parameter) if spec.parameter is not None else spec.table
    return table if isinstance(table, dict) else {}


def _json_patch(operations: list[JsonPatchOperation]) -> Step:
    plain = [operation.model_dump(by_alias=True, exclude_unset=True) for operation in operations]

    def step(draft: Draft, _base: Parts, _context: Context) -> None:
        apply_json_patch(draft, _copy(plain))

    return step


def _merge_patch(patch: Manifest) -> Step:
    def step(draft: Draft, base: Parts, _context: Context) -> None:
        apply_merge_patch(draft, _copy(patch), base)

    return step


def _strategic_merge_patch(patch: Manifest) -> Step:
    def step(draft: Draft, base: Parts, _context: Context) -> None:
        apply_strategic_merge_patch(draft, _copy(patch), base)

    return step


def _create(template: Manifest) -> Step:
    def step(draft: Draft, _base: Parts, context: Context) -> None:
        draft.create(render_all(_copy(template), context.variables(draft.manifest)))

    return step


def _call(name: str) -> Step:
    return adapters()[name]


def _drop(reason: str) -> Step:
    def step(draft: Draft, _base: Parts, context: Context) -> None:
        draft.drop(render(reason, context.variables(draft.manifest)))

    return step


def _finding(spec: FindingSpec) -> Step:
    def step(draft: Draft, base: Parts, context: Context) -> None:
        tell(draft, spec, context, draft.get(base))

    return step


def _copy(value: Any) -> Any:
    """Copy a rule's value: two objects must never share one."""
    return orjson.loads(orjson.dumps(value)) if isinstance(value, dict | list) else value


_COMPILERS: dict[str, Callable[[Any], Step]] = {
    "set": _set,
    "remove": _remove,
    "remove_annotations": _remove_keys("annotations"),
    "remove_labels": _remove_keys("labels"),
    "annotations": _translate("annotations"),
    "labels": _translate("labels"),
    "rename": _rename,
    "map": _map,
    "json_patch": _json_patch,
    "merge_patch": _merge_patch,
    "strategic_merge_patch": _strategic_merge_patch,
    "convert": compile_conversion,
    "create": _create,
    "call": _call,
    "drop": _drop,
    "finding": _finding,
}
