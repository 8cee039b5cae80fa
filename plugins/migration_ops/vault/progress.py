"""What a running command says: restic's JSON messages, given to whoever asked for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

Report = Callable[[dict[str, Any]], None]


def silent(_message: dict[str, Any]) -> None:
    """Report to nobody."""


def error_message(item: bytes | str, error: Exception | str, during: str) -> dict[str, Any]:
    """A problem that does not end the command.

    :param item: the path or object that it is about.
    :param during: restic's word for the part of the work.
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return {
        "message_type": "error",
        "error": {"message": text},
        "during": during,
        "item": os.fsdecode(item),
    }


def time_left(elapsed: float, fraction: float) -> int:
    """Seconds that the rest takes if it goes on like this; 0 if nothing can be said."""
    return int(elapsed * (1 - fraction) / fraction) if 0 < fraction < 1 else 0


class Ticker:
    """Reports the status once a second while a block runs."""

    def __init__(self, report: Report | None, status: Callable[[], dict[str, Any]]) -> None:
        self._report = report
        self._status = status
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="status", daemon=True)

    def _tick(self) -> None:
        while self._report is not None and not self._end.wait(1.0):
            self._report(self._status())

    def __enter__(self) -> None:
        if self._report is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._report is not None:
            self._thread.join()
