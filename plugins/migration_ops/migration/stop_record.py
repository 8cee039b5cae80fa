"""What a journal knows of a run's stop: when it began, what was stopped, whether that was taken back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from migration_ops.cluster import QuiesceRecord
from migration_ops.migration.errors import DisturbedError
from migration_ops.migration.events import HOOKS_BEGUN, QUIESCE_BEGUN, RESUMED, STOPPED_MORE

if TYPE_CHECKING:
    from datetime import datetime

    from migration_ops.migration.events import Event
    from migration_ops.migration.journal import Journal


@dataclass(frozen=True)
class Stop:
    """What a run stopped.

    :param began: when the downtime began: with the first hook before the stop, or with the stop.
    :param record: everything that all its tries stopped, as the first one found it.
    :param resumed: when it was started again since; nothing while it wasn't.
    """

    run: str
    began: datetime
    record: QuiesceRecord
    resumed: datetime | None = None


def last_stop(journal: Journal, run: str | None = None) -> Stop | None:
    """The newest stop of one run, or of any.

    A run that was resumed and then stopped again began anew.
    """
    begun = [event for event in journal.events(run, QUIESCE_BEGUN) if event.data]
    if not begun:
        return None
    newest = begun[-1]
    resumed = journal.last(RESUMED)  # by whatever run: all that the plan stopped is started
    more = [event for event in journal.events(newest.run, STOPPED_MORE) if event.ended > newest.ended]
    records = [QuiesceRecord.from_dict(event.data) for event in (newest, *more)]
    return Stop(
        run=newest.run,
        began=newest.began,
        record=reduce(QuiesceRecord.extended, records),
        resumed=resumed.ended if resumed and resumed.ended > newest.ended else None,
    )


def refuse_resumed(journal: Journal, run: str) -> None:
    """Stop if the source was started again since the run stopped it, by us: nothing on it tells that.

    :param run: the run as a label value; one that stopped nothing is let through.
    :raises DisturbedError: saying since when, and how to go on.
    """
    events = journal.events(names={QUIESCE_BEGUN, RESUMED})
    stopped = max((one.ended for one in events if (one.name, one.run) == (QUIESCE_BEGUN, run)), default=None)
    since = [one for one in events if one.name == RESUMED and stopped and one.ended > stopped]
    if since:
        who = f" by {since[0].data['by']}" if "by" in since[0].data else ""
        raise DisturbedError(
            f"what run {run} stopped was resumed{who} at {since[0].ended:%Y-%m-%d %H:%M:%S} UTC: what it "
            "wrote since is not in the last snapshots. Roll back; or clear quiesce with all that comes "
            "after it: everything is stopped and saved once more"
        )


class StopJournal:
    """Writes down what a run is about to stop, try after try.

    :param run: the run as a label value.
    """

    def __init__(self, journal: Journal, run: str) -> None:
        self._journal = journal
        self._run = run
        stop = last_stop(journal, run)
        self._stop = stop if stop and not stop.resumed else None
        self._hooks = self._of_this_stop(journal.last(HOOKS_BEGUN, run))

    @property
    def began(self) -> datetime | None:
        """When the downtime began; nothing as long as it didn't."""
        if self._stop:
            return self._stop.began
        return self._hooks.began if self._hooks else None

    @property
    def earlier(self) -> QuiesceRecord | None:
        """What is to be stopped, once that is written down: the hooks before it were run then."""
        return self._stop.record if self._stop else None

    def note_hooks(self) -> None:
        """Write down that the first hook is about to be run: the application may be down from then on."""
        if self._hooks is None:
            self._hooks = self._journal.write(self._run, HOOKS_BEGUN)

    def note(self, record: QuiesceRecord) -> None:
        """Write down what is about to be stopped, as far as it isn't known yet."""
        if self._stop is None:
            event = self._journal.write(self._run, QUIESCE_BEGUN, began=self.began, data=record.as_dict())
            self._stop = Stop(self._run, event.began, record)
            return
        longer = self._stop.record.extended(record)
        if longer != self._stop.record:
            self._journal.write(self._run, STOPPED_MORE, data=longer.as_dict())
            self._stop = Stop(self._run, self._stop.began, longer)

    def _of_this_stop(self, hooks: Event | None) -> Event | None:
        """Hooks of an earlier stop of the run, which was taken back, say nothing of this one."""
        resumed = self._journal.last(RESUMED) if hooks else None
        return None if resumed and hooks and resumed.ended > hooks.ended else hooks
