"""Velero's resource modifiers (`version: v1`, `resourceModifierRules`) as a rule set.

Semantics follow Velero's internal/resourcemodifiers: a rule's conditions look at the object as it was before
any of the file's rules; of patches, mergePatches and strategicPatches the first kind that is there is used; a
JSON patch's value is text, which is a number, boolean, null, object or list if it looks like one, and text if
it has quotes of its own; a failed `test` leaves the object alone. Namespaces are the source's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from migration_ops.bad_input import yaml_problem
from migration_ops.transform.errors import RuleSetError, model_problems
from migration_ops.transform.rules import (
    Action,
    Condition,
    JsonPatchOperation,
    Pattern,
    Rule,
    RuleSet,
    ValueTest,
)
from migration_ops.transform.yamlio import load_all


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Match(_Model):
    path: str
    value: str = ""


class _Conditions(_Model):
    namespaces: list[str] = []
    group_resource: str = Field(alias="groupResource")
    resource_name_regex: Pattern = Field(default="", alias="resourceNameRegex")
    label_selector: dict[str, Any] | None = Field(default=None, alias="labelSelector")
    matches: list[_Match] = []


class _JsonPatch(_Model):
    operation: str
    path: str
    from_: str = Field(default="", alias="from")
    value: str = ""


class _PatchData(_Model):
    patch_data: str = Field(alias="patchData")


class _ModifierRule(_Model):
    conditions: _Conditions
    patches: list[_JsonPatch] = []
    merge_patches: list[_PatchData] = Field(default=[], alias="mergePatches")
    strategic_patches: list[_PatchData] = Field(default=[], alias="strategicPatches")

    @model_validator(mode="after")
    def _has_a_patch(self) -> _ModifierRule:
        if not (self.patches or self.merge_patches or self.strategic_patches):
            raise ValueError("give patches, mergePatches or strategicPatches")
        return self


class _Modifiers(_Model):
    version: str
    rules: list[_ModifierRule] = Field(alias="resourceModifierRules")

    @model_validator(mode="after")
    def _known_version(self) -> _Modifiers:
        if self.version != "v1":
            raise ValueError(
                f"version {self.version!r} isn't known; Velero's resource modifiers have version v1"
            )
        return self


def is_velero(document: Any) -> bool:
    """Whether a document is a resource modifier file, alone or in its ConfigMap.

    :param document: what was read.
    """
    return isinstance(document, dict) and ("resourceModifierRules" in document or _in_config_map(document))


def read_velero(
    document: dict[str, Any], *, source: str, name: str, line_of: Callable[[Sequence[str | int]], int]
) -> RuleSet:
    """Read resource modifiers as a rule set.

    :param document: the file, or a ConfigMap with the file as its only value.
    :param source: what errors call the file.
    :param name: what the rule set is called.
    :param line_of: gives the line of a field.
    :raises RuleSetError: with one line per problem.
    """
    if _in_config_map(document):
        (text,) = document["data"].values()
        document = next(iter(load_all(text)))
    try:
        modifiers = _Modifiers.model_validate(document)
        rules = [_rule(number, rule) for number, rule in enumerate(modifiers.rules, start=1)]
    except ValidationError as error:
        raise RuleSetError(source, model_problems(error, line_of)) from error
    except yaml.YAMLError as error:
        raise RuleSetError(source, [f": a text inside isn't YAML: {yaml_problem(error)[1]}"]) from error
    except ValueError as error:
        raise RuleSetError(source, [f": {error}"]) from error
    return RuleSet(
        apiVersion="migration-ops/v1",
        kind="RuleSet",
        name=re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.") or "velero",
        description="Velero resource modifiers",
        rules=rules,
    )


def _in_config_map(document: Any) -> bool:
    if not isinstance(document, dict) or document.get("kind") != "ConfigMap":
        return False
    values = list((document.get("data") or {}).values())
    return len(values) == 1 and "resourceModifierRules" in str(values[0])


def _rule(number: int, rule: _ModifierRule) -> Rule:
    conditions = rule.conditions
    when = Condition(
        resource=conditions.group_resource,
        name_matches=conditions.resource_name_regex or None,
        namespace=[*conditions.namespaces, ""] if conditions.namespaces else None,
        label_selector=conditions.label_selector,
        values=[
            ValueTest(path=_jsonpath(match.path), equals=_typed(match.value)) for match in conditions.matches
        ]
        or None,
    )
    return Rule(name=f"rule-{number}", when=when, on_original=True, do=_actions(rule))


def _actions(rule: _ModifierRule) -> list[Action]:
    if rule.patches:
        return [Action(json_patch=[_operation(patch) for patch in rule.patches])]
    if rule.merge_patches:
        return [Action(merge_patch=_data(patch)) for patch in rule.merge_patches]
    return [Action(strategic_merge_patch=_data(patch)) for patch in rule.strategic_patches]


def _operation(patch: _JsonPatch) -> JsonPatchOperation:
    fields: dict[str, Any] = {"op": patch.operation, "path": patch.path}
    if patch.from_:
        fields["from"] = patch.from_
    if patch.operation in {"add", "replace", "test"}:
        fields["value"] = _typed(patch.value)
    return JsonPatchOperation.model_validate(fields)


def _data(patch: _PatchData) -> dict[str, Any]:
    data = next(iter(load_all(patch.patch_data)), None)
    if not isinstance(data, dict):
        raise ValueError(  # noqa: TRY004 - read_velero() reports values, not types
            f"patchData must be a mapping, this is {patch.patch_data!r}"
        )
    return data


def _typed(text: str) -> Any:
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    try:
        return orjson.loads(text.lower() if text.lower() in {"true", "false"} else text)
    except orjson.JSONDecodeError:
        if text.startswith(("{", "[")):
            raise ValueError(f"{text!r} begins like JSON, but isn't") from None
        return text


def _jsonpath(pointer: str) -> str:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if not parts:
        raise ValueError(f"{pointer!r} is no JSON pointer; it begins with /")
    return "$" + "".join(
        f"[{part}]" if part.isdigit() else f"[{orjson.dumps(part).decode()}]" for part in parts
    )
