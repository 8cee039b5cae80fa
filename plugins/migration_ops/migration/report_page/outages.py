"""When a run left the application down: each time from its beginning to its end, or until now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from migration_ops.migration.events import (
    FAILED,
    QUIESCE_BEGUN,
    READY,
    RESUMED,
    ROLLED_BACK,
    UNDOING,
    VERIFIED,
    Event,
)
from migration_ops.migration.forecast import seconds_text


class Outage(BaseModel):
    """A time in which the application ran nowhere.

    :param ended: none while it goes on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    began: datetime
    ended: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """How long it was; none while it goes on."""
        return (self.ended - self.began).total_seconds() if self.ended else None

    def holds(self, when: datetime) -> bool:
        """Whether the application was down then."""
        return self.began <= when and (self.ended is None or when < self.ended)

    def text(self, now: datetime) -> str:
        """It in words, without a verb: `down 23 s`, `down since 12:05:51 UTC, 1 min 20 s so far`."""
        if self.seconds is not None:
            return f"down {seconds_text(self.seconds)}"
        so_far = seconds_text(max(0.0, (now - self.began).total_seconds()))
        return f"down since {self.began:%H:%M:%S} UTC, {so_far} so far"


def find_outages(events: Sequence[Event], *, over: datetime | None = None) -> list[Outage]:
    """The times in which a run left the application down, in their order.

    It is down from the stop in the source until it is verified in the target or started in the source again.
    Where a verification failed, until the workloads were ready: since then they serve, whatever is decided.
    Once it has run in the target it is down from the moment in which a rollback begins to empty that.

    :param events: of the run, in the order in which they ended.
    :param over: when another run ended what this one began, if one did.
    """
    found: list[Outage] = []
    down: datetime | None = None
    ready: datetime | None = None
    in_target = False
    for event in events:
        empties = in_target and event.name in {UNDOING, ROLLED_BACK}
        if down is None and (event.name == QUIESCE_BEGUN or empties):
            down = event.began
        elif down is not None and event.name in {VERIFIED, RESUMED}:
            found.append(Outage(began=down, ended=event.ended))
            down = None
        elif down is not None and event.name == FAILED and ready is not None:
            found.append(Outage(began=down, ended=ready))
            down, in_target = None, True
        if event.name in {VERIFIED, RESUMED}:
            in_target = event.name == VERIFIED
        if event.name == READY:
            ready = event.ended
        elif event.name in {QUIESCE_BEGUN, UNDOING, ROLLED_BACK}:
            ready = None
    if down is not None:
        found.append(Outage(began=down, ended=over if over and over > down else None))
    return found


def outages_text(outages: Sequence[Outage], now: datetime) -> str:
    """All of them in words: `down 23 s, and again 4 min 34 s from 12:09:09 to 12:13:43 UTC`."""
    first, *others = outages
    parts = [first.text(now)]
    for one in others:
        if one.ended is None or one.seconds is None:
            parts.append(f"and again {one.text(now)}")
        else:
            parts.append(
                f"and again {seconds_text(one.seconds)} from {one.began:%H:%M:%S} to {one.ended:%H:%M:%S} UTC"
            )
    return ", ".join(parts)
