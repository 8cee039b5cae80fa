"""A run's whole timeline: also what isn't an event that took time, from the moments around it.

A report pictures the downtime, and its steps are the journal's own. Whoever follows a run wants to see where
the rest of the time went: waiting for the approval, the restore point that is made fresh and staged, movers
that are started ahead, and the question at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from migration_ops.migration.events import (
    ANSWERED,
    FAILED,
    FINISHED,
    HOOKS_BEGUN,
    QUIESCE_BEGUN,
    ROLLED_BACK,
    UNDOING,
    VERIFIED,
)
from migration_ops.migration.report_page.model import Span
from migration_ops.migration.upkeep import PREPARED

if TYPE_CHECKING:
    from datetime import datetime

    from migration_ops.migration.events import Event

_SHORTEST_SECONDS = 0.05


def whole_run(spans: Sequence[Span], events: Sequence[Event]) -> list[Span]:
    """The spans of a report with those that lie between and after them.

    :param spans: as the report has them.
    :param events: of the run, in the order in which they ended.
    """
    last = {event.name: event for event in events}
    asked_for = [*_questions(events), *_broken_off(events)]
    if PREPARED not in last:
        return _in_order([*spans, *asked_for])
    answers = {str(event.data.get("question")): event for event in events if event.name == ANSWERED}
    approved, finish = answers.get("approve"), answers.get("finish")
    stop = min((last[name].began for name in (HOOKS_BEGUN, QUIESCE_BEGUN) if name in last), default=None)
    staged = last["staged"].ended if "staged" in last else None
    verified = last[VERIFIED].ended if VERIFIED in last else None
    asked = finish.ended if finish else None
    found = [
        _span("approval", last[PREPARED].ended, approved.ended if approved else None, _answer(approved)),
        _span(
            "fresh copy",
            approved.ended if approved else None,
            staged,
            "one more restore point, and its staging",
        ),
        _span("standby", staged, stop, "movers are started ahead, beside their volumes"),
        _span("report, question", verified, asked, _answer(finish)),
        _span(
            "finish",
            asked or verified,
            last[FINISHED].ended if FINISHED in last else None,
            "names go to the target",
        ),
    ]
    return _in_order([*spans, *asked_for, *(one for one in found if one)])


def _in_order(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.began, span.ended))


def _questions(events: Sequence[Event]) -> Iterator[Span]:
    """For each step that failed for good, the time in which somebody was asked about it."""
    for number, event in enumerate(events):
        step = event.data.get("step")
        if event.name != FAILED or not step:
            continue
        later = events[number + 1 :]
        told = (one for one in later if one.name == ANSWERED and one.data.get("question") == step)
        if (answered := next(told, None)) and (
            found := _span(f"{step} failed, question", event.ended, answered.ended, _answer(answered))
        ):
            yield found


def _broken_off(events: Sequence[Event]) -> Iterator[Span]:
    """Times in which a rollback emptied the target and did not come to its end."""
    for event, after in pairwise(one for one in events if one.name in {UNDOING, FAILED, ROLLED_BACK}):
        if (
            event.name == UNDOING
            and after.name != ROLLED_BACK
            and (found := _span("roll back", event.ended, after.began, "did not come to its end"))
        ):
            yield found


def _span(name: str, began: datetime | None, ended: datetime | None, detail: str) -> Span | None:
    if began is None or ended is None or (ended - began).total_seconds() < _SHORTEST_SECONDS:
        return None
    return Span(name=name, began=began, ended=ended, detail=detail)


def _answer(event: Event | None) -> str:
    return f"{event.data.get('answer', '?')}, by {event.data.get('by', '?')}" if event else ""
