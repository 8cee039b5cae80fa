"""Figures for monitoring, through Airflow's own metrics (StatsD or OpenTelemetry, as Airflow is set up).

Each figure goes out twice, as Airflow's own do: once with tags, for servers that understand them, and once
with the plan in its name. docs/reference/metrics.md names them all.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger(__name__)

PREFIX = "migration_ops"
NAMES = {
    "restore_point.bytes": "gauge: size of the newest restore point's volumes",
    "restore_point.added_bytes": "gauge: what the newest restore point added to the vault",
    "restore_point.objects": "gauge: objects in the newest restore point",
    "restore_point.volumes": "gauge: volumes in the newest restore point",
    "restore_point.warnings": "gauge: files and objects that could not be read",
    "restore_point.time": "gauge: when the newest restore point was committed, seconds since 1970",
    "restore_point.age": "gauge: seconds since the newest restore point began, when the next backup does",
    "restore_point.duration": "timer: milliseconds from a backup's start to its commit",
    "restore_points": "counter: restore points made",
    "volume.duration": "timer: milliseconds that one volume's mover took",
    "volume.added_bytes": "counter: bytes that movers added to the vault",
    "forecast.downtime": "gauge: seconds of downtime that the next cutover is expected to take",
    "cutover.downtime": "gauge: seconds of downtime that the last cutover took",
}


def measure_restore_point(plan: str, done: Mapping[str, Any]) -> None:
    """A restore point was committed.

    :param done: what the commit returned.
    """
    tags = {"kind": str(done["kind"])}
    volumes = done.get("volumes", [])
    _gauge(plan, "restore_point.bytes", done["bytes"], tags)
    _gauge(plan, "restore_point.added_bytes", done["added_bytes"], tags)
    _gauge(plan, "restore_point.objects", done["objects"], tags)
    _gauge(plan, "restore_point.volumes", len(volumes), tags)
    _gauge(plan, "restore_point.warnings", sum(len(one.get("warnings", [])) for one in volumes), tags)
    _gauge(plan, "restore_point.time", datetime.now(UTC).timestamp(), {})
    _gauge(plan, "restore_point.age", 0, {})
    _timing(plan, "restore_point.duration", done["seconds"], tags)
    _count(plan, "restore_points", 1, tags)
    for one in volumes:
        which = tags | {"namespace": one["namespace"], "claim": one["claim"]}
        _timing(plan, "volume.duration", one.get("seconds", 0.0), which)
        _count(plan, "volume.added_bytes", one.get("added_bytes", 0), which)


def measure_age(plan: str, newest: datetime | None) -> None:
    """How old the newest restore point is; nothing if there is none."""
    if newest is not None:
        _gauge(plan, "restore_point.age", (datetime.now(UTC) - newest).total_seconds(), {})


def measure_forecast(plan: str, seconds: float) -> None:
    """A forecast of the downtime was made."""
    _gauge(plan, "forecast.downtime", seconds, {})


def measure_downtime(plan: str, seconds: float | None) -> None:
    """A cutover was measured."""
    if seconds is not None:
        _gauge(plan, "cutover.downtime", seconds, {})


def _gauge(plan: str, name: str, value: float, tags: Mapping[str, str]) -> None:
    _send("gauge", plan, name, value, tags)


def _timing(plan: str, name: str, seconds: float, tags: Mapping[str, str]) -> None:
    _send("timing", plan, name, seconds * 1000.0, tags)


def _count(plan: str, name: str, number: int, tags: Mapping[str, str]) -> None:
    _send("incr", plan, name, number, tags)


def _send(what: str, plan: str, name: str, value: float, tags: Mapping[str, str]) -> None:
    from airflow.sdk.observability import stats

    send = getattr(stats, what)
    try:
        send(f"{PREFIX}.{name}", value, tags={"plan": plan, **tags})
        send(f"{PREFIX}.{plan}.{name}", value)
    except Exception as error:  # noqa: BLE001 - figures are for watching; the run must go on without them
        log.warning("The figure %s could not be sent: %s", name, error)
