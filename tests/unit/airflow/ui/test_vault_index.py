"""What the vault's snapshots say about a plan, from their tags alone."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.ui.plan_state import change_rate, point_line
from migration_ops.ui.rendering import ago
from migration_ops.ui.vault_index import _seconds

from .slips import FINAL, NOON, POINT, plan, slip


def test_a_final_point_begins_with_its_volumes_not_with_the_run_that_asked_first():
    volume = slip("volume", point=FINAL, namespace="shop", claim="data")
    (point,) = plan(volume, slip("resources", point=FINAL)).points
    assert point.began == volume.time


def test_a_point_that_added_more_than_it_holds_saved_nothing():
    volume = slip("volume", point=POINT, namespace="shop", claim="data")
    larger = dataclasses.replace(volume, bytes=90, added_bytes=100)
    (point,) = plan(larger, slip("resources", point=POINT)).points
    assert point_line(point).saved_share == 0


def test_the_change_rate_is_what_increments_add_between_two_points():
    first, second = slip("volume", point=POINT, claim="data"), slip("volume", point=FINAL, claim="data")
    known = plan(first, slip("resources", point=POINT), second, slip("resources", point=FINAL))
    gap = second.time - known.points[0].began
    assert change_rate(known.points) == second.added_bytes / gap.total_seconds()
    assert change_rate(known.points[:1]) is None


def test_a_point_takes_from_its_beginning_to_its_commit_whatever_its_name_says():
    resources = slip("resources", point=POINT)
    began = resources.time - timedelta(seconds=12.5)
    noted = dataclasses.replace(resources, tags=resources.tags | {"began": began.isoformat()})
    (point,) = plan(slip("volume", point=POINT, claim="data"), noted).points
    assert (point.began, point_line(point).seconds) == (began, 12.5)


def test_a_beginning_that_is_no_time_is_passed_over():
    odd = dataclasses.replace(slip("resources", point=POINT))
    odd.tags["began"] = "yesterday"
    assert plan(odd).points[0].began == NOON


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-36 * 3600, "36 h ago"),
        (-3 * 86400, "3 days ago"),
        (1.9, "s ago"),
        (3630, "in the future: clocks differ by 1 h"),
    ],
)
def test_a_point_of_the_future_is_told(seconds, said):
    assert ago(datetime.now(UTC) + timedelta(seconds=seconds)).endswith(said)


@pytest.mark.parametrize(
    ("began", "ended"),
    [
        ("2026-11-22T12:00:00.123456789Z", "2026-11-22T12:00:02.123456789Z"),
        ("2026-11-22T12:00:00.12345Z", "2026-11-22T12:00:02.123450001Z"),
        ("2026-11-22T20:00:00.5+08:00", "2026-11-22T12:00:02.500000123Z"),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:02.0Z"),
    ],
)
def test_a_snapshots_seconds_are_told_however_finely_its_times_are_written(began, ended):
    assert _seconds({"backup_start": began, "backup_end": ended}) == 2
