"""Findings that say the same about several objects, told once on pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migration_ops.transform import Told, group_findings

if TYPE_CHECKING:
    from migration_ops.migration.report_page.model import FindingLine

_SHOWN = 3
_ONE_MORE = 1  # folding a single line away takes the line that it would have taken


@dataclass(frozen=True)
class FindingGroup:
    """What was found, and where.

    :param shown: the first objects that it is about.
    :param folded: the others.
    """

    severity: Literal["blocker", "decision", "warning", "info"]
    shown: tuple[str, ...]
    folded: tuple[str, ...]
    text: str
    suggestion: str
    origin: str


def group_lines(lines: Sequence[FindingLine]) -> list[FindingGroup]:
    """Group findings that differ in their object alone; in the order of the first of each."""
    known = {(str(one.severity), f"{one.origin}\n{one.suggestion}"): one for one in lines}
    told = [Told(one.severity, one.object, one.text, f"{one.origin}\n{one.suggestion}") for one in lines]
    groups = []
    for group in group_findings(told):
        says = known[group.severity, group.rest]
        shown = _SHOWN if len(group.places) > _SHOWN + _ONE_MORE else len(group.places)
        groups.append(
            FindingGroup(
                severity=says.severity,
                shown=group.places[:shown],
                folded=group.places[shown:],
                text=group.text,
                suggestion=says.suggestion,
                origin=says.origin,
            )
        )
    return groups
