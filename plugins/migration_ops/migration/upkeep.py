"""Who goes first when a cutover and the vault's upkeep want the vault: the cutover, once it is prepared.

Upkeep locks the vault for itself and may hold it for an hour. If that began just before the stop, the
application would be down meanwhile. So upkeep doesn't begin while a cutover is on its way, and nothing is
stopped while somebody else (another plan's upkeep, restic) has the vault locked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from migration_ops.migration.errors import MigrationError
from migration_ops.migration.events import ANSWERED, QUIESCE_BEGUN

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.vault import Repository
    from migration_ops.vault.lock import LockFile

PREPARED = "prepared"
APPROACH = timedelta(hours=6)
"""How long upkeep waits for an approved cutover to stop the source: a run that failed before says nothing."""

WAIT_SECONDS = 300.0
_PAUSE_SECONDS = 2.0


class UpkeepError(MigrationError):
    """Somebody has the vault for himself; nothing has been stopped."""

    retryable = True


def cutover_on_its_way(
    events: Iterable[Event], approval_timeout: timedelta, now: datetime | None = None
) -> tuple[str, datetime] | None:
    """The run of a cutover that may stop the source at any moment, and until when that is believed.

    :param events: the plan's journal, of all runs.
    :param approval_timeout: for how long a prepared cutover waits for an answer.
    """
    runs: dict[str, list[Event]] = {}
    for event in events:
        runs.setdefault(event.run, []).append(event)
    found = [
        (run, until)
        for run, happened in runs.items()
        if (until := _waits_until(happened, approval_timeout)) and until > (now or datetime.now(UTC))
    ]
    return max(found, key=lambda one: one[1], default=None)


def _waits_until(happened: Sequence[Event], approval_timeout: timedelta) -> datetime | None:
    prepared = [event for event in happened if event.name == PREPARED]
    if not prepared or any(event.name == QUIESCE_BEGUN for event in happened):
        return None
    last = max(event.ended for event in prepared)
    answers = [
        event
        for event in happened
        if event.name == ANSWERED and event.data.get("question") == "approve" and event.ended >= last
    ]
    if not answers:
        return last + approval_timeout
    answer = max(answers, key=lambda event: event.ended)
    return answer.ended + APPROACH if answer.data.get("answer") == "Approve" else None


def await_upkeep(
    repository: Repository, say: Callable[[str], None], *, seconds: float = WAIT_SECONDS
) -> None:
    """Wait until nobody has the vault locked for himself; to be called before anything is stopped.

    Locks of the dead don't count.

    :raises UpkeepError: if somebody still has after that time; trying again goes on waiting.
    """
    until, told = time.monotonic() + seconds, False
    while lock := _exclusive_lock(repository):
        if time.monotonic() > until:
            raise UpkeepError(
                f"the vault has been locked for {seconds / 60:.0f} minutes by {lock}: a prune, or another "
                "upkeep of a plan that shares the vault. Nothing is stopped before its end: wait and retry; "
                "if its holder is gone, `migration-ops vault unlock`"
            )
        if not told:
            say(f"Nothing is stopped yet: waiting for the end of upkeep, which holds {lock}")
            told = True
        time.sleep(_PAUSE_SECONDS)


def _exclusive_lock(repository: Repository) -> LockFile | None:
    from migration_ops.vault.lock import read_locks

    now = time.time()
    for lock in read_locks(repository):
        if lock.exclusive and now - lock.time / 1e9 < lock.dead_seconds:
            return lock
    return None
