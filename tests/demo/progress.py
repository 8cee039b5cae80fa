"""What the demo prints: a line per event, with the time since its start, and a sign of life in between."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

QUIET_SECONDS = 10.0


class Progress:
    """Prints lines and keeps silence short; phases may run in several threads at once.

    :param stream: where lines go
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._began = time.monotonic()
        self._last_line = self._began
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self._ended = threading.Event()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """Print a line."""
        with self._lock:
            self._last_line = time.monotonic()
            print(f"[{self.seconds:6.1f} s] {text}", file=self._stream, flush=True)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Announce a phase, tell while it lasts, and say how long it took."""
        self.say(f"{name} ...")
        began = self._running[name] = time.monotonic()
        try:
            yield
        except BaseException:
            self.say(f"{name}: failed after {time.monotonic() - began:.1f} s")
            raise
        else:
            self.say(f"{name}: done in {time.monotonic() - began:.1f} s")
        finally:
            self._running.pop(name, None)

    @contextmanager
    def signs_of_life(self) -> Iterator[None]:
        """Print what is running whenever nothing else was printed for a while."""
        ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
        ticker.start()
        try:
            yield
        finally:
            self._ended.set()
            ticker.join()

    def _tick(self) -> None:
        while not self._ended.wait(1.0):
            if time.monotonic() - self._last_line < QUIET_SECONDS:
                continue
            now = time.monotonic()
            running = ", ".join(
                f"{name} ({now - began:.0f} s)" for name, began in list(self._running.items())
            )
            self.say(f"still at work: {running or 'between two phases'}")

    def wait_for(self, what: str, ready: Callable[[], bool], *, seconds: float, pause: float = 0.5) -> None:
        """Wait until ``ready`` says so.

        :raises TimeoutError: after ``seconds``, naming what was waited for
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not so within {seconds:.0f} s")
            time.sleep(pause)
