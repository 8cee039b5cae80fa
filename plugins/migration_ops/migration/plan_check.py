"""What a valid plan names outside of its file: rule sets with their parameters, notifiers' classes.

Reading a plan touches nothing but its file, as every DAG file does it at each parse; `plan check`, and the
one DAG file that makes import errors of mistakes, look at these too. No network, and nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration_ops.migration.adaptation import rule_parameters
from migration_ops.migration.errors import PlanError, PlansError
from migration_ops.migration.notifier_class import is_installed, trouble_with
from migration_ops.migration.plan_file import load_plan, plan_files, problems_in, read_files

if TYPE_CHECKING:
    from migration_ops.migration.plan import Plan
    from migration_ops.transform.rules import RuleSet

Finding = tuple[tuple[int | str, ...], str]
_State = tuple[tuple[str, int, int], ...]


def check_plan(path: Path) -> tuple[Plan, list[str]]:
    """Read a plan, and look whether there is what it names.

    :returns: the plan, and what could not be looked at here.
    :raises PlanError: with every problem of the file; or, where the file is right, of what it names.
    """
    plan = load_plan(path)
    if error := _trouble(path, plan):
        raise error
    notes = []
    if plan.notify and not is_installed("airflow"):
        notes.append("Airflow is not installed here, so `notify` was not looked at")
    return plan, notes


def check_plans(folder: Path | str) -> None:
    """Refuse a folder with plans that can't be used as they are, with all that `check_plan` finds.

    :raises PlanError: naming every problem of the one file that has any.
    :raises PlansError: naming each file, if it is several.
    """
    plans, errors = read_files(plan_files(folder))
    errors += [error for path, plan in plans.items() if (error := _trouble(path, plan))]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise PlansError(sorted(errors, key=lambda error: error.path))


def _trouble(path: Path, plan: Plan) -> PlanError | None:
    found = [*_namespaces(plan), *_rules(plan), *_notifiers(plan)]
    return PlanError(path, problems_in(path, found)) if found else None


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
    rule_sets: list[RuleSet] = []
    complete = True
    for number, name in enumerate(plan.transform.rules):
        found = rule_sets_by_name(name)
        if isinstance(found, tuple):
            rule_sets += found
            continue
        complete = False
        for line in found:
            yield ("transform", "rules", number), line
    if complete:  # else parameters of the set that is missing would be taken for unknown
        yield from _parameters(plan, rule_sets)


def rule_sets_by_name(name: str) -> tuple[RuleSet, ...] | list[str]:
    """A rule set with all that it brings along, or what is wrong with it; read anew when files have changed.

    :param name: of the set, or its file.
    """
    from migration_ops.transform.loading import default_search_path

    folder = default_search_path()
    return _read_rule_sets(name, folder, _state(folder), _state(Path(name)))


@lru_cache(maxsize=256)
def _read_rule_sets(
    name: str, folder: Path, _folders_state: _State, _files_state: _State
) -> tuple[RuleSet, ...] | list[str]:
    from migration_ops.transform import RuleSetError, load_rule_sets

    try:
        return tuple(load_rule_sets([name], search_path=folder))
    except RuleSetError as error:
        return list(error.lines())
    except OSError as error:
        return [f"{error.filename or name}: can't be read: {error.strerror}"]


def _state(path: Path) -> _State:
    """What changes when a file, or one of a folder, is written."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return tuple((str(file), (it := file.stat()).st_mtime_ns, it.st_size) for file in files)
    except OSError:
        return ()


def _parameters(plan: Plan, rule_sets: list[RuleSet]) -> Iterator[Finding]:
    from migration_ops.transform import ParameterError

    try:
        rule_parameters(plan)
    except ParameterError as error:
        yield ("transform",), str(error)
    for name, text in _wrong(rule_sets, plan.transform.params):
        yield ("transform", "params", name), text


def wrong_parameters(plan: Plan, params: Mapping[str, Any]) -> list[str]:
    """What is wrong with parameters that a run adds; nothing as long as a rule set itself can't be read."""
    found = [rule_sets_by_name(name) for name in plan.transform.rules]
    read = [one for one in found if isinstance(one, tuple)]
    if len(read) < len(found):
        return []
    return [text for _, text in _wrong([each for one in read for each in one], params)]


def _wrong(rule_sets: Sequence[RuleSet], params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from migration_ops.transform import ParameterError, Parameters
    from migration_ops.transform.rule_parameters import resolve_params

    for name, value in params.items():
        try:
            resolve_params(rule_sets, Parameters(params={name: value}))
        except ParameterError as error:
            yield name, str(error)


def _notifiers(plan: Plan) -> Iterator[Finding]:
    if is_installed("airflow"):
        for number, entry in enumerate(plan.notify):
            trouble = trouble_with(entry.notifier)
            if trouble:
                yield ("notify", number, "notifier"), trouble
