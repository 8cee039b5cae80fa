"""What the vault's snapshots say about a plan, from their tags alone."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from migration_ops.ui.plan_state import point_line
from migration_ops.ui.vault_index import PlanSlips, Slip, by_plan

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
POINT, FINAL = "20261122T120000Z-full-aaaaaaaa", "20261122T130000Z-final-bbbbbbbb"
numbers = count()


def slip(content: str, **tags: str) -> Slip:
    number = next(numbers)
    tags = {"plan": "shop", "content": content} | tags
    return Slip(f"{number:064x}", NOON + timedelta(seconds=number), tags, 1000, 1, 100, 1.0)


def run(name: str, point: str, *events: str) -> list[Slip]:
    """What a run writes that adapts a restore point, fills claims, and tells the journal."""
    told = [slip("journal", run=name, event=event) for event in events]
    return [slip("adapted", run=name, point=point), *told]


def plan(*slips: list[Slip] | Slip) -> PlanSlips:
    return by_plan([one for part in slips for one in (part if isinstance(part, list) else [part])])["shop"]


def test_a_staged_point_is_the_one_that_a_staging_brought_to_its_end():
    known = plan(slip("resources", point=POINT), run("stage", POINT))
    assert known.staged_point is None
    known = plan(slip("resources", point=POINT), run("stage", POINT, "staged"))
    assert known.staged_point == POINT


@pytest.mark.parametrize("begun", ["rehearsal-begun", "restore-begun"])
def test_neither_a_rehearsal_nor_a_restore_stages(begun):
    elsewhere = [begun, "staged", "applied"]
    known = plan(slip("resources", point=POINT), run("elsewhere", POINT, *elsewhere))
    assert known.staged_point is None
    assert known.adapted[POINT].tags["run"] == "elsewhere"
    known = plan(
        slip("resources", point=POINT),
        run("stage", POINT, "staged"),
        run("elsewhere", POINT, *elsewhere),
    )
    assert known.staged_point == POINT
    assert known.adapted[POINT].tags["run"] == "stage"


def test_a_moved_plan_stays_moved_when_its_final_point_is_rehearsed_or_restored_elsewhere():
    moved = [slip("resources", point=FINAL), *run("cutover", FINAL, "restored", "finished")]
    assert plan(moved).is_moved
    assert plan(moved, run("restore", FINAL, "restore-begun", "staged", "applied")).is_moved
    assert not plan(moved, slip("journal", run="cutover", event="rolled-back")).is_moved


def test_a_final_point_begins_with_its_volumes_not_with_the_run_that_asked_first():
    volume = slip("volume", point=FINAL, namespace="shop", claim="data")
    (point,) = plan(volume, slip("resources", point=FINAL)).points
    assert point.began == volume.time


def test_a_point_that_added_more_than_it_holds_saved_nothing():
    volume = slip("volume", point=POINT, namespace="shop", claim="data")
    larger = dataclasses.replace(volume, bytes=90, added_bytes=100)
    (point,) = plan(larger, slip("resources", point=POINT)).points
    assert point_line(point).saved_share == 0
