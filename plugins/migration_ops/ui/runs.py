"""Runs as the journal in the vault tells them: what happened when, what was found, how long it was down."""

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
from migration_ops.migration.journal import QUIESCE_BEGUN, Event
from migration_ops.migration.report_page import Facts, build_report
from migration_ops.migration.report_page.model import FindingLine, RunReport
from migration_ops.migration.vault_records import read_document
from migration_ops.ui.plan_state import Downtime, Record

if TYPE_CHECKING:
    from migration_ops.migration import Plan
    from migration_ops.migration.restore_point import RestorePoint
    from migration_ops.ui.vault_index import PlanSlips, Slip
    from migration_ops.vault import Repository

FRESHNESS = timedelta(minutes=2)
"""A cutover makes one more increment before the stop: so much time lies between the two at least."""

_EVENT_FILE = "event.json"
_STOPPED = QUIESCE_BEGUN
_OUTCOMES = {
    "rolled-back": "rolled back",
    "finished": "finished",
    "failed": "failed",
    "torn-down": "torn down",
    "verified": "verified",
    "resumed": "resumed",
    "staged": "staged",
    "connected": "looked",
    "window-ended": "waits for its window",
    "staging-stopped": "waits for its window",
}
_KINDS = {
    "rehearsal-begun": "rehearsal",
    "restore-begun": "restore",
    "prepared": "cutover",
    _STOPPED: "cutover",
    "rolled-back": "rollback",
    "resumed": "resume",
    "staged": "staging",
    "connected": "connect",
    "window-ended": "backup",
    "staging-stopped": "staging",
}


class RunLine(Record):
    """A run that wrote into the journal.

    :param stopped: whether it stopped the source.
    :param url: the run in Airflow, if Airflow still knows it.
    """

    run: str
    kind: str
    outcome: str
    began: datetime
    ended: datetime
    stopped: bool
    has_report: bool
    url: str = ""


def run_line(run: str, slips: PlanSlips, url: str = "") -> RunLine:
    """A run as its snapshots' tags tell it; nothing is opened."""
    events = slips.journal[run]
    names = {one.tags.get("event", "") for one in events}
    report = slips.reports.get(run)
    kind = next((word for name, word in _KINDS.items() if name in names), "run")
    return RunLine(
        run=run,
        kind=report.tags.get("report", kind) if report else kind,
        outcome=next((word for name, word in _OUTCOMES.items() if name in names), "not ended"),
        began=events[0].time,
        ended=events[-1].time,
        stopped=_STOPPED in names,
        has_report=report is not None,
        url=url,
    )


def run_lines(slips: PlanSlips, urls: dict[str, str]) -> list[RunLine]:
    """All runs, the newest first.

    :param urls: by run, where it is in Airflow.
    """
    lines = [run_line(run, slips, urls.get(run, "")) for run in slips.journal]
    return sorted(lines, key=lambda line: line.began, reverse=True)


def read_events(repository: Repository, slips: Sequence[Slip]) -> list[Event]:
    """Open a run's events, in the order in which they ended."""
    found = [Event.model_validate(read_document(repository, one.id, _EVENT_FILE)) for one in slips]
    return sorted(found, key=lambda event: event.ended)


def run_report(plan: Plan, kind: str, run: str, events: Sequence[Event]) -> RunReport:
    """What a run's events say, in the shape of its report."""
    prepared = next((event.data for event in reversed(events) if event.name == "prepared"), {})
    forecast = prepared.get("forecast")
    facts = Facts(
        source=plan.source.conn_id,
        target=plan.target.conn_id if plan.target else "",
        events=events,
        forecast=Forecast.model_validate(forecast) if forecast else None,
    )
    report = build_report(plan, kind, run, facts)
    return report.model_copy(update={"findings": findings_of(events)})


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
