"""Rule sets over objects: compile once, run every rule over every object, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migration_ops.transform.actions import Step, compile_action
from migration_ops.transform.conditions import Predicate, compile_condition, is_glob
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.errors import RuleExecutionError
from migration_ops.transform.images import image_copies
from migration_ops.transform.objects import (
    POD_TEMPLATE_PATHS,
    Manifest,
    Parts,
    claims,
    containers,
    copy_manifest,
    pod_templates,
    reference,
)
from migration_ops.transform.order import apply_order
from migration_ops.transform.parameters import Parameters
from migration_ops.transform.provider import recognise_provider
from migration_ops.transform.results import Finding, TransformResult, by_severity
from migration_ops.transform.rule_parameters import resolve_params
from migration_ops.transform.rules import Rule, RuleSet

# Where a scope can select anything at all.
KINDS_WITH: dict[str, Sequence[str]] = {
    "object": ("*",),
    "pod": tuple(POD_TEMPLATE_PATHS),
    "container": tuple(POD_TEMPLATE_PATHS),
    "claim": (*POD_TEMPLATE_PATHS, "PersistentVolumeClaim"),
}
ONE_OBJECT_A_NAME = "engine/one-object-a-name"


@dataclass(frozen=True)
class CompiledRule:
    """A rule that can hold in this run.

    :param name: `rule set/rule`.
    :param rule_set: the set's name.
    :param position: its place among all rules.
    :param on_original: whether the condition looks at the object as it was before the set.
    :param kinds: kinds that it can be about; None: any.
    :param when: the condition on the object.
    :param scope: which parts it works on.
    :param where: the condition on a part.
    :param steps: what it does.
    """

    name: str
    rule_set: str
    position: int
    on_original: bool
    kinds: frozenset[str] | None
    when: Predicate
    scope: str
    where: Predicate
    steps: tuple[Step, ...]

    def run(self, draft: Draft, context: Context) -> None:
        """Apply the rule to an object, if its conditions hold.

        :param draft: the object.
        :param context: what it may know.
        """
        manifest = draft.manifest
        judged = draft.before_rule_set(self.rule_set) if self.on_original else manifest
        if not self.when(judged, judged):
            return
        draft.rule = self.name
        try:
            for base in list(scoped(self.scope, manifest)):
                if self.where(draft.get(base), manifest):
                    for step in self.steps:
                        step(draft, base, context)
        except RuleExecutionError as error:
            draft.find("blocker", str(error), "correct the rule, or leave the object out")


def transform(
    objects: Sequence[Manifest], rule_sets: Sequence[RuleSet], parameters: Parameters
) -> TransformResult:
    """Adapt objects to the target. The input stays as it is; the same input gives the same output.

    A rule that fails on an object is a blocker among the findings.

    :param objects: manifests as captured.
    :param rule_sets: what to apply, in order.
    :param parameters: the migration's answers.
    :raises ManifestError: on something that is no manifest.
    :raises ParameterError: on parameters that no rule set knows, or that have the wrong type.
    """
    originals = [copy_manifest(item) for item in objects]
    context = Context(
        parameters=parameters,
        params=resolve_params(rule_sets, parameters),
        storage_classes=(parameters.storage_classes, _proposed_classes(rule_sets)),
        provider=parameters.source_provider or recognise_provider(originals),
        objects=originals,
    )
    program = Program(rule_sets, context)
    drafts = [Draft(copy_manifest(item)) for item in originals]
    for draft in drafts:
        program.run(draft)
    drafts += _created(drafts, program)
    findings = [*_provider_findings(rule_sets, context), *_one_object_a_name(drafts)]
    kept = [draft for draft in drafts if draft.dropped is None]
    findings += [finding for draft in drafts for finding in _still_true(draft)]
    return TransformResult(
        objects=apply_order([draft.manifest for draft in kept]),
        changes=[change for draft in kept for change in draft.changes],
        findings=by_severity(findings),
        dropped=[draft.dropped for draft in drafts if draft.dropped is not None],
        image_copies=image_copies(kept),
    )


class Program:
    """Compiled rule sets for one run.

    :param rule_sets: the sets, in order.
    :param context: what rules may know.
    """

    def __init__(self, rule_sets: Sequence[RuleSet], context: Context) -> None:
        self.context = context
        rules = [(rule_set, rule) for rule_set in rule_sets for rule in rule_set.rules]
        self._rules = [
            compiled
            for position, (rule_set, rule) in enumerate(rules)
            if (compiled := _compile(rule_set, rule, position, context))
        ]
        self._by_kind: dict[str, list[CompiledRule]] = {}

    def run(self, draft: Draft) -> None:
        """Apply all rules to an object until one drops it.

        :param draft: the object.
        """
        kind, done = draft.manifest["kind"], -1
        remaining = iter(self._rules_for(kind))
        while (rule := next(remaining, None)) is not None:
            rule.run(draft, self.context)
            done = rule.position
            if draft.dropped is not None:
                return
            if draft.manifest["kind"] != kind:  # it became something else: later rules may be about that
                kind = draft.manifest["kind"]
                remaining = (later for later in self._rules_for(kind) if later.position > done)

    def _rules_for(self, kind: str) -> list[CompiledRule]:
        if kind not in self._by_kind:
            self._by_kind[kind] = [rule for rule in self._rules if rule.kinds is None or kind in rule.kinds]
        return self._by_kind[kind]


def _compile(rule_set: RuleSet, rule: Rule, position: int, context: Context) -> CompiledRule | None:
    when, where = compile_condition(rule.when, context), compile_condition(rule.where, context)
    if when is None or where is None:
        return None
    kinds = [pattern.rpartition("/")[2] for pattern in rule.when.kind or KINDS_WITH[rule.scope]]
    return CompiledRule(
        name=f"{rule_set.name}/{rule.name}",
        rule_set=rule_set.name,
        position=position,
        on_original=rule.on_original,
        kinds=None if any(is_glob(kind) for kind in kinds) else frozenset(kinds),
        when=when,
        scope=rule.scope,
        where=where,
        steps=tuple(compile_action(action) for action in rule.do),
    )


def scoped(scope: str, manifest: Manifest) -> Iterable[Parts]:
    """Give the places that a scope selects in an object.

    :param scope: `object`, `pod`, `container` or `claim`.
    :param manifest: the object.
    """
    if scope == "object":
        return [()]
    if scope == "claim":
        return claims(manifest)
    templates = list(pod_templates(manifest))
    if scope == "pod":
        return templates
    return [place for template in templates for place in containers(manifest, template)]


def _still_true(draft: Draft) -> list[Finding]:
    """Give an object's findings; of one that is left out, only what the rule said that left it out."""
    if draft.dropped is None:
        return draft.findings
    return [finding for finding in draft.findings if finding.rule == draft.dropped.rule]


