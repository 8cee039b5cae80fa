"""Who looks first at a restore point waits for what takes longest, not for one after the other."""

from __future__ import annotations

import asyncio


def opened(view, found):
    from migration_ops.ui.point_pages import _opened

    return _opened(view, found)


class View:
    """Answers each question once the other one is asked, too."""

    def __init__(self) -> None:
        self.both_asked = asyncio.Barrier(2)

    async def contents(self, point):
        await self.both_asked.wait()
        return f"what {point} holds"

    async def adaptation(self, _slips, point):
        await self.both_asked.wait()
        return f"what became of {point}"


def test_contents_and_adaptation_are_read_at_once():
    async def look():
        async with asyncio.timeout(60):
            return await opened(View(), ("slips", "p1"))

    assert asyncio.run(look()) == ("what p1 holds", "what became of p1")


def test_a_vault_that_is_away_is_asked_for_nothing_more():
    assert asyncio.run(opened(None, None)) == (None, None)
