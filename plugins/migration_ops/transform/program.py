"""Rule sets compiled for one run: which rules can hold at all, and for which kinds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migration_ops.transform.actions import Step, compile_action
from migration_ops.transform.conditions import Predicate, compile_condition, is_glob
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.errors import RuleExecutionError
from migration_ops.transform.objects import (
    POD_TEMPLATE_PATHS,
    Manifest,
    Parts,
    claims,
    containers,
    pod_templates,
)
from migration_ops.transform.rules import Rule, RuleSet

# Where a scope can select anything at all.
KINDS_WITH: dict[str, Sequence[str]] = {
    "object": ("*",),
    "pod": tuple(POD_TEMPLATE_PATHS),
    "container": tuple(POD_TEMPLATE_PATHS),
    "claim": (*POD_TEMPLATE_PATHS, "PersistentVolumeClaim"),
}


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
        try:
            judged = draft.before_rule_set(self.rule_set) if self.on_original else manifest
            if not self.when(judged, judged):
                return
            draft.rule = self.name
            for base in list(scoped(self.scope, manifest)):
                if self.where(draft.get(base), manifest):
                    for step in self.steps:
                        step(draft, base, context)
        except RuleExecutionError as error:
            draft.find("blocker", str(error), "correct the rule, or leave the object out")
        except MemoryError:
            raise  # of the process, not of this object
        except (TypeError, ValueError, LookupError, AttributeError):
            # A text where the API has a list, and the like: no server would have taken such an object.
            draft.rule = self.name
            draft.find(
                "blocker",
                f"it isn't shaped like {manifest['kind']} of {manifest['apiVersion']}: a field or "
                "parameter that the rule looks at has another type",
                "correct the manifest (`kubectl apply --dry-run=server` names the field), or the parameter",
            )
        except Exception as error:  # noqa: BLE001 (one damaged object must not keep the others back)
            draft.rule = self.name
            name = f"{type(error).__module__}.{type(error).__qualname__}"
            draft.find(
                "blocker",
                f"something in it can't be read: {name}: {error}",
                "correct the object in the source, or leave it out",
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
