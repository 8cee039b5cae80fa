"""Answers that are kept for seconds: bounded, made once for all who ask, and never waited for too long.

Vaults and clusters answer slowly or not at all, and the API server has one event loop for everybody. So each
place is asked in a few threads of its own; who asks waits in the event loop, up to a limit, and the answer
lands on the shelf even if nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")

_THREADS = 3
_ERROR_SECONDS = 5.0
_LAST_SECONDS = 20.0
_MOST_PLACES = 200


class StillReadingError(Exception):
    """The answer isn't there yet; somebody is at it.

    :param seconds: for so long already, or for so long its place has answered nobody.
    """

    def __init__(self, message: str, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass
class _Entry:
    made: float
    weight: int
    value: Any = None
    error: Exception | None = None


class Shelf:
    """Keeps answers by key.

    :param most_weight: the least recently used answers go when more than this is kept.
    """

    def __init__(self, most_weight: int = 400_000) -> None:
        self._most_weight = most_weight
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._last: dict[Hashable, Hashable] = {}
        self._under_way: dict[Hashable, tuple[Future[Any], float, str]] = {}
        self._heard: dict[str, float] = {}
        self._pools: OrderedDict[str, ThreadPoolExecutor] = OrderedDict()
        self._lock = threading.Lock()

    async def get(
        self,
        place: str,
        key: Hashable,
        make: Callable[[], T],
        *,
        fresh: float,
        keep: float = 0.0,
        wait: float = 5.0,
        weight: Callable[[T], int] = lambda _: 1,
        series: Hashable = None,
    ) -> T:
        """The answer of that key, as old as allowed.

        :param place: who is asked; places don't wait for each other.
        :param make: asks, in a thread.
        :param fresh: an answer of up to so many seconds is given as it is.
        :param keep: an older one is still given up to this age, while a new one is being made.
        :param wait: how long to wait for a new one.
        :param weight: how much of the shelf the answer takes.
        :param series: what this key is the newest of: the last good answer of the same series is given
            while this one is being made for the first time, unless that takes long.
        :raises StillReadingError: when the wait is over; the error of the last time, if that failed.
        """
        with self._lock:
            entry, now = self._entries.get(key), time.monotonic()
            if entry is not None:
                self._entries.move_to_end(key)
                age = now - entry.made
                if entry.error is not None and age < _ERROR_SECONDS:
                    raise entry.error
                if entry.error is None and age < fresh:
                    return cast("T", entry.value)
            future, began, _ = self._under_way.get(key) or (None, now, place)
            if future is None:
                future = self._pool(place).submit(self._make, place, key, make, weight, series)
                self._under_way[key] = future, began, place
                future.add_done_callback(lambda _: self._under_way.pop(key, None))
        if entry is not None and entry.error is None and now - entry.made < keep:
            return cast("T", entry.value)
        waited = asyncio.wrap_future(future)
        waited.add_done_callback(_take_error)
        done, _ = await asyncio.wait([waited], timeout=wait)
        if not done:
            if entry is not None and entry.error is not None:
                raise entry.error
            seconds = time.monotonic() - began
            with self._lock:
                last = self._entries.get(self._last.get(series)) if series is not None else None
            if last is not None and last.error is None and seconds < _LAST_SECONDS:
                return cast("T", last.value)
            seconds = max(seconds, self._silence(place))
            raise StillReadingError(
                f"{place} has not answered in {seconds:.1f} s; it is being asked", seconds
            )
        return cast("T", waited.result())

    def _silence(self, place: str) -> float:
        """For how long a place has owed an answer and given none, whoever asked first."""
        begins = [began for _, began, of in list(self._under_way.values()) if of == place]
        heard = self._heard.get(place, 0.0)
        return time.monotonic() - max(min(begins), heard) if begins else 0.0

    def _make(
        self,
        place: str,
        key: Hashable,
        make: Callable[[], T],
        weight: Callable[[T], int],
        series: Hashable,
    ) -> T:
        try:
            value = make()
        except Exception as error:
            with self._lock:
                self._heard[place] = time.monotonic()
                self._put(key, _Entry(time.monotonic(), 1, error=error))
            raise
        with self._lock:
            self._heard[place] = time.monotonic()
            self._put(key, _Entry(time.monotonic(), weight(value), value))
            if series is not None:
                self._last[series] = key
        return value

    def _put(self, key: Hashable, entry: _Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        total = sum(one.weight for one in self._entries.values())
        while total > self._most_weight and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            total -= oldest.weight
            self._last = {name: one for name, one in self._last.items() if one in self._entries}

    def _pool(self, place: str) -> ThreadPoolExecutor:
        pool = self._pools.get(place)
        if pool is None:
            if len(self._pools) >= _MOST_PLACES:
                self._pools.popitem(last=False)[1].shutdown(wait=False)
            pool = self._pools[place] = ThreadPoolExecutor(_THREADS, f"ui-{place}")
        self._pools.move_to_end(place)
        return pool

    def close(self) -> None:
        """Give back the threads; what is under way ends by itself."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


def _take_error(future: asyncio.Future[Any]) -> None:
    """Nobody may wait for it any more: asyncio would complain of an error that nobody took."""
    if not future.cancelled():
        future.exception()
