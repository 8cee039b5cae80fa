"""A plan's volumes as they are now: what the newest restore point has, what the target holds, who moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from migration_ops.ui.movers import MoverLine
from migration_ops.ui.plan_state import Record

if TYPE_CHECKING:
    from migration_ops.migration import Plan
    from migration_ops.ui.vault_index import PlanSlips, PointSlips

Staged = Literal["newest", "moved", "older", "nothing", "unknown", "no target"]


class VolumeRow(Record):
    """A volume.

    :param target: its claim in the target.
    :param bytes: its size in the newest restore point; none if that has it not.
    :param staged: what the target's claim holds.
    :param movers: the tasks that are at it.
    """

    namespace: str
    claim: str
    target: str = ""
    bytes: int | None = None
    files: int | None = None
    added_bytes: int | None = None
    seconds: float | None = None
    staged: Staged = "unknown"
    movers: list[MoverLine] = []


class VolumeHistory(Record):
    """What one restore point has of a volume."""

    point: str
    bytes: int
    files: int
    added_bytes: int
    seconds: float


def volume_rows(
    plan: Plan,
    newest: PointSlips | None,
    staged: dict[tuple[str, str], str] | None,
    movers: Sequence[MoverLine],
    *,
    moved: bool = False,
) -> tuple[list[VolumeRow], list[MoverLine]]:
    """A row for each volume, and the movers that have none.

    :param staged: what the target's claims hold, if that is known.
    :param moved: whether the application runs in the target: then nobody knows any more what they hold.
    """
    rows: dict[str, VolumeRow] = {}
    for one in newest.volumes if newest else []:
        namespace, claim = one.volume
        target = f"{plan.target_namespace(namespace)}/{claim}" if plan.target else ""
        rows[f"{namespace}/{claim}"] = VolumeRow(
            namespace=namespace,
            claim=claim,
            target=target,
            bytes=one.bytes,
            files=one.files,
            added_bytes=one.added_bytes,
            seconds=one.seconds,
            staged="moved" if moved else _staged(plan, (namespace, claim), one.id, staged),
        )
    by_target = {row.target: name for name, row in rows.items() if row.target}
    others = []
    for mover in movers:
        name = by_target.get(mover.volume, "") if mover.side == "target" else mover.volume
        if name not in rows and "/" in mover.volume and mover.side == "source":
            namespace, _, claim = mover.volume.partition("/")
            rows[name] = VolumeRow(
                namespace=namespace, claim=claim, staged="unknown" if plan.target else "no target"
            )
        if name in rows:
            rows[name] = rows[name].model_copy(
                update={"movers": [*rows[name].movers, _measured(mover, rows[name].bytes or 0)]}
            )
        else:
            others.append(mover)
    return sorted(rows.values(), key=lambda row: (not row.movers, row.namespace, row.claim)), others


def _measured(mover: MoverLine, size: int) -> MoverLine:
    """Where a mover doesn't know how much there is, the newest restore point's size tells it, or nobody."""
    done = mover.bytes_done
    if mover.part is None or mover.part > 0 or not done:
        return mover
    if done >= size:
        return mover.model_copy(update={"part": None, "bytes_total": None, "seconds_left": None})
    left = (size - done) / mover.rate if mover.rate else None
    return mover.model_copy(update={"part": done / size, "bytes_total": size, "seconds_left": left})


def _staged(
    plan: Plan, volume: tuple[str, str], snapshot: str, staged: dict[tuple[str, str], str] | None
) -> Staged:
    if plan.target is None:
        return "no target"
    if staged is None:
        return "unknown"
    held = staged.get((plan.target_namespace(volume[0]), volume[1]))
    if held is None:
        return "nothing"
    return "newest" if held == snapshot else "older"


def history_of(slips: PlanSlips, namespace: str, claim: str) -> list[VolumeHistory]:
    """A volume in all restore points that have it, the newest first."""
    return [
        VolumeHistory(
            point=point.id,
            bytes=one.bytes,
            files=one.files,
            added_bytes=one.added_bytes,
            seconds=one.seconds,
        )
        for point in reversed(slips.points)
        for one in point.volumes
        if one.volume == (namespace, claim)
    ]
