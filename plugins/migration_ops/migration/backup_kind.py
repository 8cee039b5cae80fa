"""What a backup that begins by itself shall be, told by what the vault holds and what the journal says.

A full backup is owed until there is one, however often runs failed, were missed or skipped since its moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from migration_ops.migration.aftermath import finished_by
from migration_ops.migration.off_peak import Calendar
from migration_ops.migration.restore_point import PointKind
from migration_ops.migration.retention import open_cutover
from migration_ops.migration.vault_records import whole_points

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.migration.plan_schedule import Schedule
    from migration_ops.vault import Repository


def kind_due(
    schedule: Schedule, repository: Repository, plan: str, moment: datetime
) -> tuple[PointKind, str]:
    """The kind of a run, and why.

    :param plan: its name.
    :param moment: when the run was to begin.
    """
    points = whole_points(repository, plan)
    if not points:
        return "full", "the vault has no restore point yet"
    due = Calendar(schedule).full_due(moment)
    if due is None:
        return "incremental", "no full one is scheduled"
    fulls = [_begin(point) for point in points if "-full-" in point]
    if not any(began >= due for began in fulls):
        return "full", f"one is due since {due:%Y-%m-%d %H:%M} UTC"
    return "incremental", f"the full one of {due:%Y-%m-%d %H:%M} UTC is there"


def reason_to_skip(events: Sequence[Event]) -> str | None:
    """Why no backup should begin by itself: the source stands still for a cutover, or for good.

    :param events: the plan's journal, of all runs.
    """
    if run := open_cutover(events):
        return f"cutover {run} has stopped the source"
    if run := finished_by(events):
        return f"the migration was finished by {run}: the source is stopped; pause this DAG"
    return None


def newest_since(repository: Repository, plan: str) -> datetime | None:
    """When the newest restore point began; nothing if there is none."""
    points = whole_points(repository, plan)
    return _begin(points[-1]) if points else None


def _begin(point: str) -> datetime:
    return datetime.strptime(point.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
