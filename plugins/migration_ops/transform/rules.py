"""The language of rule files: the models that a file is read into. The JSON Schema is made from them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from migration_ops.transform.paths import Path
from migration_ops.transform.results import Severity

MAXIMUM_PATTERN = 500


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _jsonpath(text: str) -> str:
    Path(text)
    return text


def _regular_expression(text: str) -> str:
    if len(text) > MAXIMUM_PATTERN:
        raise ValueError(f"a regular expression may have at most {MAXIMUM_PATTERN} characters")
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


Texts = Annotated[
    list[str], BeforeValidator(_as_list), Field(json_schema_extra={"description": "one or several"})
]
JsonPath = Annotated[str, AfterValidator(_jsonpath)]
JsonPaths = Annotated[list[JsonPath], BeforeValidator(_as_list)]
Pattern = Annotated[str, AfterValidator(_regular_expression)]
RuleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=80)]


class Model(BaseModel):
    """What all parts of a rule file share: unknown keys are errors, and no text is taken for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


class ValueTest(Model):
    """A predicate on the values that a JSONPath selects; one value that holds is enough."""

    path: JsonPath
    equals: Any = None
    one_of: list[Any] | None = None
    glob: Texts | None = None
    matches: Pattern | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _one_test(self) -> ValueTest:
        if len(self.model_fields_set - {"path"}) != 1:
            raise ValueError("give exactly one of equals, one_of, glob, matches, exists")
        return self


class Condition(Model):
    """When a rule applies; everything that is given must hold."""

    kind: Texts | None = Field(
        None,
        description="`Kind` (of Kubernetes' own groups) or `group/Kind`; globs; `core/Kind` for the core group",
    )
    resource: str | None = Field(
        None,
        description="glob over `resources.group` (`deployments.apps`, core: `pods`); `*` stays within a part",
    )
    api_version: Texts | None = Field(None, description="globs")
    namespace: Texts | None = Field(None, description="globs; the source's namespace")
    name: Texts | None = Field(None, description="globs")
    name_matches: Pattern | None = None
    labels: str | dict[str, str | None] | None = Field(
        None,
        description="a label selector, or labels with a glob for the value (null: any value); keys may be globs",
    )
    label_selector: dict[str, Any] | None = Field(
        None, description="matchLabels, matchExpressions as in the API"
    )
    annotations: dict[str, str | None] | None = Field(None, description="as `labels`, for annotations")
    jsonpath: JsonPaths | None = Field(None, description="each must select something")
    values: list[ValueTest] | None = None
    provider: Texts | None = Field(None, description="the source's provider")
    params: dict[str, Any] | None = Field(
        None,
        description="parameters by dotted name and the value that they must have (true: set, false: not set)",
    )
    any: list[Condition] | None = None
    not_: Condition | None = Field(None, alias="not")


class FindingSpec(Model):
    """What a person is told; texts are templates."""

    severity: Severity
    message: str
    suggestion: str = ""
    choices: list[str] = []


class Translation(Model):
    """What becomes of one annotation or label."""

    to: str | None = Field(
        None, description="the new key; without it the old one is dropped, or kept with `keep`"
    )
    keep: bool = False
    values: dict[str, str] | None = Field(None, description="old value to new value; others: see `otherwise`")
    template: str | None = Field(
        None, description="Jinja; `value` is the old value; empty result: no annotation"
    )
    otherwise: Literal["keep", "drop"] = Field("drop", description="for values that `values` hasn't")
    finding: FindingSpec | None = Field(None, description="always told when the key is there")
    unmapped: FindingSpec | None = Field(None, description="told when the value has no translation")


class SetAction(Model):
    """Put a value at a path."""

    path: JsonPath
    value: Any = None
    parameter: str | None = Field(None, description="dotted name of the parameter to take the value from")
    only: Literal["always", "missing", "present"] = "always"


class MapAction(Model):
    """Replace values at a path by a table."""

    path: JsonPath
    table: dict[str, Any] | None = None
    parameter: str | None = Field(None, description="dotted name of a parameter that holds the table")
    otherwise: Literal["keep", "drop"] = "keep"
    unmapped: FindingSpec | None = None


