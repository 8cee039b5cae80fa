"""Plan files: YAML in, `Plan` out, and errors that name line and field.

Plans are written by people and read by every DAG file at each parse: reading touches nothing but the file,
and is bounded, since YAML's aliases can make a small file huge.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from migration_ops.bad_input import in_words, yaml_problem
from migration_ops.migration.errors import PlanError, PlanProblem
from migration_ops.migration.plan import Plan
from migration_ops.migration.plan_yaml import MAX_NODES, OddError, read_quickly, read_with_lines

PLANS_FOLDER_VARIABLE = "MIGRATION_OPS_PLANS"
MAX_BYTES = 256 * 1024
SUFFIXES = (".yaml", ".yml")
_LONGEST_ERROR = 200


def load_plan(path: Path | str) -> Plan:
    """Read and validate one plan file.

    :raises PlanError: if it can't be read or isn't a valid plan; names every problem with line and field.
    """
    path = Path(path)
    raw = _read(path)
    try:
        return parse_plan(path, raw)
    except PlanError:
        raise
    except Exception as error:
        # Whatever a reader trips over is this file's error, and no reason to be without the others.
        said = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_ERROR]
        message = f"can't be read ({said}); write it more plainly, without aliases and tags"
        raise PlanError(path, [PlanProblem(0, "", message)]) from error


@lru_cache(maxsize=512)
def parse_plan(path: Path, raw: bytes) -> Plan:
    """Read a plan once for all DAG files of a process, as long as its file says the same.

    :param path: what errors call the file.
    :param raw: what it holds.
    :raises PlanError: as `load_plan`.
    """
    try:
        plan = Plan.model_validate(read_quickly(raw.decode("utf-8")))
    except (OddError, ValueError):  # something is odd or wrong: the slow reader knows where
        document = _document(path, raw)
        try:
            plan = Plan.model_validate(document)
        except ValidationError as error:
            problems = [_problem(document, dict(item)) for item in error.errors(include_url=False)]
            raise PlanError(path, _joined(problems)) from None
    # Of files only: the plan of a single restore may well lead back to where it came from.
    if plan.target is not None and plan.target.conn_id == plan.source.conn_id:
        line, parts = _locate(_document(path, raw), ("target", "conn_id"), missing=False)
        message = (
            f"is the source's connection, too ({plan.source.conn_id}): the applications would be restored "
            "over themselves; name the target's own, or leave `target` out to protect only"
        )
        raise PlanError(path, [PlanProblem(line, _field_path(parts), message)])
    return plan


def problems_in(path: Path, found: Sequence[tuple[Sequence[int | str], str]]) -> list[PlanProblem]:
    """Give findings about a valid plan the lines of their fields.

    :param path: the plan's file.
    :param found: each finding's field, as keys and indexes, and what is wrong with it.
    """
    document = _document(path, _read(path))
    places = [(*_locate(document, location, missing=False), message) for location, message in found]
    return [PlanProblem(line, _field_path(parts), message) for line, parts, message in places]


def load_plans(folder: Path | str) -> list[Plan]:
    """Read every plan of a folder, by file name.

    :raises PlanError: for the first file that isn't a valid plan, or when two plans have one name.
    """
    plans, errors = read_plans(folder)
    if errors:
        raise errors[0]
    return plans


def usable_plans(folder: Path | str) -> list[Plan]:
    """The folder's valid plans: one that can't be used must not take the others' DAGs away.

    Whoever shows people what is wrong uses `plan_check.check_plans`.
    """
    return read_plans(folder)[0]


def read_plans(folder: Path | str) -> tuple[list[Plan], list[PlanError]]:
    """The folder's valid plans by file name, and what is wrong with the other files.

    Of two plans of one name the first one stays.
    """
    plans, errors = read_files(plan_files(folder))
    return list(plans.values()), errors


def read_files(paths: Sequence[Path]) -> tuple[dict[Path, Plan], list[PlanError]]:
    """The valid plans of some files, and what is wrong with the others.

    Of two plans of one name the first one stays.
    """
    plans: dict[Path, Plan] = {}
    errors: list[PlanError] = []
    files: dict[str, Path] = {}
    for path in paths:
        try:
            plan = load_plan(path)
        except PlanError as error:
            errors.append(error)
            continue
        first = files.setdefault(plan.name, path)
        if first != path:
            errors.append(same_name(path, plan.name, first))
            continue
        plans[path] = plan
    return plans, errors


def same_name(path: Path, name: str, first: Path) -> PlanError:
    """The error of a plan whose name another file's plan has already."""
    message = f"the plan in {first} is also called {name}; rename one of them"
    return PlanError(path, problems_in(path, [(("name",), message)]))


