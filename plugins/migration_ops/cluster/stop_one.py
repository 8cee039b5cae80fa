"""Stops one workload, with what it was written on it in the same request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import tenacity

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import Conflict, NotFound
from migration_ops.cluster.reference import Manifest
from migration_ops.cluster.suspension import noted_state, stop_patch, suspension_of
from migration_ops.cluster.workloads import Workload


def now() -> str:
    """Return the time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def state_of(manifest: Manifest) -> dict[str, Any] | None:
    """Return what is to be remembered of an object; ``None`` for one that does nothing.

    :param manifest: the object as it is.
    """
    suspension = suspension_of(manifest)
    return suspension.remember(manifest) if suspension else None


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(Conflict),
    wait=tenacity.wait_random(0, 0.5),
    stop=tenacity.stop_after_attempt(20),
    reraise=True,
)
def stop_one(cluster: Cluster, workload: Workload, *, plan: str, run: str, ready: bool) -> None:
    """Stop one workload as it is now, which may be another state than when it was listed.

    :param cluster: the source.
    :param workload: as it was listed.
    :param plan: our plan's name.
    :param run: this run's name.
    :param ready: whether it did its work before the first stop.
    """
    reference = workload.reference
    path = workload.resource.path(reference.namespace, reference.name)
    try:
        current: Manifest = cluster.get(path, what=f"read {reference}")
        note = noted_state(current)
        if note is None:
            was = state_of(current)
            if was is None:
                return
            note = {"plan": plan, "run": run, "wave": workload.wave, "at": now(), "was": was}
            if not ready:
                note["ready"] = False
        cluster.patch(path, stop_patch(current, note), what=f"stop {reference}")
    except NotFound:
        return
