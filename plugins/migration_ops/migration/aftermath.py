"""What may still be done to the target once a migration is finished.

Its claims hold what the application writes there, and nobody has a copy of that. Whether a pod mounts one at
the moment says little: a CronJob or a workload scaled to zero comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from migration_ops.migration.errors import MigrationError
from migration_ops.migration.events import FINISHED, RESUMED, ROLLED_BACK

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.migration.plan import Plan


class FinishedError(MigrationError):
    """The migration is finished: what would be overwritten is the application's."""


def finished_by(events: Sequence[Event]) -> str | None:
    """The cutover that finished the migration, unless a rollback took it back since.

    :param events: the plan's journal, of all runs.
    """
    finished = [event for event in events if event.name == FINISHED]
    if not finished:
        return None
    last = max(finished, key=lambda event: event.ended)
    if any(_takes_back(event) and event.ended > last.ended for event in events):
        return None
    return last.run


def _takes_back(event: Event) -> bool:
    """Whether that ended what the application owns in the target.

    Whoever starts the source by hand, which the event names, may want to look something up there: the target
    is served from all the same. A rollback that leaves everything in the target writes that it resumed, too.
    """
    return event.name == ROLLED_BACK or (event.name == RESUMED and "by" not in event.data)


def refuse_when_finished(plan: Plan, events: Sequence[Event], *, remedy: str) -> None:
    """Stop before claims of the target are filled that belong to the application by now.

    :param events: the plan's journal, of all runs.
    :param remedy: what to do if that is wanted all the same.
    :raises FinishedError: if the migration is finished.
    """
    if run := finished_by(events):
        raise FinishedError(
            f"the migration of plan {plan.name} was finished by {run}: the target's claims hold what the "
            f"application has written since, also those that no pod mounts just now. {remedy}"
        )