def plans_folder(dags_file: str) -> Path:
    """Where the plans of a DAG file lie: `MIGRATION_OPS_PLANS`, or `include/plans` beside `dags/`.

    :param dags_file: the DAG file's `__file__`.
    """
    folder = os.environ.get(PLANS_FOLDER_VARIABLE)
    return Path(folder) if folder else Path(dags_file).resolve().parent.parent / "include" / "plans"


def plan_files(folder: Path | str) -> list[Path]:
    """The plan files of a folder, sorted by name; none if there is no such folder.

    Also what only looks like one, a folder or a link that leads nowhere, so that it isn't passed over; but
    for hidden ones, which editors leave beside a file.
    """
    folder = Path(folder)
    return sorted(
        path
        for path in folder.glob("*")
        if path.suffix in SUFFIXES and (path.is_file() or not path.name.startswith("."))
    )


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise PlanError(path, [PlanProblem(0, "", "is no file; give a plan file's path")])
    if path.is_symlink() and not path.exists():
        message = f"is a link to {path.readlink()}, which isn't there; mend the link, or remove it"
        raise PlanError(path, [PlanProblem(0, "", message)])
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PlanError(
            path, [PlanProblem(0, "", f"can't be read: {error.strerror}; give a plan file's path")]
        ) from None
    if len(raw) > MAX_BYTES:
        raise PlanError(
            path, [PlanProblem(0, "", f"is larger than {MAX_BYTES // 1024} KiB; no plan needs that")]
        )
    return raw


def _document(path: Path, raw: bytes) -> Any:
    try:
        document = read_with_lines(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise PlanError(path, [PlanProblem(line, "", "isn't UTF-8 text")]) from None
    except NotImplementedError:  # of ruamel.yaml, which has no place for such a comment
        message = "has a comment between a key and its value; put it above the key, or behind the value"
        raise PlanError(path, [PlanProblem(0, "", message)]) from None
    except (YAMLError, RecursionError, ValueError, LookupError, OverflowError) as error:
        line, problem = yaml_problem(error, raw)
        raise PlanError(path, [PlanProblem(line, "", f"isn't valid YAML: {problem}")]) from None
    if not isinstance(document, CommentedMap):
        raise PlanError(
            path, [PlanProblem(1, "", "isn't a plan: a mapping with apiVersion, name, ... is expected")]
        )
    if not _is_bounded(document):
        raise PlanError(
            path, [PlanProblem(0, "", f"has more than {MAX_NODES} values once aliases are expanded")]
        )
    return document


def _is_bounded(document: Any) -> bool:
    """Count values with aliases expanded, and stop as soon as there are too many."""
    pending, count = [document], 0
    while pending:
        node = pending.pop()
        count += 1
        if count + len(pending) > MAX_NODES:
            return False
        if isinstance(node, dict):
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return True


def _problem(document: Any, item: dict[str, Any]) -> PlanProblem:
    location: Sequence[int | str] = item["loc"]
    line, parts = _locate(document, location, missing=item["type"] == "missing")
    return PlanProblem(line, _field_path(parts), in_words(item))


def _joined(problems: Sequence[PlanProblem]) -> list[PlanProblem]:
    """Tell once of a field that may have several forms and has none of them."""
    joined: dict[tuple[int, str, str], PlanProblem] = {}
    for problem in problems:
        expected, _, value = problem.message.partition(" (it is ")
        key = (problem.line, problem.field, value or problem.message)
        if key in joined and value:
            form = expected.removeprefix("must be ")
            message = joined[key].message.replace(" (it is ", f" or {form} (it is ", 1)
            joined[key] = replace(problem, message=message)
        else:
            joined[key] = problem
    return list(joined.values())


def _locate(document: Any, location: Sequence[int | str], *, missing: bool) -> tuple[int, list[int | str]]:
    """Walk a validation error's location through the document.

    Steps that aren't in the file (a union's branch, `[key]`) are left out; a missing field is told at the
    line of the mapping that lacks it, as is one that a merge key (`<<`) brings there.
    """
    node, line, parts = document, 1, []
    for step in location:
        if isinstance(node, CommentedMap) and step in node:
            if step in (node.lc.data or {}):
                line = node.lc.key(step)[0] + 1
            node = node[step]
        elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
            if step in (node.lc.data or {}):
                line = node.lc.item(step)[0] + 1
            node = node[step]
        elif not (missing and step == location[-1]):
            continue
        parts.append(step)
    return line, parts


def _field_path(parts: Sequence[int | str]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
