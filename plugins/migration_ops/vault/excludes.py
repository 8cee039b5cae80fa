"""Patterns that leave files out, as restic understands them."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from migration_ops.vault.errors import UsageError


@functools.cache
def _component(pattern: str) -> re.Pattern[str]:
    parts, position = [], 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "\\" and position < len(pattern):
            parts.append(re.escape(pattern[position]))
            position += 1
        elif character == "[":
            end = pattern.find("]", position + 1)
            if end < 0:
                raise UsageError(f"the pattern {pattern!r} has a `[` without `]`")
            parts.append("[" + pattern[position:end].replace("\\", "\\\\").replace("[", "\\[") + "]")
            position = end + 1
        else:
            parts.append(re.escape(character))
    try:
        return re.compile("".join(parts) + r"\Z", re.DOTALL)
    except re.error as error:
        raise UsageError(f"the pattern {pattern!r} is none: {error.msg}") from error


def _matches(patterns: Sequence[str], names: Sequence[str]) -> bool:
    """Whether `patterns`, component by component, match all of `names`."""
    if not patterns:
        return not names
    if patterns[0] == "**":
        return any(_matches(patterns[1:], names[skip:]) for skip in range(len(names) + 1))
    return bool(names) and bool(_component(patterns[0]).match(names[0])) and _matches(patterns[1:], names[1:])


class Pattern:
    """One pattern. ``/a`` is anchored at the root, anything else matches at any depth; ``!`` takes back."""

    def __init__(self, text: str) -> None:
        self.negated = text.startswith("!")
        body = text[1:] if self.negated else text
        if not body.strip("/"):
            raise UsageError(f"the pattern {text!r} matches everything or nothing; write a name or a path")
        self._anchored = body.startswith("/")
        self._parts = tuple(part for part in body.split("/") if part)
        for part in self._parts:
            _component(part)

    def matches(self, names: Sequence[str]) -> bool:
        """Whether the pattern matches a path or one of its parents.

        :param names: the path's components.
        """
        starts = (0,) if self._anchored else range(len(names))
        return any(
            _matches(self._parts, names[start:end])
            for start in starts
            for end in range(start + 1, len(names) + 1)
        )

    def may_match_below(self, names: Sequence[str]) -> bool:
        """Whether something inside of a folder can match."""
        if not self._anchored or "**" in self._parts:
            return True
        depth = min(len(names), len(self._parts))
        return _matches(self._parts[:depth], names[:depth])


class Patterns:
    """Several patterns; the last one that matches decides.

    :param texts: the patterns.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._patterns = [Pattern(text) for text in texts]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, path: str) -> bool:
        """Whether a path is meant.

        :param path: with slashes; a leading one does not matter.
        """
        names = tuple(part for part in path.split("/") if part)
        meant = False
        for pattern in self._patterns:
            if meant == pattern.negated and pattern.matches(names):
                meant = not pattern.negated
        return meant

    def may_match_below(self, path: str) -> bool:
        """Whether something inside of a folder can be meant."""
        names = tuple(part for part in path.split("/") if part)
        return any(pattern.may_match_below(names) for pattern in self._patterns)
