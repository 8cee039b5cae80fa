"""Asking long work to stop cleanly: by signal, or because its time window ends."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from types import FrameType
from typing import Any

from migration_ops.vault.errors import Interrupted, UsageError


class StopRequest:
    """Whether work should stop, and why.

    :param at: seconds since 1970 when the window ends.
    """

    def __init__(self, at: float | None = None) -> None:
        self.reason = ""
        self._at = at

    def ask(self, reason: str) -> None:
        """Ask to stop; the first reason counts."""
        self.reason = self.reason or reason

    @property
    def asked(self) -> bool:
        """Whether to stop now."""
        if not self.reason and self._at is not None and time.time() >= self._at:
            self.reason = "the time window ended (--stop-at)"
        return bool(self.reason)

    def check(self) -> None:
        """Raise if work should stop.

        :raises Interrupted: with the reason.
        """
        if self.asked:
            raise Interrupted(f"stopped: {self.reason}; run it again to go on")


@contextlib.contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[None]:
    """Let SIGTERM and SIGINT ask for a clean stop; a second one ends the process as usual."""
    names = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "SIGINT"}
    before: dict[signal.Signals, Any] = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        request.ask(f"{names[signal.Signals(number)]} received")
        signal.signal(number, before[signal.Signals(number)])

    for number in names:
        before[number] = signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def parse_moment(text: str, option: str) -> float:
    """Seconds since 1970 of ``06:00`` (the next one, local time) or of an ISO date and time.

    :param option: the option that was given it, for the message.
    :raises UsageError: if it is neither.
    """
    now = datetime.now().astimezone()
    with contextlib.suppress(ValueError, OverflowError):
        if len(text) <= 8 and ":" in text:
            clock = datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M")  # noqa: DTZ007
            moment = now.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
            return moment.timestamp() + (86400 if moment <= now else 0)
        return datetime.fromisoformat(text).astimezone().timestamp()
    raise UsageError(f"{option}: {text!r} is no time; write 06:00 or 2026-01-31T06:00:00+08:00")
