"""Puts together what the capture says of objects and what the rules did to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from migration_ops.ui.point_contents import Identity, LeftOutLine, ObjectLine

if TYPE_CHECKING:
    from migration_ops.ui.point_contents import Adaptation, Contents


def object_lines(lines: Sequence[ObjectLine], adaptation: Adaptation | None) -> list[ObjectLine]:
    """Objects with the number of their changes, or why they don't go to the target."""
    if adaptation is None:
        return list(lines)
    return [
        line.model_copy(
            update={
                "changes": len(adaptation.changes.get(Identity.of(line), ())),
                "dropped": adaptation.dropped.get(Identity.of(line), ""),
            }
        )
        for line in lines
    ]


def out_lines(contents: Contents, adaptation: Adaptation | None) -> list[LeftOutLine]:
    """What isn't part of the point, then what the rules keep from the target."""
    dropped = adaptation.dropped_lines if adaptation else []
    return [*contents.left_out, *dropped]
