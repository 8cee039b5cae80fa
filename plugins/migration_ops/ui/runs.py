"""One run as its journal in the vault tells it: what happened when, what was found, how long it was down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from migration_ops.migration.forecast import (
    Forecast,
    Lanes,
    make_forecast,
    outlook,
    read_history,
)
from migration_ops.migration.journal import Event
from migration_ops.migration.report_page import Facts, build_report
from migration_ops.migration.report_page.model import FindingLine, RunReport
from migration_ops.migration.vault_records import read_document
from migration_ops.ui.plan_state import Downtime

if TYPE_CHECKING:
    from migration_ops.migration import Plan
    from migration_ops.migration.restore_point import RestorePoint
    from migration_ops.ui.vault_index import Slip
    from migration_ops.vault import Repository

FRESHNESS = timedelta(minutes=2)
"""A cutover makes one more increment before the stop: so much time lies between the two at least."""

_EVENT_FILE = "event.json"


def read_events(repository: Repository, slips: Sequence[Slip]) -> list[Event]:
    """Open a run's events, in the order in which they ended."""
    found = [Event.model_validate(read_document(repository, one.id, _EVENT_FILE)) for one in slips]
    return sorted(found, key=lambda event: event.ended)


def run_report(
    plan: Plan, kind: str, run: str, events: Sequence[Event], *, over: datetime | None = None
) -> RunReport:
    """What a run's events say, in the shape of its report.

    :param over: when another run ended the downtime that this one began, if one did.
    """
    prepared = next((event.data for event in reversed(events) if event.name == "prepared"), {})
    forecast = prepared.get("forecast")
    facts = Facts(
        source=plan.source.conn_id,
        target=plan.target.conn_id if plan.target else "",
        events=events,
        forecast=Forecast.model_validate(forecast) if forecast else None,
        over=over,
    )
    report = build_report(plan, kind, run, facts)
    return report.model_copy(update={"findings": [*report.findings, *findings_of(events)]})


def findings_of(events: Sequence[Event]) -> list[FindingLine]:
    """The newest readiness findings among some events."""
    for event in reversed(events):
        said = event.data.get("readiness")
        if isinstance(said, list):
            return [_finding(one) for one in said]
    return []


def _finding(one: dict[str, Any]) -> FindingLine:
    return FindingLine(
        severity=one["severity"],
        origin=one["check"],
        object=one["object"],
        text=one["reason"],
        suggestion=one.get("suggestion", ""),
    )


def forecast_downtime(plan: Plan, points: Sequence[RestorePoint], events: Sequence[Event]) -> Forecast | None:
    """How long a cutover would take the application down, as `PLAN.cutover` would forecast it.

    :param points: the newest restore points, oldest first.
    :param events: of the newest runs.
    """
    whole = [point for point in points if not point.partial]
    if not whole or plan.target is None:
        return None
    latest, history = whole[-1], read_history(events, points)
    claims = [(plan.target_namespace(volume.namespace), volume.claim) for volume in latest.volumes]
    volumes = outlook(latest, history, latest.started + FRESHNESS, plan.namespaces, staged=claims)
    lanes = Lanes(plan.movers.parallelism.source, plan.movers.parallelism.target)
    return make_forecast(plan.name, history, volumes, lanes)


def downtime_of(forecast: Forecast | None) -> Downtime | None:
    """A forecast's figures."""
    if forecast is None:
        return None
    said = forecast.downtime
    return Downtime(expected=said.point, low=said.low, high=said.high, runs=forecast.runs)
