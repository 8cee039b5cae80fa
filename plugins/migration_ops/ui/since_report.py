"""What became of a run after its report was written: a cutover is finished, or taken back, only later."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from migration_ops.migration.events import FINISHED, RESUMED, ROLLED_BACK, TAKEN_BACK, UNDOING
from migration_ops.ui.plan_state import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration_ops.ui.plan_view import PlanView
    from migration_ops.ui.vault_index import PlanSlips, Slip


class Later(Record):
    """Something that happened to a run after its report.

    :param by: the run that did it, if it was another one.
    """

    what: str
    at: datetime
    by: str = ""


async def since_report(view: PlanView, slips: PlanSlips, run: str, report: Slip) -> list[Later]:
    """What became of a run since, in its order; mostly nothing.

    :param report: the run's, as it lies in the vault.
    """
    told = {
        one.tags.get("event", ""): one.time for one in slips.journal.get(run, ()) if one.time > report.time
    }
    found = [Later(what="finished", at=told[FINISHED])] if FINISHED in told else []
    if RESUMED in told:
        by = await _taken_back_by(view, slips, run, told[RESUMED])
        back = by or ROLLED_BACK in told
        found.append(Later(what="rolled back" if back else "its source was started", at=told[RESUMED], by=by))
    elif ROLLED_BACK in told:
        found.append(Later(what="its target was emptied, its source isn't started", at=told[ROLLED_BACK]))
    elif UNDOING in told:
        found.append(Later(what="a rollback began to empty its target", at=told[UNDOING]))
    return sorted(found, key=lambda one: one.at)


async def _taken_back_by(view: PlanView, slips: PlanSlips, run: str, resumed: datetime) -> str:
    """The run whose rollback it was; empty if it was its own, or nobody can tell."""
    others = [
        (one.time, other)
        for other, events in slips.journal.items()
        for one in _of(events, TAKEN_BACK)
        if other != run and one.time >= resumed
    ]
    for _, other in sorted(others)[:1]:  # it is written right after the word that the source was started
        events = await view.events(slips, other) or []
        if any(one.name == TAKEN_BACK and one.data.get("run") == run for one in events):
            return other
    return ""


def _of(events: Iterable[Slip], name: str) -> list[Slip]:
    return [one for one in events if one.tags.get("event") == name]
