"""Actions of rules, compiled once into functions that edit a draft below a place."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import orjson

from migration_ops.transform.context import Context
from migration_ops.transform.conversion import compile_conversion
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Manifest, Parts
from migration_ops.transform.patches import apply_json_patch, apply_merge_patch, apply_strategic_merge_patch
from migration_ops.transform.paths import Path
from migration_ops.transform.registry import adapters
from migration_ops.transform.rules import (
    Action,
    FindingSpec,
    JsonPatchOperation,
    MapAction,
    RenameAction,
    SetAction,
    Translation,
)
from migration_ops.transform.templates import render, render_all

Step = Callable[[Draft, Parts, Context], None]


def compile_action(action: Action) -> Step:
    """Make a function of an action.

    :param action: the action; it has exactly one key.
    """
    (name,) = action.model_fields_set
    return _COMPILERS[name](getattr(action, name))


def tell(draft: Draft, spec: FindingSpec, context: Context, value: Any = None) -> None:
    """Record a finding whose texts are templates.

    :param draft: the object.
    :param spec: the finding.
    :param context: what the templates may name.
    :param value: the value that it is about.
    """
    variables = context.variables(draft.manifest, value)
    draft.find(
        spec.severity,
        render(spec.message, variables),
        render(spec.suggestion, variables),
        tuple(render(choice, variables) for choice in spec.choices),
    )


def _set(spec: SetAction) -> Step:
    path = Path(spec.path)
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
            draft.set((*base, *parts), rendered)

    return step


def _remove(texts: list[str]) -> Step:
    paths = [Path(text) for text in texts]

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


def _translate(field: str) -> Callable[[dict[str, Translation]], Step]:
    def compile_table(table: dict[str, Translation]) -> Step:
        def step(draft: Draft, base: Parts, context: Context) -> None:
            place = (*base, "metadata", field)
            present = draft.get(place)
            if not isinstance(present, dict):
                return
            for key in [key for key in table if key in present]:
                _translate_one(draft, place, key, table[key], context)

        return step

    return compile_table


def _translate_one(draft: Draft, place: Parts, key: str, spec: Translation, context: Context) -> None:
    old = draft.get((*place, key))
    new: str | None = str(old)
    if spec.finding is not None:
        tell(draft, spec.finding, context, old)
    if spec.values is not None:
        new = spec.values.get(str(old), str(old) if spec.otherwise == "keep" else None)
        if str(old) not in spec.values and spec.unmapped is not None:
            tell(draft, spec.unmapped, context, old)
    elif spec.template is not None:
        new = render(spec.template, context.variables(draft.manifest, old)).strip() or None
        if new is None and spec.unmapped is not None:
            tell(draft, spec.unmapped, context, old)
    if spec.to is None and spec.keep and new is not None:
        draft.set((*place, key), new)
        return
    if not spec.keep:
        draft.remove((*place, key), prune=spec.to is None or new is None)
    if spec.to is not None and new is not None and draft.get((*place, spec.to)) is None:
        draft.set((*place, spec.to), new)


def _rename(spec: RenameAction) -> Step:
    path = Path(spec.path)

    def step(draft: Draft, base: Parts, _context: Context) -> None:
        for parts, mapping in path.find(draft.get(base)):
            if isinstance(mapping, dict) and spec.from_ in mapping:
                value = mapping[spec.from_]
                draft.remove((*base, *parts, spec.from_), prune=False)
                if spec.to not in mapping:
                    draft.set((*base, *parts, spec.to), value)

    return step


def _map(spec: MapAction) -> Step:
    path = Path(spec.path)

    def step(draft: Draft, base: Parts, context: Context) -> None:
        table = context.param(spec.parameter) if spec.parameter is not None else spec.table
        table = table if isinstance(table, dict) else {}
        for parts, value in reversed(path.find(draft.get(base))):
            if isinstance(value, str) and value in table:
                draft.set((*base, *parts), _copy(table[value]))
            elif value not in table.values():
                if spec.unmapped is not None:
                    tell(draft, spec.unmapped, context, value)
                if spec.otherwise == "drop":
                    draft.remove((*base, *parts))

    return step


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
