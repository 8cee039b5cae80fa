"""Rule sets over objects: every rule over every object, in order; then what concerns all objects together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.images import image_copies
from migration_ops.transform.objects import Manifest, copy_manifest, reference
from migration_ops.transform.order import apply_order
from migration_ops.transform.parameters import Parameters
from migration_ops.transform.program import Program
from migration_ops.transform.provider import recognise_provider
from migration_ops.transform.results import Finding, TransformResult, by_severity
from migration_ops.transform.rule_parameters import resolve_params
from migration_ops.transform.rules import RuleSet
from migration_ops.transform.selected_labels import keep_selected_labels
from migration_ops.transform.shapes import shape_problems

SHAPE = "engine/shape"
ONE_OBJECT_A_NAME = "engine/one-object-a-name"


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
        _check_shape(draft)
        program.run(draft)
    drafts += _created(drafts, program)
    keep_selected_labels(drafts, originals)
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


def _check_shape(draft: Draft) -> None:
    draft.rule = SHAPE
    for problem in shape_problems(draft.manifest):
        draft.find(
            "blocker",
            f"it isn't shaped like {draft.manifest['kind']} of {draft.manifest['apiVersion']}: {problem}",
            "correct the manifest, or leave the object out",
        )


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
        at_one_place = len({_place(draft) for draft in sharing}) == 1
        if at_one_place and all(_is_same(first, draft) for draft in others):
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
                f"{name} is there {len(sharing)} times, with different contents ({references})"
                if at_one_place
                else f"{references} all become {name}",
                "leave all but one out"
                if at_one_place
                else "map their namespaces to different ones, or leave all but one out",
            )
        )
    return findings


def _is_same(one: Draft, other: Draft) -> bool:
    """Whether two captures are of one object: a server shows it in several versions, with one uid."""
    if one.uid and one.reference != other.reference:
        return True
    return one.manifest == other.manifest


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
