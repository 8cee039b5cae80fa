"""Remembers what movers said last, and since when: a mover that stands still repeats itself."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

STILL_SECONDS = 15.0
_MOST = 5000
_FIGURES = ("percent_done", "bytes_done", "total_bytes", "files_done", "total_files")
_MOVES = ("percent_done", "bytes_done", "files_done")
_SPEED = ("seconds_elapsed", "seconds_remaining")


@dataclass
class _Last:
    said: dict[str, Any]
    since: float


class MoverWatch:
    """What movers said last, by a key that each mover has for its life."""

    def __init__(self) -> None:
        self._last: OrderedDict[Hashable, _Last] = OrderedDict()

    def watched(self, key: Hashable, said: Mapping[str, Any], now: float | None = None) -> dict[str, Any]:
        """What a mover says, with its last figures if it gives none; without a speed once it stands still.

        :param said: as its cluster tells it.
        :param now: by a clock that only goes forward.
        """
        now = time.monotonic() if now is None else now
        found, last = dict(said), self._last.get(key)
        if "bytes_done" not in said:
            if last is None:
                return found
            found |= {name: last.said[name] for name in _FIGURES if name in last.said}
        elif last is None or any(last.said.get(name) != said.get(name) for name in _MOVES):
            self._last[key] = last = _Last({name: said[name] for name in _FIGURES if name in said}, now)
            while len(self._last) > _MOST:
                self._last.popitem(last=False)
        still = now - last.since
        if still >= STILL_SECONDS and found.get("percent_done", 0) < 1:
            found = {name: value for name, value in found.items() if name not in _SPEED}
            word = f"no progress for {still:.0f} s"
            found["reason"] = f"{word}; {found['reason']}" if found.get("reason") else word
        return found
