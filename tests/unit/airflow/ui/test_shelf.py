"""Answers that take long, and answers that fail."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from migration_ops.ui.shelf import Shelf, StillReadingError
from migration_ops.ui.trouble import trouble


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    kept = Shelf()
    yield kept
    kept.close()


def test_who_waits_too_long_is_told_for_how_long_it_has_been_asked(shelf: Shelf) -> None:
    answered = threading.Event()

    async def ask_twice() -> list[float]:
        waited = []
        for _ in range(2):
            with pytest.raises(StillReadingError) as told:
                await shelf.get("vault", "key", answered.wait, fresh=1, wait=0.05)
            waited.append(told.value.seconds)
        return waited

    first, second = asyncio.run(ask_twice())
    answered.set()
    assert 0 < first < second


def test_the_last_error_is_told_while_it_is_asked_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration_ops.ui.shelf._ERROR_SECONDS", 0)
    answered = threading.Event()

    def refuse() -> None:
        raise OSError("no route to the vault")

    async def ask() -> None:
        with pytest.raises(OSError, match="no route"):
            await shelf.get("vault", "key", refuse, fresh=1, wait=60)
        with pytest.raises(OSError, match="no route"):
            await shelf.get("vault", "key", answered.wait, fresh=1, wait=0.05)

    asyncio.run(ask())
    answered.set()


def test_a_place_that_answers_nobody_is_told_alike_to_who_asked_first_and_to_who_asks_now(
    shelf: Shelf,
) -> None:
    answered = threading.Event()

    async def seconds(place: str, key: str) -> float:
        with pytest.raises(StillReadingError) as told:
            await shelf.get(place, key, answered.wait, fresh=1, wait=0.05)
        return told.value.seconds

    async def ask() -> None:
        first = await seconds("vault", "list")
        assert await seconds("vault", "one object") > first
        assert await seconds("another vault", "its list") < await seconds("vault", "list")
        answers = time.monotonic()
        assert await shelf.get("vault", "quick", lambda: 1, fresh=1, wait=60) == 1
        assert await seconds("vault", "another object") < time.monotonic() - answers

    try:
        asyncio.run(ask())
    finally:
        answered.set()


def test_a_long_silence_is_not_called_reading() -> None:
    assert "a moment" in trouble("vault shop", StillReadingError("", 3)).message
    assert "hasn't answered for 200 s" in trouble("vault shop", StillReadingError("", 200)).message


def test_the_last_good_answer_of_a_series_is_given_while_a_newer_one_is_being_read(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    async def ask(key: str, series: str) -> object:
        return await shelf.get("vault", key, answered.wait, fresh=60, wait=0.05, series=series)

    async def look() -> None:
        first = await shelf.get("vault", "one event", lambda: 1, fresh=60, wait=60, series="run")
        assert first == await ask("two events", "run") == 1
        with pytest.raises(StillReadingError):
            await ask("an event", "another run")
        monkeypatch.setattr("migration_ops.ui.shelf._LAST_SECONDS", 0.0)
        with pytest.raises(StillReadingError):
            await ask("two events", "run")
        answered.set()
        assert await shelf.get("vault", "two events", lambda: 2, fresh=60, wait=60, series="run") is True

    asyncio.run(look())
