"""What can go wrong in the domain, by meaning.

    MigrationError
    ├── PlanError            a plan file can't be used; names file, line and field
    ├── PlansError           several plan files can't be used; names each
    ├── RestorePointError    the vault holds no such restore point, or not all of it
    │   └── GapError         what a moment ago could be read can't be read now, so a point would lack it
    ├── ReadinessError       something that a step needs is missing, found before the step
    ├── BlockerError         the rules found what must be solved by people
    ├── ApplyError           the target refused objects
    ├── NotReadyError        workloads of the target didn't become ready in time
    ├── DisturbedError       what was stopped in the source runs again
    ├── TargetGoneError      a rollback can't reach the target
    ├── SourceGoneError      a rollback can't reach the source that it would start
    ├── UnfinishedError      not all of a rollback could be done yet
    └── VerificationError    the target isn't what the restore point says

`retryable` says whether the same step may succeed when it is done again unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


class MigrationError(Exception):
    """A step of a migration failed; the message names object, reason and remedy."""

    retryable = False


@dataclass(frozen=True)
class PlanProblem:
    """One thing that is wrong in a plan file.

    :param line: line number, counted from 1; 0 when the file as a whole is meant.
    :param field: path of the field, for example `select.namespaces.include[0]`.
    :param message: what is wrong and what would be right.
    """

    line: int
    field: str
    message: str


class PlanError(MigrationError):
    """A plan file can't be used.

    :param path: the file.
    :param problems: everything that was found, in the order of the file's lines.
    """

    def __init__(self, path: Path, problems: Sequence[PlanProblem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Every problem as `FILE:LINE: FIELD: MESSAGE`, the form that editors jump to.

        What is wrong with the file as a whole has no line.
        """
        return [
            f"{self.path}:{f'{problem.line}:' if problem.line else ''} "
            f"{problem.field + ': ' if problem.field else ''}{problem.message}"
            for problem in self.problems
        ]


class PlansError(MigrationError):
    """Several plan files can't be used; the message has lines for each of them, however many they are.

    :param errors: one for each file.
    """

    _SHOWN = 5

    def __init__(self, errors: Sequence[PlanError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join([f"{len(errors)} plan files can't be used:", *self._lines()]))

    def _lines(self) -> Iterator[str]:
        for error in self.errors:
            lines = error.lines()
            yield from lines[: self._SHOWN]
            if more := lines[self._SHOWN :]:
                yield f"{error.path}: {len(more)} more; `migration-ops plan check` names them"


class RestorePointError(MigrationError):
    """The vault holds no such restore point, or not all that the point names."""


class GapError(RestorePointError):
    """A restore point would lack objects that the point before it holds, as they can't be read just now."""

    retryable = True


class VerificationError(MigrationError):
    """What runs in the target isn't what the restore point and the rules say."""


class ReadinessError(MigrationError):
    """Something that a later step needs is missing: a right, a StorageClass, a connection."""


class BlockerError(MigrationError):
    """The rules found objects that can't go to the target as they are."""


class ApplyError(MigrationError):
    """The target refused objects; what it took stays, and a retry goes on from there."""

    retryable = True


class DisturbedError(MigrationError):
    """What was stopped in the source runs again, or something else mounts its volumes."""


class TargetGoneError(MigrationError):
    """A rollback can't reach the target: people decide at once, as the source stands still meanwhile."""


class SourceGoneError(MigrationError):
    """A rollback would delete the target while the source can't be started: people decide."""


class UnfinishedError(MigrationError):
    """Not all of it could be done yet; what was done stays so, and a retry goes on from there."""

    retryable = True


class NotReadyError(MigrationError):
    """Workloads of the target didn't become ready in time."""

    retryable = True
