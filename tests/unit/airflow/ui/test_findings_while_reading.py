"""What a newer look found takes a moment to be read: until then the findings of the one before stay."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from migration_ops.migration import Plan
from migration_ops.ui.findings_now import look_back
from migration_ops.ui.sources import Sources

from .conftest import PLAN
from .slips import journal, plan


class View:
    """Has opened some events of the run `r`, or none yet."""

    def __init__(self, sources: Sources) -> None:
        self.plan, self.sources = Plan.model_validate(PLAN), sources
        self.opened: list[SimpleNamespace] | None = None

    async def events(self, _slips, _run):
        return self.opened

    async def secrets(self, _point):
        return frozenset()


def event(name: str, *findings: str) -> SimpleNamespace:
    said = [{"check": "images", "object": "o", "severity": one, "reason": "x"} for one in findings]
    return SimpleNamespace(name=name, data={"readiness": said})


def test_the_findings_of_the_look_before_stay_until_the_newer_ones_are_read(monkeypatch):
    view = View(Sources())

    def counts(*events: str) -> dict | None:
        looks = asyncio.run(look_back(view, plan(journal("r", *events))))  # type: ignore[arg-type]
        assert looks.newest is not None
        return looks.newest.counts

    assert counts("looked") is None
    view.opened = [event("looked", "blocker")]
    assert counts("looked") == {"blocker": 1}
    assert counts("looked", "looked") == {"blocker": 1}, "the newer look isn't among the events yet"
    view.opened = None
    assert counts("looked", "looked") == {"blocker": 1}
    view.opened = [event("looked", "blocker"), event("looked", "warning")]
    assert counts("looked", "looked") == {"warning": 1}
    monkeypatch.setattr("migration_ops.ui.findings_now._LAST_SECONDS", 0.0)
    view.opened = None
    assert counts("looked", "looked", "looked") is None


def test_events_from_before_a_look_are_not_taken_for_one_that_found_nothing():
    view = View(Sources())
    view.opened = [event("staged")]
    looks = asyncio.run(look_back(view, plan(journal("r", "staged", "looked"))))  # type: ignore[arg-type]
    assert looks.newest is not None
    assert looks.newest.counts is None
