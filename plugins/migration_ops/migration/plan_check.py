"""What a valid plan names outside of its file: rule sets with their parameters, notifiers' classes.

Reading a plan touches nothing but its file, as every DAG file does it at each parse; `plan check` looks at
these too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from migration_ops.migration.adaptation import RULES_FOLDER_VARIABLE, rule_parameters
from migration_ops.migration.errors import PlanError
from migration_ops.migration.notifier_class import is_installed, trouble_with
from migration_ops.migration.plan_file import load_plan, problems_in

if TYPE_CHECKING:
    from migration_ops.migration.plan import Plan
    from migration_ops.transform.rules import RuleSet

Finding = tuple[tuple[int | str, ...], str]


def check_plan(path: Path) -> tuple[Plan, list[str]]:
    """Read a plan, and look whether there is what it names.

    :returns: the plan, and what could not be looked at here.
    :raises PlanError: with every problem of the file; or, where the file is right, of what it names.
    """
    plan = load_plan(path)
    found = [*_namespaces(plan), *_rules(plan), *_notifiers(plan)]
    if found:
        raise PlanError(path, problems_in(path, found))
    notes = []
    if plan.notify and not is_installed("airflow"):
        notes.append("Airflow is not installed here, so `notify` was not looked at")
    return plan, notes


def _namespaces(plan: Plan) -> Iterator[Finding]:
    from migration_ops.cluster import Selection
    from migration_ops.cluster.selection import KUBERNETES_OWN

    for number, name in enumerate(plan.select.namespaces.include):
        if name in KUBERNETES_OWN:
            yield (
                ("select", "namespaces", "include", number),
                f"{name} is Kubernetes' own and always stays; take it out of the list",
            )
    for source, target in plan.namespaces.items():
        if Selection().is_platform_namespace(target):
            yield (
                ("namespaces", source),
                f"{target} belongs to the target's platform; choose a namespace of the application's own",
            )


def _rules(plan: Plan) -> Iterator[Finding]:
    from migration_ops.transform import RuleSetError, load_rule_sets

    folder = os.environ.get(RULES_FOLDER_VARIABLE)
    rule_sets: list[RuleSet] = []
    complete = True
    for number, name in enumerate(plan.transform.rules):
        try:
            rule_sets += load_rule_sets([name], search_path=Path(folder) if folder else None)
        except RuleSetError as error:
            complete = False
            for line in error.lines():
                yield ("transform", "rules", number), line
    if complete:  # else parameters of the set that is missing would be taken for unknown
        yield from _parameters(plan, rule_sets)


def _parameters(plan: Plan, rule_sets: list[RuleSet]) -> Iterator[Finding]:
    from migration_ops.transform import ParameterError, Parameters
    from migration_ops.transform.rule_parameters import resolve_params

    try:
        rule_parameters(plan)
    except ParameterError as error:
        yield ("transform",), str(error)
    for name, value in plan.transform.params.items():
        try:
            resolve_params(rule_sets, Parameters(params={name: value}))
        except ParameterError as error:
            yield ("transform", "params", name), str(error)


def _notifiers(plan: Plan) -> Iterator[Finding]:
    if is_installed("airflow"):
        for number, entry in enumerate(plan.notify):
            trouble = trouble_with(entry.notifier)
            if trouble:
                yield ("notify", number, "notifier"), trouble