class RenameAction(Model):
    """Rename a key of the mapping at a path."""

    path: JsonPath = Field(description="the mapping")
    from_: str = Field(alias="from")
    to: str


class ApiVersion(Model):
    """One version of a kind."""

    api_version: str
    since: str | None = Field(None, description="first Kubernetes version that serves it")
    removed: str | None = Field(None, description="first Kubernetes version that doesn't")


class ConvertAction(Model):
    """Bring a kind to the best version that the target serves."""

    versions: list[ApiVersion] = Field(description="preferred first")
    using: str | None = Field(None, description="a converter; without one only apiVersion changes")


class JsonPatchOperation(Model):
    """One operation of RFC 6902."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str
    from_: str | None = Field(None, alias="from")
    value: Any = None


class Action(Model):
    """One step; exactly one key."""

    set: SetAction | None = None
    remove: JsonPaths | None = None
    remove_annotations: Texts | None = Field(None, description="globs of keys")
    remove_labels: Texts | None = Field(None, description="globs of keys")
    annotations: dict[str, Translation] | None = Field(None, description="translations by key")
    labels: dict[str, Translation] | None = None
    rename: RenameAction | None = None
    map: MapAction | None = None
    json_patch: list[JsonPatchOperation] | None = None
    merge_patch: dict[str, Any] | None = None
    strategic_merge_patch: dict[str, Any] | None = None
    convert: ConvertAction | None = None
    create: dict[str, Any] | None = Field(None, description="another object; texts are templates")
    call: str | None = Field(None, description="an adapter written in Python")
    drop: str | None = Field(None, description="leave the object out; the text says why")
    finding: FindingSpec | None = None

    @model_validator(mode="after")
    def _one_action(self) -> Action:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"give exactly one action, one of {', '.join(type(self).model_fields)}")
        return self


class Rule(Model):
    """What is done to objects that meet a condition."""

    name: RuleName
    description: str = ""
    when: Condition = Condition()
    on_original: bool = Field(False, description="`when` looks at the object as it was before this rule set")
    scope: Literal["object", "pod", "container", "claim"] = Field(
        "object",
        description="pod: every pod template; container: every container; claim: claims and claim templates",
    )
    where: Condition | None = Field(None, description="further conditions on what the scope selects")
    do: Annotated[list[Action], Field(min_length=1)]


class Parameter(Model):
    """A question that a rule set asks the plan."""

    description: str
    default: Any = None
    type: Literal["text", "number", "boolean", "mapping", "list"] = "text"


class ExpectedFinding(Model):
    """A finding that a test expects; the message is a part of the whole."""

    severity: Severity
    rule: str | None = None
    message: str | None = None


class RuleTest(Model):
    """An example that proves a rule set: `make test` runs it."""

    name: str
    parameters: dict[str, Any] = Field({}, description="as the keys of a plan's transform section")
    given: dict[str, Any] | list[dict[str, Any]]
    expect: dict[str, Any] | list[dict[str, Any]] | None = Field(
        None, description="null: everything is dropped"
    )
    findings: list[ExpectedFinding] | None = None


class Brought(Model):
    """Other rule sets that come along."""

    before: list[str] = []
    after: list[str] = []


class Defaults(Model):
    """What a rule set proposes where the plan says nothing."""

    storage_classes: dict[str, str] = Field({}, description="used where no entry of the plan fits")


class RuleSet(Model):
    """A rule file."""

    api_version: Literal["migration-ops/v1"] = Field(alias="apiVersion")
    kind: Literal["RuleSet"]
    name: RuleName
    description: str
    provider: str | None = Field(None, description="the source that the set is for")
    brings: Brought = Brought()
    parameters: dict[str, Parameter] = {}
    defaults: Defaults = Defaults()
    rules: list[Rule] = []
    tests: list[RuleTest] = []

    @model_validator(mode="after")
    def _names_are_unique(self) -> RuleSet:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.name in seen:
                raise ValueError(f"two rules are called {rule.name!r}; reports name a change's rule")
            seen.add(rule.name)
        return self
