"""What can be wrong with the input of a transformation.

    TransformError
    ├── RuleSetError        a rule file can't be found, read or understood
    ├── ParameterError      a parameter is unknown, missing or contradicts another
    ├── ManifestError       a manifest can't be read or isn't an object
    └── RuleExecutionError  a rule met an object that it can't be applied to

None of them can be retried: the input has to change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from migration_ops.bad_input import in_words

if TYPE_CHECKING:
    from pydantic import ValidationError


class TransformError(Exception):
    """A transformation can't be done with this input."""

    retryable = False

    def lines(self) -> list[str]:
        """Every problem in a line of its own."""
        return str(self).splitlines()


class RuleSetError(TransformError):
    """A rule file can't be found, read or understood.

    :param source: the file's name as the user knows it.
    :param problems: one sentence each, with the place in the file.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}{problem}" for problem in problems))


class ParameterError(TransformError):
    """A parameter is unknown, missing or contradicts another."""


class ManifestError(TransformError):
    """A manifest can't be read or isn't a Kubernetes object."""


class RuleExecutionError(TransformError):
    """A rule met an object that it can't be applied to, such as a patch of a path that isn't there."""


def model_problems(error: ValidationError, line_of: Callable[[Sequence[str | int]], int]) -> list[str]:
    """Write down what pydantic found, one line per problem, with the place in the file.

    :param error: what pydantic raised.
    :param line_of: gives the line of a field.
    """
    problems = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        problems.append(f":{line_of(problem['loc'])}: {field or 'file'}: {in_words(dict(problem))}")
    return problems
