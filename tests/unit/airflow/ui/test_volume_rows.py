"""What a bar shows follows from what the mover says and from what is known of its volume."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from migration_ops.migration import Plan
from migration_ops.ui.movers import MoverLine
from migration_ops.ui.vault_index import PointSlips, Slip
from migration_ops.ui.volumes_now import VolumeRow, volume_rows

from .conftest import PLAN

MIB = 2**20


def row(*, known_mib: int | None = None, **said: float | None) -> VolumeRow:
    """The row of a volume while a mover reads it."""
    mover = MoverLine(volume="shop/data", side="source", phase="running", **said)  # type: ignore[arg-type]
    newest = None
    if known_mib is not None:
        tags = {"namespace": "shop", "claim": "data"}
        slip = Slip("f" * 64, datetime.now(UTC), tags, known_mib * MIB, 3, MIB, 1.0)
        newest = PointSlips("20261122T120000Z-full-aaaaaaaa", slip, [slip])
    (found,), others = volume_rows(Plan.model_validate(PLAN), newest, None, [mover])
    assert others == []
    return found


@pytest.mark.parametrize("known_mib", [None, 400])
def test_a_mover_that_knows_its_end_is_believed(known_mib):
    (mover,) = row(known_mib=known_mib, part=0.3, bytes_done=30 * MIB, bytes_total=100 * MIB).movers
    assert (mover.part, mover.bytes_total) == (0.3, 100 * MIB)


def test_else_the_newest_restore_point_tells_the_size():
    (mover,) = row(known_mib=400, part=0.0, bytes_done=100 * MIB, bytes_total=100 * MIB, rate=MIB).movers
    assert (mover.part, mover.bytes_total, mover.seconds_left) == (0.25, 400 * MIB, 300)


def test_where_nobody_knows_there_is_no_percentage():
    found = row(part=0.0, bytes_done=100 * MIB, bytes_total=100 * MIB, rate=MIB)
    (mover,) = found.movers
    assert (mover.part, mover.bytes_done, mover.bytes_total, mover.rate) == (None, 100 * MIB, None, MIB)
    assert (found.bytes, found.files, found.added_bytes) == (None, None, None)
