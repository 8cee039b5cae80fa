"""The source must stand still until the end: whatever is written there after the last snapshot is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from migration_ops.migration.errors import DisturbedError

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.migration.plan import Plan

_SHOWN = 10


def refuse_disturbed(
    plan: Plan, source: Cluster, claims: Sequence[tuple[str, str]], *, saved: bool = True
) -> None:
    """Stop if what the cutover stopped runs again.

    :param claims: (namespace, name) of the volumes in the source.
    :param saved: whether the last snapshots are committed: trying again doesn't save what was written since.
    :raises DisturbedError: naming what runs, who started it as far as the server knows, and what to do.
    """
    from migration_ops.cluster import disturbances

    found = disturbances(source, plan.name, claims)
    if not found:
        return
    lines = "\n".join(found[:_SHOWN]) + (f"\nand {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    if saved:
        remedy = (
            "What it wrote since the last restore point is not in the target. Roll back; or, if it wrote "
            "nothing that counts, stop it and what started it, and Retry"
        )
    else:
        remedy = "Stop it and what started it, and Retry: the volumes are saved once more"
    raise DisturbedError(f"{source.name} doesn't stand still any more:\n{lines}\n{remedy}")
