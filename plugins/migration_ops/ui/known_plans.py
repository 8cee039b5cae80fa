"""The plans that the API server can read: the same files that the DAGs are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from migration_ops.migration import Plan, load_plan, plans_folder
from migration_ops.migration.errors import PlanError
from migration_ops.migration.plan_file import plan_files

_File = tuple[Path, int, int]


@dataclass(frozen=True)
class KnownPlans:
    """What a folder of plans holds.

    :param plans: by name.
    :param problems: what is wrong with files that can't be used.
    """

    folder: Path
    plans: dict[str, Plan] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class PlanShelf:
    """Reads plan files again when they have changed.

    :param folder: where they lie; by default where the DAG files find them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._read: dict[_File, Plan | PlanError] = {}
        self._lock = Lock()

    @property
    def folder(self) -> Path:
        """Where plans are looked for."""
        if self._folder is None:
            from airflow.configuration import conf

            self._folder = plans_folder(str(Path(conf.get("core", "dags_folder")) / "backup.py"))
        return self._folder

    def known(self) -> KnownPlans:
        """All plans of the folder as they are now."""
        found = KnownPlans(self.folder)
        with self._lock:
            read: dict[_File, Plan | PlanError] = {}
            for path in plan_files(self.folder):
                key = _state(path)
                read[key] = self._read.get(key) or _load(path)
            self._read = read
        for (path, _, _), one in read.items():
            if isinstance(one, PlanError):
                found.problems.extend(line.replace(str(path.parent) + "/", "") for line in one.lines())
            elif one.name in found.plans:
                found.problems.append(f"{path.name}: another file has a plan called {one.name} too")
            else:
                found.plans[one.name] = one
        return found


def _state(path: Path) -> _File:
    try:
        state = path.stat()
    except OSError:  # a link that leads nowhere, or a file that is gone meanwhile
        return path, 0, 0
    return path, state.st_mtime_ns, state.st_size


def _load(path: Path) -> Plan | PlanError:
    try:
        return load_plan(path)
    except PlanError as error:
        return error
