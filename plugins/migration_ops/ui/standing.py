"""Where a plan stands, as its journal's tags tell it: what is staged, whether it has moved, and how it ended.

Nothing is opened for it, so the list of plans has it for every vault; what the target's claims hold at the
moment only the target knows, which the plan's own page asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from migration_ops.migration.events import (
    APPLIED,
    FINISHED,
    QUIESCE_BEGUN,
    RESTORED,
    RESUMED,
    ROLLED_BACK,
    TAKEN_BACK,
)

if TYPE_CHECKING:
    from migration_ops.ui.vault_index import PlanSlips, Slip

_STAGED = "staged"


@dataclass(frozen=True)
class Standing:
    """Where a plan stands.

    :param staged_point: the restore point that the target's claims were filled with last, if nothing has
        written to them or emptied them since.
    :param moved: whether a cutover has brought its final delta into the target, and nobody took it back.
    :param finished: the cutover that finished the migration, and when.
    """

    staged_point: str | None = None
    moved: bool = False
    finished: tuple[str, datetime] | None = None


def standing(slips: PlanSlips) -> Standing:
    """Look at what the journal's tags say."""
    finished = _finished(slips)
    moved = finished is not None or _is_moved(slips)
    final = next((one.id for one in reversed(slips.points) if one.kind == "final"), None)
    return Standing((moved and final) or _staged_point(slips), moved, finished)


def _finished(slips: PlanSlips) -> tuple[str, datetime] | None:
    """The newest end, unless a rollback took it back since; a source that was started by hand does not."""
    ends = [(one.time, run) for run, one in _written(slips, {FINISHED})]
    if not ends:
        return None
    at, run = max(ends)
    if any(one.time > at for _, one in _written(slips, {ROLLED_BACK, TAKEN_BACK})):
        return None
    return run, at


def _is_moved(slips: PlanSlips) -> bool:
    """Whether the newest restore point is a cutover's last, restored, and the source wasn't started again."""
    if not slips.points or slips.points[-1].kind != "final":
        return False
    adapted = slips.adapted.get(slips.points[-1].id)
    told = names_since(slips.journal.get(adapted.tags.get("run", ""), []) if adapted else [], QUIESCE_BEGUN)
    return RESTORED in told and told.isdisjoint({ROLLED_BACK, RESUMED})


def _staged_point(slips: PlanSlips) -> str | None:
    """The newest point that a staging brought to its end after claims were last given away or emptied.

    Workloads write to claims once they are applied, and a rollback deletes those that the cutover made.
    """
    given_away = max(
        (
            one.time
            for run, one in _written(slips, {APPLIED, ROLLED_BACK})
            if one.tags["event"] == ROLLED_BACK or not slips.is_elsewhere(run)
        ),
        default=None,
    )
    staged = {
        run
        for run, one in _written(slips, {_STAGED})
        if (given_away is None or one.time > given_away) and not slips.is_elsewhere(run)
    }
    for point in reversed(slips.points):
        adapted = slips.adapted.get(point.id)
        if adapted and adapted.tags.get("run") in staged:
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
