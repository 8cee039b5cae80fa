"""The language of rule files: the models that a file is read into. The JSON Schema is made from them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from migration_ops.bad_input import in_form
from migration_ops.transform.paths import compiled
from migration_ops.transform.results import Severity

MAXIMUM_PATTERN = 500


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _jsonpath(text: str) -> str:
    compiled(text)
    return text


def _regular_expression(text: str) -> str:
    if len(text) > MAXIMUM_PATTERN:
        raise ValueError(f"a regular expression may have at most {MAXIMUM_PATTERN} characters")
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


ONE_OR_SEVERAL = BeforeValidator(_as_list, json_schema_input_type=str | list[str])
Texts = Annotated[list[str], ONE_OR_SEVERAL, Field(json_schema_extra={"description": "one or several"})]
JsonPath = Annotated[str, AfterValidator(_jsonpath)]
JsonPaths = Annotated[list[JsonPath], ONE_OR_SEVERAL]
Pattern = Annotated[str, AfterValidator(_regular_expression)]
RULE_NAME = r"^[a-z0-9][a-z0-9.-]*$"
RuleName = Annotated[
    str,
    in_form(RULE_NAME, "a name: lower case letters, digits, dots and hyphens"),
    Field(json_schema_extra={"pattern": RULE_NAME}, max_length=80),
]


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
        default=None,
        description="`Kind` (of Kubernetes' own groups) or `group/Kind`; globs; `core` is the core group",
    )
    resource: str | None = Field(
        default=None,
        description="glob over `resources.group` (`deployments.apps`, core: `pods`); `*` stays within a part",
    )
    api_version: Texts | None = Field(default=None, description="globs")
    namespace: Texts | None = Field(default=None, description="globs; the source's namespace")
    name: Texts | None = Field(default=None, description="globs")
    name_matches: Pattern | None = None
    labels: str | dict[str, str | None] | None = Field(
        default=None,
        description="a label selector; or labels with a glob for the value (null: any); keys may be globs",
    )
    label_selector: dict[str, Any] | None = Field(
        default=None, description="matchLabels, matchExpressions as in the API"
    )
    annotations: dict[str, str | None] | None = Field(
        default=None, description="as `labels`, for annotations"
    )
    jsonpath: JsonPaths | None = Field(default=None, description="each must select something")
    values: list[ValueTest] | None = None
    provider: Texts | None = Field(default=None, description="the source's provider")
    ingress_controller: Texts | None = Field(
        default=None,
        description="globs; the controller of an Ingress's class (or of the IngressClass itself), whatever "
        "the class is called; `class:NAME` where no such IngressClass came along, empty without a class",
    )
    params: dict[str, Any] | None = Field(
        default=None,
        description="parameters by dotted name and the value that they must have (true: set, false: not set)",
    )
    any: list[Condition] | None = None
    not_: Condition | None = Field(default=None, alias="not")


class FindingSpec(Model):
    """What a person is told; texts are templates."""

    severity: Severity
    message: str
    suggestion: str = ""
    choices: list[str] = []


class Translation(Model):
    """What becomes of one annotation or label."""

    to: str | None = Field(
        default=None, description="the new key; without it the old one is dropped, or kept with `keep`"
    )
    keep: bool = False
    values: dict[str, str] | None = Field(
        default=None, description="old value to new value; others: see `otherwise`"
    )
    template: str | None = Field(
        default=None, description="Jinja; `value` is the old value; empty result: no annotation"
    )
    otherwise: Literal["keep", "drop"] = Field(default="drop", description="for values that `values` hasn't")
    finding: FindingSpec | None = Field(default=None, description="always told when the key is there")
    unmapped: FindingSpec | None = Field(default=None, description="told when the value has no translation")


class TranslationTable(Model):
    """Translations of annotations or labels."""

    prefix: str = Field(default="", description="put before each key of the table")
    to_prefix: str = Field(default="", description="put before each `to` that has no slash")
    table: dict[str, Translation]
    rest: Translation | None = Field(
        default=None, description="for keys with the prefix that the table lacks; without it they stay"
    )
    leave: list[str] = Field(
        default=[], description="globs of keys, after the prefix, that `rest` leaves alone"
    )


class SetAction(Model):
    """Put a value at a path."""

    path: JsonPath
    value: Any = None
    parameter: str | None = Field(
        default=None, description="dotted name of the parameter to take the value from"
    )
    only: Literal["always", "missing", "present"] = "always"


class MapAction(Model):
    """Replace values at one or several paths by a table."""

    path: JsonPaths
    table: dict[str, Any] | None = None
    parameter: str | None = Field(default=None, description="dotted name of a parameter that holds the table")
    plan: Literal["namespaces"] | None = Field(default=None, description="a mapping of the plan is the table")
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
    since: str | None = Field(default=None, description="first Kubernetes version that serves it")
    removed: str | None = Field(default=None, description="first Kubernetes version that doesn't")


class ConvertAction(Model):
    """Bring a kind to the best version that the target serves."""

    versions: list[ApiVersion] = Field(description="preferred first")
    using: str | None = Field(default=None, description="a converter; without one only apiVersion changes")


class JsonPatchOperation(Model):
    """One operation of RFC 6902."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str
    from_: str | None = Field(default=None, alias="from")
    value: Any = None


