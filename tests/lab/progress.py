"""Say what the lab is doing, and keep saying it: no more than ten seconds pass in silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

HEARTBEAT_SECONDS = 10.0


class Progress:
    """Lines with the elapsed time, and a heartbeat that names the steps under way.

    Use it as a context manager; steps may run in several threads.

    :param write: takes one finished line.
    """

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or (lambda line: print(line, flush=True))
        self._begun = time.monotonic()
        self._last_line = self._begun
        self._running: dict[str, tuple[float, Callable[[], str] | None]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lab-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    def say(self, text: str) -> None:
        """Write one line now."""
        with self._lock:
            self._last_line = time.monotonic()
            self._write(f"[lab {self._last_line - self._begun:6.1f} s] {text}")

    @contextmanager
    def step(self, name: str, detail: Callable[[], str] | None = None) -> Iterator[None]:
        """Announce a step, keep it in the heartbeat while it runs, and say how long it took.

        :param detail: tells how far the step is; asked only for a heartbeat.
        """
        begun = time.monotonic()
        self.say(f"{name} ...")
        self._running[name] = (begun, detail)
        try:
            yield
        except BaseException:
            self.say(f"{name}: failed after {time.monotonic() - begun:.1f} s")
            raise
        else:
            self.say(f"{name}: done in {time.monotonic() - begun:.1f} s")
        finally:
            self._running.pop(name, None)

    def _beat(self) -> None:
        while not self._closed.wait(1.0):
            if time.monotonic() - self._last_line < HEARTBEAT_SECONDS:
                continue
            parts = []
            for name, (begun, detail) in list(self._running.items()):
                further = f", {detail()}" if detail else ""
                parts.append(f"{name} ({time.monotonic() - begun:.0f} s{further})")
            self.say("still at: " + ("; ".join(parts) or "the next step"))
