"""Makes what the vault's tags say of a plan, in the order in which it happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from migration_ops.ui.vault_index import PlanSlips, Slip, by_plan

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
POINT, FINAL = "20261122T120000Z-full-aaaaaaaa", "20261122T130000Z-final-bbbbbbbb"
numbers = count()


def slip(content: str, **tags: str) -> Slip:
    """A snapshot, a second newer than the one before it."""
    number = next(numbers)
    tags = {"plan": "shop", "content": content} | tags
    return Slip(f"{number:064x}", NOON + timedelta(seconds=number), tags, 1000, 1, 100, 1.0)


def journal(name: str, *events: str) -> list[Slip]:
    """What a run tells the journal."""
    return [slip("journal", run=name, event=event) for event in events]


def run(name: str, point: str, *events: str) -> list[Slip]:
    """What a run writes that adapts a restore point, fills claims, and tells the journal."""
    return [slip("adapted", run=name, point=point), *journal(name, *events)]


def plan(*slips: list[Slip] | Slip) -> PlanSlips:
    """The plan as the index has it."""
    return by_plan([one for part in slips for one in (part if isinstance(part, list) else [part])])["shop"]