class Action(Model):
    """One step; exactly one key."""

    set: SetAction | None = None
    remove: JsonPaths | None = None
    remove_annotations: Texts | None = Field(default=None, description="globs of keys")
    remove_labels: Texts | None = Field(default=None, description="globs of keys")
    annotations: TranslationTable | None = None
    labels: TranslationTable | None = None
    rename: RenameAction | None = None
    map: MapAction | None = None
    json_patch: list[JsonPatchOperation] | None = None
    merge_patch: dict[str, Any] | None = None
    strategic_merge_patch: dict[str, Any] | None = None
    convert: ConvertAction | None = None
    create: dict[str, Any] | None = Field(default=None, description="another object; texts are templates")
    call: str | None = Field(default=None, description="an adapter written in Python")
    drop: str | None = Field(default=None, description="leave the object out; the text says why")
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
    on_original: bool = Field(
        default=False, description="`when` looks at the object as it was before this rule set"
    )
    scope: Literal["object", "pod", "container", "claim"] = Field(
        default="object",
        description="pod: every pod template; container: every container; claim: claims and claim templates",
    )
    where: Condition | None = Field(default=None, description="further conditions on what the scope selects")
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


class TestParameters(Model):
    """What a test says as a plan would."""

    storage_classes: dict[str, str] = {}
    image_registries: dict[str, str] = {}
    namespaces: dict[str, str] = {}
    params: dict[str, Any] = {}
    target_version: str | None = None
    target_apis: list[str] | None = None
    source_provider: str | None = None


class RuleTest(Model):
    """An example that proves a rule set; the set alone is run, without what it brings along."""

    name: str
    parameters: TestParameters = TestParameters()
    given: dict[str, Any] | list[dict[str, Any]]
    expect: dict[str, Any] | list[dict[str, Any]] | None = Field(
        description="in the order of names; null: everything is dropped"
    )
    findings: list[ExpectedFinding] | None = Field(default=None, description="all of them, in any order")


class Brought(Model):
    """Other rule sets that come along."""

    before: list[str] = []
    after: list[str] = []


class Defaults(Model):
    """What a rule set proposes where the plan says nothing."""

    storage_classes: dict[str, str] = Field(default={}, description="used where no entry of the plan fits")


class RuleSet(Model):
    """A rule file."""

    api_version: Literal["migration-ops/v1"] = Field(alias="apiVersion")
    kind: Literal["RuleSet"]
    name: RuleName
    description: str
    provider: str | None = Field(default=None, description="the source that the set is for")
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
