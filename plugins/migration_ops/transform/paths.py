"""JSONPath expressions of rules, compiled once: find values, and say where a missing one would go.

Expressions are RFC 9535 JSONPath, parsed by python-jsonpath. Most paths in rules are names, indexes and
wildcards; those are walked here directly, since a rule set looks at every object.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonpath
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import IndexSelector, NameSelector, WildcardSelector

from migration_ops.transform.objects import Part, Parts

MAXIMUM_LENGTH = 1000


class _Wildcard:
    """Any member or element."""


WILDCARD = _Wildcard()


@lru_cache(maxsize=4096)
def compiled(text: str) -> Path:
    """Give a JSONPath, compiled once for the whole process.

    :param text: the expression.
    :raises ValueError: when it isn't JSONPath.
    """
    return Path(text)


class Path:
    """A compiled JSONPath.

    :param text: the expression, such as `$.spec.ports[*].nodePort`.
    :raises ValueError: when it isn't JSONPath.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAXIMUM_LENGTH:
            raise ValueError(f"the JSONPath is longer than {MAXIMUM_LENGTH} characters")
        if not text.startswith("$"):
            raise ValueError(f"a JSONPath begins with $, as in $.metadata.name; this is {text!r}")
        self.text = text
        try:
            self._query = jsonpath.compile(text)
        except jsonpath.JSONPathError as error:
            raise ValueError(f"{text!r} isn't JSONPath: {error}") from error
        self._steps = _simple_steps(self._query)
        self._parts = self._one_place()

    @property
    def parts(self) -> Parts | None:
        """The single place that the path names, whether or not it exists; None if it can name several."""
        return self._parts

    def _one_place(self) -> Parts | None:
        if self._steps is None or any(isinstance(step, _Wildcard) for step in self._steps):
            return None
        return tuple(step for step in self._steps if not isinstance(step, _Wildcard))

    def find(self, document: Any) -> list[tuple[Parts, Any]]:
        """Give each match's place and value, in document order.

        :param document: what to search.
        """
        if self._parts is not None:
            return self._find_one(document, self._parts)
        if self._steps is not None:
            return list(_walk(document, self._steps, 0, ()))
        return [(match.parts, match.obj) for match in self._query.finditer(document)]

    @staticmethod
    def _find_one(document: Any, parts: Parts) -> list[tuple[Parts, Any]]:
        found = document
        for part in parts:
            inside = isinstance(found, dict) and part in found
            if not inside and not (isinstance(found, list) and isinstance(part, int) and part < len(found)):
                return []
            found = found[part]
        return [(parts, found)]


def _simple_steps(query: Any) -> tuple[Part | _Wildcard, ...] | None:
    steps: list[Part | _Wildcard] = []
    for segment in getattr(query, "segments", (None,)):
        if not isinstance(segment, JSONPathChildSegment) or len(segment.selectors) != 1:
            return None
        selector = segment.selectors[0]
        if isinstance(selector, NameSelector):
            steps.append(selector.name)
        elif isinstance(selector, IndexSelector) and selector.index >= 0:
            steps.append(selector.index)
        elif isinstance(selector, WildcardSelector):
            steps.append(WILDCARD)
        else:
            return None
    return tuple(steps)


def _walk(
    document: Any, steps: tuple[Part | _Wildcard, ...], depth: int, parts: Parts
) -> Iterator[tuple[Parts, Any]]:
    if depth == len(steps):
        yield parts, document
        return
    step = steps[depth]
    if isinstance(step, _Wildcard):
        members: Any = ()
        if isinstance(document, dict):
            members = list(document.items())
        elif isinstance(document, list):
            members = list(enumerate(document))
        for key, value in members:
            yield from _walk(value, steps, depth + 1, (*parts, key))
    elif isinstance(document, dict) and isinstance(step, str):
        if step in document:
            yield from _walk(document[step], steps, depth + 1, (*parts, step))
    elif isinstance(document, list) and isinstance(step, int) and step < len(document):
        yield from _walk(document[step], steps, depth + 1, (*parts, step))
