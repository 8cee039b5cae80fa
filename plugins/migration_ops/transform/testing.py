"""Running the examples inside rule files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from migration_ops.transform.engine import transform
from migration_ops.transform.errors import TransformError
from migration_ops.transform.objects import Manifest, reference
from migration_ops.transform.parameters import Parameters
from migration_ops.transform.results import Finding
from migration_ops.transform.rules import ExpectedFinding, RuleSet, RuleTest


def run_test(rule_set: RuleSet, test: RuleTest, brought: Sequence[RuleSet] = ()) -> list[str]:
    """Run one example; give what differs from what it expects, nothing if all is well.

    The result is transformed a second time as well: rules must leave their own results alone.

    :param rule_set: the set that the example belongs to.
    :param test: the example.
    :param brought: sets whose parameters the set uses; their rules aren't run.
    """
    sets = [
        rule_set,
        *(other.model_copy(update={"rules": []}) for other in brought if other.name != rule_set.name),
    ]
    given = test.given if isinstance(test.given, list) else [test.given]
    parameters = Parameters(**test.parameters.model_dump())
    try:
        result = transform(given, sets, parameters)
        again = transform(result.objects, sets, parameters)
    except TransformError as error:
        return [str(error)]
    problems = list(_differences(_as_list(test.expect), result.objects))
    problems += [f"a second run changes {change.object}{change.path}" for change in again.changes]
    if test.findings is not None:
        problems += _finding_differences(test.findings, result.findings)
    return problems


def _as_list(expected: Manifest | list[Manifest] | None) -> list[Manifest]:
    if expected is None:
        return []
    return expected if isinstance(expected, list) else [expected]


def _differences(expected: list[Manifest], actual: list[Manifest]) -> Iterator[str]:
    wanted = {reference(item): item for item in expected}
    found = {reference(item): item for item in actual}
    for name in [*wanted, *(name for name in found if name not in wanted)]:
        if name not in found:
            yield f"{name} is missing from the result"
        elif name not in wanted:
            yield f"{name} isn't expected in the result"
        elif wanted[name] != found[name]:
            yield f"{name} should be\n{_show(wanted[name])}\nbut is\n{_show(found[name])}"


def _show(value: Any) -> str:
    from migration_ops.transform.yamlio import dump

    return dump(value)


def _finding_differences(expected: list[ExpectedFinding], actual: list[Finding]) -> list[str]:
    left = list(actual)
    problems = []
    for wanted in expected:
        match = next((finding for finding in left if _fits(wanted, finding)), None)
        if match is None:
            problems.append(f"no finding {wanted.severity} {wanted.rule or ''} {wanted.message or ''}")
        else:
            left.remove(match)
    problems += [f"unexpected {found.severity} of {found.rule}: {found.message}" for found in left]
    return problems


def _fits(wanted: ExpectedFinding, finding: Finding) -> bool:
    return (
        wanted.severity == finding.severity
        and (wanted.rule is None or finding.rule.endswith(f"/{wanted.rule}"))
        and (wanted.message is None or wanted.message in finding.message)
    )
