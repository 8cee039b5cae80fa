"""The pages of one run: its timeline with the downtime, what was found, and its report in the vault."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from migration_ops.migration.events import RESUMED, VERIFIED
from migration_ops.migration.report_page import PAGE_FILE
from migration_ops.migration.report_page.model import RunReport, Span
from migration_ops.migration.report_page.outages import find_outages
from migration_ops.migration.report_page.timeline import draw, draw_downtimes
from migration_ops.ui.access import MAY_READ_OBJECTS, MAY_READ_PLAN
from migration_ops.ui.airflow_api import AirflowApi
from migration_ops.ui.airflow_runs import known_runs
from migration_ops.ui.asking import MISSING, Airflow, RunName, View, missing, not_known
from migration_ops.ui.paging import Page, PageNumber, cut
from migration_ops.ui.plan_state import Record
from migration_ops.ui.plan_view import PlanView, runs_of, without_secrets
from migration_ops.ui.rendering import page, roots
from migration_ops.ui.run_failures import with_failure
from migration_ops.ui.run_lines import RunLine, run_line, run_lines
from migration_ops.ui.run_spans import whole_run
from migration_ops.ui.runs import run_report
from migration_ops.ui.served_report import POLICY, Theme, as_served
from migration_ops.ui.since_report import since_report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from migration_ops.migration.events import Event
    from migration_ops.ui.vault_index import PlanSlips

_MOST_RUNS = 300
_WITH_REPORT = frozenset({"cutover", "rehearsal", "restore", "rollback"})
"""Kinds of runs that write a report."""

router = APIRouter(dependencies=[MAY_READ_PLAN, MAY_READ_OBJECTS], responses=MISSING)


class RunDetail(Record):
    """A run.

    :param report: what its journal says so far.
    :param timeline: all of it, with what lies between the steps.
    """

    line: RunLine
    report: RunReport | None = None
    timeline: list[Span] = []


@router.get("/plans/{plan}/runs", response_class=HTMLResponse)
async def runs_page(request: Request, view: View, airflow: Airflow, number: PageNumber = 1) -> HTMLResponse:
    """The runs of a plan."""
    lines, more = await _lines(request, view, airflow)
    result = cut(lines, number)
    return page(
        request, "runs.html.j2", plan=view.plan.name, result=result, more=more, troubles=view.troubles
    )


@router.get("/api/plans/{plan}/runs")
async def run_list(request: Request, view: View, airflow: Airflow, number: PageNumber = 1) -> Page[RunLine]:
    """The runs of a plan that the vault's journal or Airflow knows, the newest first, as JSON."""
    return cut((await _lines(request, view, airflow))[0], number)


async def _lines(request: Request, view: PlanView, airflow: AirflowApi) -> tuple[list[RunLine], int]:
    """All runs that can be told, and how many older ones Airflow has."""
    slips, found = await asyncio.gather(view.slips(), runs_of(view, airflow, _MOST_RUNS))
    return run_lines(view.plan, slips, known_runs(found.items, roots(request)[1])), found.more


@router.get("/plans/{plan}/runs/{run}", response_class=HTMLResponse)
async def run_page(request: Request, view: View, airflow: Airflow, run: RunName) -> HTMLResponse:
    """A run."""
    detail = await run_detail(request, view, airflow, run)
    spans = detail.timeline if detail else []
    report = detail.report if detail else None
    answer = page(
        request,
        "run.html.j2",
        plan=view.plan.name,
        run=run,
        detail=detail,
        timeline=draw(spans, report.outages, report.made) if report else None,
        downtimes=draw_downtimes(report.timeline, report.outages, report.made) if report else [],
        troubles=view.troubles,
    )
    return answer if detail else not_known(answer)


@router.get("/api/plans/{plan}/runs/{run}")
async def run_detail(request: Request, view: View, airflow: Airflow, run: RunName) -> RunDetail | None:
    """A run as JSON; nothing while the vault can't be asked."""
    slips, found = await asyncio.gather(view.slips(), runs_of(view, airflow, _MOST_RUNS))
    known = known_runs(found.items, roots(request)[1]).get(run)
    if slips is None and known is None:
        return None
    if known is None and slips is not None and run not in slips.journal:
        raise _no_run(view, run)
    line = run_line(view.plan, run, slips, known)
    events = await view.events(slips, run) if slips and line.told else None
    newest = slips.points[-1] if slips and slips.points else None
    secrets = await view.secrets(newest) if newest and events else frozenset[str]()
    line = await with_failure(airflow, line, found.items, events or [], secrets)
    if slips is None or not events:
        return RunDetail(line=line)
    report = run_report(view.plan, line.kind, run, events, over=_over(slips, run, events))
    findings = without_secrets(report.findings, secrets)
    return RunDetail(
        line=line,
        report=report.model_copy(update={"findings": findings}),
        timeline=whole_run(report.timeline, events),
    )


@router.get("/plans/{plan}/runs/{run}/report", response_class=HTMLResponse)
async def report_page(
    request: Request, view: View, airflow: Airflow, run: RunName, theme: Theme | None = None
) -> HTMLResponse:
    """The report that the run left in the vault, with links back and what became of the run since."""
    slips = await view.slips()
    slip = slips.reports.get(run) if slips else None
    if slips is not None and slip is None:
        raise await _no_report(request, view, airflow, slips, run)
    text = None
    if slip is not None:
        text = await view.document(slip.id, PAGE_FILE)
    if text is None:
        answer = page(request, "no_report.html.j2", plan=view.plan.name, run=run, troubles=view.troubles)
        return not_known(answer)
    name = view.plan.name
    later = await since_report(view, slips, run, slip) if slips and slip else []
    shown = as_served(text, f"{roots(request)[0]}/plans/{name}", name, run, theme, later)
    return HTMLResponse(shown, headers={"Content-Security-Policy": POLICY})


def _over(slips: PlanSlips, run: str, events: Sequence[Event]) -> datetime | None:
    """When another run ended the downtime that this one left behind; none if it isn't over."""
    outages = find_outages(events)
    if not outages or outages[-1].ended:
        return None
    return min(
        (
            slip.time
            for other, written in slips.journal.items()
            if other != run and not slips.is_elsewhere(other)
            for slip in written
            if slip.tags.get("event") in {VERIFIED, RESUMED} and slip.time > outages[-1].began
        ),
        default=None,
    )


async def _no_report(
    request: Request, view: PlanView, airflow: AirflowApi, slips: PlanSlips, run: str
) -> Exception:
    """Why a run has no report, as far as that is known."""
    found = await runs_of(view, airflow, _MOST_RUNS)
    known = known_runs(found.items, roots(request)[1]).get(run)
    none = f"The vault has no report of run {run}"
    if known is None and run not in slips.journal:
        return missing(f"{none}.") if view.troubles else _no_run(view, run)
    line = run_line(view.plan, run, slips, known)
    if line.kind not in _WITH_REPORT:
        return missing(f"{none}, as a {line.kind} has none: its page tells what is known of it.")
    if known and not known.ended:
        return missing(f"{none}: it is written when the run ends.")
    return missing(f"{none}: it ended before one was written. Its page tells what is known of it.")


def _no_run(view: PlanView, run: str) -> Exception:
    return missing(f"The vault's journal of plan {view.plan.name} has no run {run}, nor has Airflow.")
