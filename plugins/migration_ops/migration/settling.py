"""Looks at what was started again and again, until it is as it should be or had the time for that.

A minute after an API server or a node came back, Services have no endpoints yet and probes fail: nobody is to
be asked about what passes by itself. What can't pass by itself is judged at the first look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

PAUSE_SECONDS = 1.0

_LONGEST_LINE = 300


class Look(Protocol):
    """What one look found."""

    @property
    def unsettled(self) -> dict[str, str]:
        """What is wrong and may still pass by itself: a line for each object or probe."""

    @property
    def lasts(self) -> bool:
        """Whether something is wrong that doesn't pass by itself."""


Found = TypeVar("Found", bound=Look)


@dataclass
class _Spell:
    """For how long something was wrong."""

    line: str
    began: float
    ended: float

    def go_on(self, line: str) -> None:
        self.line, self.ended = line, time.monotonic()

    def __str__(self) -> str:
        return f"{_short(self.line)} (for {max(1.0, self.ended - self.began):.0f} s)"


def look_until_settled(
    look: Callable[[Found | None], Found],
    *,
    patience: Callable[[Found], float],
    extension: float,
    trouble: Callable[[], str],
    returned_at: Callable[[], float],
    say: Callable[[str], object],
) -> tuple[Found, list[str]]:
    """Look until nothing is wrong in one and the same look, or what is wrong has had its time.

    The time begins anew when the cluster's server comes back, and as long as there is trouble below.

    :param look: looks once, knowing the look before; the first one costs nothing but itself.
    :param patience: how many seconds what a look found may take.
    :param extension: for how many seconds more trouble may draw it out, all in all.
    :param trouble: says what keeps things from settling (a node that isn't ready), or nothing.
    :param returned_at: when the server was last seen to come back, by `time.monotonic`.
    :param say: told what isn't well yet, whenever that changes.
    :return: the last look, and what was wrong only for a while.
    """
    began = looked = quiet_since = time.monotonic()
    spells: dict[str, _Spell] = {}
    told: object = None
    found = look(None)
    while True:
        for subject, line in found.unsettled.items():
            spells.setdefault(subject, _Spell(line, looked, looked)).go_on(line)
        if not found.unsettled or found.lasts:
            break
        disturbed = trouble()
        now = time.monotonic()
        quiet_since = now if disturbed else max(quiet_since, returned_at())
        seconds = patience(found)
        left = min(quiet_since + seconds, began + seconds + extension) - now
        if left <= 0:
            break
        news = (set(found.unsettled), disturbed)
        if news != told:
            told = news
            because = f" ({disturbed})" if disturbed else ""
            lines = "; ".join(map(_short, found.unsettled.values()))
            say(f"Looking again for up to {left:.0f} s{because}: {lines}")
        time.sleep(min(PAUSE_SECONDS, left))
        looked = time.monotonic()
        found = look(found)
    return found, [str(spell) for subject, spell in spells.items() if subject not in found.unsettled]


def _short(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
