"""The source must stand still until the end: whatever is written there after the last snapshot is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from migration_ops.migration.errors import DisturbedError

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.migration.events import Event
    from migration_ops.migration.plan import Plan

SAVED_PATIENCE_SECONDS = 15.0
"""How long a source is waited for that has nothing more to give; each second may be one of downtime."""

_SHOWN = 10
_ATTEMPT_SECONDS = 5.0


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


def silence(cluster: Cluster, patience: float) -> str:
    """Why a cluster can't be asked anything; empty if it answers, be it that one has no right.

    :param patience: how many seconds to wait for it; the last attempt may take as long again as one does.
    :raises ClusterError: if it isn't known who answers, or it doesn't know who asks.
    """
    from migration_ops.cluster import ApiError, ClusterUnreachable, NotAuthenticated, ServerFailed

    try:
        cluster.get(
            "/version", what="read the version", retry_seconds=patience, timeout_seconds=_ATTEMPT_SECONDS
        )
    except (ClusterUnreachable, ServerFailed) as error:
        return str(error)
    except NotAuthenticated:
        raise
    except ApiError:
        pass
    return ""


def refuse_disturbed_once_saved(plan: Plan, source: Cluster, claims: Sequence[tuple[str, str]]) -> str:
    """Stop if what the cutover stopped runs again; where the source doesn't answer, it can't be known.

    By now everything is saved: a source that is gone must not keep the target from taking over.

    :param source: one that isn't waited for much longer than `SAVED_PATIENCE_SECONDS`.
    :returns: why the source couldn't be looked at; empty if it stands still.
    :raises DisturbedError: see `refuse_disturbed`.
    """
    from migration_ops.cluster import ClusterUnreachable

    if why := silence(source, SAVED_PATIENCE_SECONDS):
        return why
    try:
        refuse_disturbed(plan, source, claims)
    except ClusterUnreachable as error:
        return str(error)
    return ""


def silence_text(source: str, why: str, events: Sequence[Event] = ()) -> str:
    """What people must know about a source that couldn't be looked at; Markdown.

    :param events: those of the run, to name the steps.
    """
    steps = ", ".join(dict.fromkeys(str(one.data.get("step", "?")) for one in events))
    where = f" (in {steps})" if steps else ""
    return (
        f"**It isn't known whether {source} stood still**{where}: it didn't answer, so it couldn't be judged "
        f"({why}). All that was saved is in the vault, so the cutover goes on. If the application runs there "
        "all the same, what it writes is lost, and both serve: make sure that it is off. While it doesn't "
        "answer there is no way back to it, either."
    )
