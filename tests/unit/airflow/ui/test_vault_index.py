"""What the vault's snapshots say about a plan, from their tags alone."""

from __future__ import annotations

import dataclasses

from migration_ops.ui.plan_state import change_rate, point_line

from .slips import FINAL, POINT, plan, slip


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
