"""The forecast of a plan's next cutover, from what its vault holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.migration.forecast.history import VolumeName, read_history
from migration_ops.migration.forecast.making import Lanes, make_forecast, outlook
from migration_ops.migration.forecast.model import Forecast
from migration_ops.migration.vault_records import find_restore_points

if TYPE_CHECKING:
    from migration_ops.migration.journal import Journal
    from migration_ops.migration.plan import Plan
    from migration_ops.vault import Repository

Probes = Mapping[str, Mapping[str, Any] | None]


def forecast_cutover(
    plan: Plan,
    repository: Repository,
    journal: Journal,
    *,
    at: datetime | None = None,
    staged: Collection[VolumeName] = (),
    probes: Probes | None = None,
) -> Forecast | None:
    """How long the application would be down; nothing if the vault has no restore point yet.

    :param journal: the plan's.
    :param at: when the application would be stopped; now if left out.
    :param staged: (namespace, claim) of the target's claims that hold the newest restore point.
    :param probes: by side, the summary of the vault probe: gives throughputs that nothing else tells yet.
    """
    points = find_restore_points(repository, plan.name)
    whole = [point for point in points if not point.partial]
    if not whole:
        return None
    now = datetime.now(UTC)
    history = read_history(journal.events(), points)
    volumes = outlook(whole[-1], history, at or now, plan.namespaces, staged=staged)
    lanes = Lanes(
        source=plan.movers.parallelism.source,
        target=plan.movers.parallelism.target,
        upload=_rate(probes, "source", "write_seconds"),
        download=_rate(probes, "target", "read_seconds"),
    )
    return make_forecast(plan.name, history, volumes, lanes, now=now)


def _rate(probes: Probes | None, side: str, seconds: str) -> float | None:
    """Bytes per second that a probe measured."""
    summary = (probes or {}).get(side) or {}
    size, took = float(summary.get("bytes") or 0), float(summary.get(seconds) or 0)
    return size / took if size > 0 and took > 0 else None
