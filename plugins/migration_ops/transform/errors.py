"""What can be wrong with the input of a transformation.

    TransformError
    ├── RuleSetError        a rule file can't be found, read or understood
    ├── ParameterError      a parameter is unknown, missing or contradicts another
    ├── ManifestError       a manifest can't be read or isn't an object
    └── RuleExecutionError  a rule met an object that it can't be applied to

None of them can be retried: the input has to change.
"""

from __future__ import annotations

from collections.abc import Sequence


class TransformError(Exception):
    """A transformation can't be done with this input."""

    retryable = False


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
