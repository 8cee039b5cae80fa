"""Findings that say the same about several objects, told once: an application's objects repeat themselves.

Only texts for people are grouped; reports as data keep a finding for each object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_IN_A_LINE = 10
SHOWN_OBJECTS = 3
"""So many objects are named where there is little room."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a finding says.

    :param object: whom it is about.
    :param text: what was found; a JSON pointer at its beginning is a place in the object.
    :param rest: what else must be alike for findings to be told together, such as rule and suggestion.
    """

    severity: str
    object: str
    text: str
    rest: str = ""


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """One text for one or several places.

    :param places: objects, with the place in them where the text is about one.
    """

    severity: str
    places: tuple[str, ...]
    text: str
    rest: str

    @property
    def where(self) -> str:
        """The first places, and the number of the others."""
        more = len(self.places) - SHOWN_OBJECTS
        return ", ".join(self.places[:SHOWN_OBJECTS]) + (f" and {more} more" if more > 0 else "")

    @property
    def others(self) -> list[str]:
        """The places that `where` only counts, some in a line."""
        rest = self.places[SHOWN_OBJECTS:]
        return [
            f"    also {', '.join(rest[start : start + _IN_A_LINE])}"
            for start in range(0, len(rest), _IN_A_LINE)
        ]


def group_findings(findings: Iterable[Told]) -> Iterator[FindingGroup]:
    """Give findings in their order; those that say the same as an earlier one are told with it.

    :param findings: any findings.
    """
    groups: dict[tuple[str, str, str], list[tuple[Told, str]]] = defaultdict(list)
    for told in findings:
        place, text = _place_and_text(told.text)
        groups[told.severity, text, told.rest].append((told, place))
    for (severity, text, rest), members in groups.items():
        if len(members) == 1:
            (told, _) = members[0]
            yield FindingGroup(severity, (told.object,), told.text, rest)
        else:
            places = dict.fromkeys(f"{told.object} {place}".strip() for told, place in members)
            yield FindingGroup(severity, tuple(places), text, rest)


def _place_and_text(text: str) -> tuple[str, str]:
    first, space, others = text.partition(" ")
    return (first, others) if space and first.startswith("/") else ("", text)
