"""A limit for the average rate of uploads, which a stop does not wait for."""

from __future__ import annotations

import threading
import time


class UploadLimit:
    """Keeps uploads below an average rate: a pack goes at full speed, the next one waits.

    :param bytes_per_second: the rate.
    """

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._free_at = time.monotonic()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def wait(self, size: int) -> None:
        """Wait until `size` more bytes may go, or until the end of all uploads."""
        with self._lock:
            start = max(self._free_at, time.monotonic())
            self._free_at = start + size / self._rate
        self._stopped.wait(max(0.0, start - time.monotonic()))

    def stop(self) -> None:
        """Let nobody wait any more."""
        self._stopped.set()
