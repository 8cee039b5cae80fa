"""The journal of a run: what happened when, kept in the vault.

Each event is a snapshot of its own, so that tasks which write at the same time can't lose each other's
words, and so that the record of what was stopped exists before anything is stopped.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.migration.events import QUIESCE_BEGUN, QUIESCED, Event
from migration_ops.migration.restore_point import tag_values
from migration_ops.migration.vault_records import read_documents, save_documents
from migration_ops.vault import list_snapshots

if TYPE_CHECKING:
    from migration_ops.vault import Repository

__all__ = ["QUIESCED", "QUIESCE_BEGUN", "Event", "Journal"]

_FILE = "event.json"


class Journal:
    """The journal of one plan in one vault.

    :param plan: the plan's name.
    :param host: what its snapshots give as host: the source cluster's name.
    """

    def __init__(self, repository: Repository, plan: str, host: str) -> None:
        self._repository = repository
        self._plan = plan
        self._host = host

    def write(
        self,
        run: str,
        name: str,
        *,
        began: datetime | None = None,
        ended: datetime | None = None,
        data: dict[str, Any] | None = None,
    ) -> Event:
        """Write one event.

        :param run: the run as a label value.
        :param began: when it began; when it ended, if it took no time.
        :param ended: when it ended; now, unless somebody else saw its end.
        """
        end = ended or datetime.now(UTC)
        event = Event(plan=self._plan, run=run, name=name, began=began or end, ended=end, data=data or {})
        tags = [f"plan={self._plan}", "content=journal", f"run={run}", f"event={name}"]
        save_documents(self._repository, {_FILE: event.model_dump(mode="json")}, tags, self._host)
        return event

    def events(
        self, run: str | None = None, name: str | None = None, *, names: Collection[str] = ()
    ) -> list[Event]:
        """The events in the order in which they ended, of one run or of all.

        :param name: only events of that name.
        :param names: only events of these names, if there are any: each that is read takes a moment.
        """
        tags = [f"plan={self._plan}", "content=journal"]
        if run:
            tags.append(f"run={run}")
        if name:
            tags.append(f"event={name}")
        snapshots = [
            snapshot
            for snapshot in list_snapshots(self._repository, tags=tags)
            if (event := tag_values(snapshot.tags).get("event")) is not None and (not names or event in names)
        ]
        found = read_documents(self._repository, snapshots, _FILE)
        return sorted(map(Event.model_validate, found), key=lambda event: event.ended)

    def last(self, name: str, run: str | None = None) -> Event | None:
        """The newest event of a name."""
        found = self.events(run, name)
        return found[-1] if found else None