def _proposed_classes(rule_sets: Sequence[RuleSet]) -> dict[str, str]:
    proposed: dict[str, str] = {}
    for rule_set in rule_sets:
        proposed = {**rule_set.defaults.storage_classes, **proposed}
    return proposed


def _created(drafts: Sequence[Draft], program: Program) -> list[Draft]:
    known = {reference(draft.manifest) for draft in drafts}
    added: list[Draft] = []
    for rule, item in [created for draft in drafts for created in draft.created]:
        if reference(item) in known:
            continue
        known.add(reference(item))
        draft = Draft(copy_manifest(item))
        draft.rule = rule
        draft.find("info", "this object is new: the target needs it", "review it before it is applied")
        program.run(draft)
        added.append(draft)
    return added


def _one_object_a_name(drafts: Sequence[Draft]) -> list[Finding]:
    """Drop further captures of one object (servers show an Ingress in two groups); report collisions."""
    owners: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.dropped is None:
            owners[reference(draft.manifest)].append(draft)
    findings = []
    for name, sharing in owners.items():
        if len(sharing) == 1:
            continue
        first, *others = sorted(sharing, key=lambda draft: draft.reference != name)
        if len({_place(draft) for draft in sharing}) == 1:
            for draft in others:
                draft.rule = ONE_OBJECT_A_NAME
                draft.drop(f"it is the same object as {first.reference}")
            continue
        references = " and ".join(draft.reference for draft in sharing)
        findings.append(
            Finding(
                first.reference,
                "blocker",
                ONE_OBJECT_A_NAME,
                f"{references} all become {name}",
                "map their namespaces to different ones, or leave all but one out",
            )
        )
    return findings


def _place(draft: Draft) -> tuple[str, str]:
    """Where the source has the object: in whatever versions it is shown, there is one of a kind."""
    _, _, place = draft.reference.partition(f"/{draft.manifest['kind']}/")
    return (draft.uid, place)


def _provider_findings(rule_sets: Sequence[RuleSet], context: Context) -> list[Finding]:
    meant = [(rule_set.name, rule_set.provider) for rule_set in rule_sets if rule_set.provider is not None]
    if context.provider is None or not meant or any(provider == context.provider for _, provider in meant):
        return []
    return [
        Finding(
            "",
            "warning",
            "engine/provider",
            f"the source looks like {context.provider}, but {meant[0][0]} is for {meant[0][1]}",
            f"use {context.provider}-to-ack, or say source_provider if the recognition is wrong",
        )
    ]
