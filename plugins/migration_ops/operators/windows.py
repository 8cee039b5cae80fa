"""Steps that keep to the plan's windows, and movers that stop with one and go on in the next.

Which runs keep to windows is the subclass' affair; everything here is the same for backups and staging.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from migration_ops.operators.base import MigrationOperator, remember
from migration_ops.operators.mover import MoverOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from migration_ops.migration.off_peak import Calendar, Opening
    from migration_ops.mover import MoverSpec

STOPPED_EXIT_CODE = 130
STOPPED_BY = "--stop-at"

# A task that is resumed before the scheduler has seen it defer is taken for lost (Airflow 3.3.2).
_SHORTEST_WAIT = timedelta(seconds=3)


class WindowedOperator(MigrationOperator):
    """A step that may have to wait for the plan's next window."""

    @cached_property
    def calendar(self) -> Calendar:
        """What the plan's schedule means."""
        from migration_ops.migration.off_peak import Calendar

        return Calendar(self.the_plan.schedule)

    def wait_for_window(self, context: Context) -> Opening:
        """The opening of the present; waits for it in the triggerer if there is none, and begins anew.

        :raises AirflowSkipException: if no window will ever come.
        """
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        now = datetime.now(UTC)
        if opening := self.calendar.opening_at(now):
            return opening
        begins = self.calendar.next_opening(now)
        if begins is None:
            raise AirflowSkipException(f"plan {self.the_plan.name} has no window in the next two years")
        self.log.info("Outside of the plan's windows: waiting until %s", begins.isoformat(timespec="seconds"))
        remember(context, "waits_until", begins.isoformat())
        self.defer(
            trigger=DateTimeTrigger(moment=max(begins, now + _SHORTEST_WAIT)), method_name="window_is_open"
        )
        raise AssertionError("defer doesn't return")

    def window_is_open(self, context: Context, event: Any = None) -> Any:
        """Begin anew."""
        return self.execute(context)


class WindowedMoverOperator(WindowedOperator, MoverOperator):
    """A mover that stops at the window's end; its row waits, and a new mover goes on in the next one.

    What it did until then isn't done again: a stopped backup's data is in the vault, a stopped restore's in
    the claim. If the next window follows at once, for example with another limit, so does the next mover.
    """

    overrun: ClassVar[tuple[str, str]]
    """The journal's event of a window that ended too early, and what did not get done, in a word."""

    def __init__(self, **kwargs: Any) -> None:
        # Without an own one Airflow pins MoverOperator's here, and those of classes beside it are left out.
        super().__init__(**kwargs)
        self.opening: Opening | None = None

    @abstractmethod
    def keeps_to_windows(self, context: Context) -> bool:
        """Whether this run does."""

    def execute(self, context: Context) -> None:
        """Start the mover or find it, within a window if it must."""
        self.opening = self.wait_for_window(context) if self.keeps_to_windows(context) else None
        super().execute(context)

    def until_window_ends(self, spec: MoverSpec) -> MoverSpec:
        """The mover's work with the window's end and its limit, if it works in one."""
        return replace(spec, command=within(self.opening, spec.command)) if self.opening else spec

    def resume_with(
        self, context: Context, event: dict[str, Any], waiting: dict[str, Any], report_after: float
    ) -> dict[str, Any] | None:
        """Go on in the next window if this one's end has stopped the mover."""
        if is_stopped_by_window(event) and self.keeps_to_windows(context):
            self.log.info("The window has ended; what is done stays, the rest goes on in the next one")
            remember(context, "progress", (event.get("progress") or {}) | {"node": event.get("node")})
            self._tell_overrun(context)
            self.execute(context)
            return None
        return super().resume_with(context, event, waiting, report_after)

    def _tell_overrun(self, context: Context) -> None:
        """Once for each run and window: the journal knows what was told."""
        from migration_ops.notifiers.telling import tell_overrun

        now = datetime.now(UTC)
        if self.calendar.opening_at(now):
            return  # the next one has begun: nothing waits
        begins = self.calendar.next_opening(now)
        run, until = self.run_key(context), begins.isoformat() if begins else ""
        happened, work = self.overrun
        told = self.journal.events(run, happened)
        if not any(one.data.get("goes_on") == until for one in told):
            self.journal.write(run, happened, data={"goes_on": until})
            tell_overrun(self.the_plan, context, begins, work)


def within(opening: Opening, command: Sequence[str]) -> tuple[str, ...]:
    """A mover's arguments with the window's end, and a backup's with its limit."""
    words = list(command)
    if opening.limit_upload and words[0] == "backup":
        if "--limit-upload" in words:
            at = words.index("--limit-upload")
            del words[at : at + 2]
        words += ["--limit-upload", str(max(1, opening.limit_upload // 1024))]
    if opening.end:
        words += [STOPPED_BY, opening.end.isoformat()]
    return tuple(words)


def is_stopped_by_window(event: dict[str, Any]) -> bool:
    """Whether a mover ended because its window did, as it was told to."""
    return (
        event["phase"] == "failed"
        and event.get("exit_code") == STOPPED_EXIT_CODE
        and STOPPED_BY in str(event.get("reason"))
    )
