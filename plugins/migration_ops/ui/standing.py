"""Where a plan stands, as its journal's tags tell it: what is staged, whether it has moved, and how it ended.

Nothing is opened for it, so the list of plans has it for every vault; what the target's claims hold at the
moment only the target knows, which the plan's own page asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from migration_ops.migration.events import (
    APPLIED,
    FINISHED,
    QUIESCE_BEGUN,
    READY,
    RESUMED,
    ROLLED_BACK,
    TAKEN_BACK,
    UNDOING,
    VERIFIED,
)

if TYPE_CHECKING:
    from migration_ops.ui.vault_index import PlanSlips, Slip

_STAGED = "staged"
_SERVES = frozenset({READY, VERIFIED, FINISHED})
"""What a cutover writes once its workloads run in the target."""


@dataclass(frozen=True)
class Stop:
    """A stop of the source that nobody has taken back, while the target doesn't serve either.

    :param run: the cutover that stopped it.
    :param since: since when the application runs nowhere.
    :param emptied: when a rollback emptied the target, if one did.
    :param emptying: when a rollback began to empty the target, if it hasn't come to its end.
    :param applied: whether the target has all resources, so that the application may be starting there.
    """

    run: str
    since: datetime
    emptied: datetime | None = None
    emptying: datetime | None = None
    applied: bool = False


@dataclass(frozen=True)
class Standing:
    """Where a plan stands.

    :param staged_point: the restore point that the target's claims were filled with last, if nothing has
        written to them or emptied them since.
    :param moved: whether a cutover's workloads run in the target, and nobody took it back.
    :param finished: the cutover that finished the migration, and when.
    :param stop: the stop of the source that has left the application running nowhere.
    """

    staged_point: str | None = None
    moved: bool = False
    finished: tuple[str, datetime] | None = None
    stop: Stop | None = None


def standing(slips: PlanSlips) -> Standing:
    """Look at what the journal's tags say."""
    finished = _finished(slips)
    stopped = _newest_stop(slips)
    told = {one.tags.get("event", ""): one.time for one in stopped[1]} if stopped else {}
    emptying = _emptying(stopped[1]) if stopped else None
    serves = not _SERVES.isdisjoint(told) and ROLLED_BACK not in told and not emptying
    moved = finished is not None or serves
    final = next((one.id for one in reversed(slips.points) if one.kind == "final"), None)
    stop = None
    if stopped and not moved:
        emptied = told.get(ROLLED_BACK)
        served_until = (emptying or emptied) if not _SERVES.isdisjoint(told) else None
        since = served_until or stopped[1][0].time
        stop = Stop(stopped[0], since, emptied, None if emptied else emptying, APPLIED in told)
    return Standing((moved and final) or _staged_point(slips), moved, finished, stop)


def _newest_stop(slips: PlanSlips) -> tuple[str, list[Slip]] | None:
    """The run that stopped the source last, its first word of that, and its events since its last one.

    Nothing if the source was started again: whichever run did that, it started all that the plan had stopped.
    """
    resumed = max((one.time for _, one in _written(slips, {RESUMED, TAKEN_BACK})), default=None)
    stops = [(one, run) for run, one in _written(slips, {QUIESCE_BEGUN}) if not resumed or one.time > resumed]
    if not stops:
        return None
    newest, run = max(stops, key=lambda stop: stop[0].time)
    first = min((one for one, of in stops if of == run), key=lambda one: one.time)
    return run, [first, *(one for one in slips.journal[run] if one.time >= newest.time)]


def _emptying(events: Sequence[Slip]) -> datetime | None:
    """When the target began to be emptied; nothing if it serves since, as the cutover went on.

    :param events: of one run since its stop, oldest first.
    """
    began = None
    for one in events:
        name = one.tags.get("event", "")
        if name == UNDOING:
            began = began or one.time
        elif name in _SERVES:
            began = None
    return began


def _finished(slips: PlanSlips) -> tuple[str, datetime] | None:
    """The newest end, unless a rollback took it back since; a source that was started by hand does not."""
    ends = [(one.time, run) for run, one in _written(slips, {FINISHED})]
    if not ends:
        return None
    at, run = max(ends)
    if any(one.time > at for _, one in _written(slips, {UNDOING, ROLLED_BACK, TAKEN_BACK})):
        return None
    return run, at


def _staged_point(slips: PlanSlips) -> str | None:
    """The newest point that a staging brought to its end after claims were last given away or emptied.

    Workloads write to claims once they are applied, and a rollback deletes those that the cutover made. What
    a cutover stages is the increment before its stop, so its final point isn't staged by the same word.
    """
    given_away = max(
        (
            one.time
            for run, one in _written(slips, {APPLIED, UNDOING, ROLLED_BACK})
            if one.tags["event"] != APPLIED or not slips.is_elsewhere(run)
        ),
        default=None,
    )
    staged = [
        (run, one.time)
        for run, one in _written(slips, {_STAGED})
        if (given_away is None or one.time > given_away) and not slips.is_elsewhere(run)
    ]
    for point in reversed(slips.points):
        adapted = slips.adapted.get(point.id)
        if adapted and any(run == adapted.tags.get("run") and at >= adapted.time for run, at in staged):
            return point.id
    return None


def _written(slips: PlanSlips, names: set[str]) -> Iterable[tuple[str, Slip]]:
    for run, events in slips.journal.items():
        for one in events:
            if one.tags.get("event") in names:
                yield run, one


def names_since(events: Iterable[Slip], start: str) -> set[str]:
    """Names of a run's events since the last one of some name; of all if there is none.

    :param events: oldest first.
    """
    names: set[str] = set()
    for one in events:
        name = one.tags.get("event", "")
        names = {name} if name == start else names | {name}
    return names
