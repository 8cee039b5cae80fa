"""One plan as it is now: Airflow, vault and clusters are asked at once, and put together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError
from migration_ops.ui.airflow_health import parts_that_rest
from migration_ops.ui.airflow_runs import (
    Found,
    failed_backups,
    known_runs,
    open_questions,
    open_runs,
)
from migration_ops.ui.findings_now import Looks, counted, look_back
from migration_ops.ui.movers import AtWork, movers_of, silent_clusters
from migration_ops.ui.plan_detail import PlanDetail
from migration_ops.ui.plan_state import FailedBackup, active_runs_of, approvals_of, plan_line, point_line
from migration_ops.ui.plan_view import PlanView, runs_of
from migration_ops.ui.run_lines import run_lines
from migration_ops.ui.run_spans import whole_run
from migration_ops.ui.runs import run_report
from migration_ops.ui.trouble import Trouble, trouble
from migration_ops.ui.volumes_now import VolumeRow, volume_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration_ops.migration import Plan
    from migration_ops.migration.journal import Event
    from migration_ops.ui.movers import Side
    from migration_ops.ui.plan_state import Downtime, PlanLine
    from migration_ops.ui.vault_index import PlanSlips

CHART, POINTS, RUNS, FINDINGS = 90, 15, 10, 200
"""So much of each list is on the page; the rest is counted, and has pages of its own."""


async def look_at_plan(view: PlanView, airflow: AirflowApi, root: str) -> tuple[PlanDetail, list[VolumeRow]]:
    """A plan, and all its volumes, which may be thousands.

    :param root: where Airflow's UI begins.
    """
    plan = view.plan
    view.strict = False  # the answer itself says what is missing
    (questions, runs, work), newest, failed, told = await asyncio.gather(
        _now(airflow, view, root),
        runs_of(view, airflow),
        failing_backups(airflow, [plan.name], root, view.troubles),
        _told(view),
    )
    slips = told.slips
    known = known_runs(newest.items, root) | known_runs(runs.items, root)
    lines = run_lines(plan, slips, known, work.waits)
    waits = {one.run: one.waits_until for one in lines if one.waits_until} | work.waits
    line = plan_line(
        plan,
        slips,
        airflow_read=questions.known and runs.known,
        downtime=told.downtime,
        failed_backup=failed.get(plan.name),
        open_approvals=approvals_of(plan.name, questions.items, root),
        active_runs=active_runs_of(plan.name, runs.items, root, waits),
    )
    if line.nowhere and not runs.items:
        for one in await silent_clusters(view.sources, plan.name, _clusters_of(plan)):
            view.note(one)
    points = slips.points if slips else []
    rows, others = volume_rows(
        plan, points[-1] if points else None, told.staged, work.lines, moved=bool(line.moved)
    )
    if told.staged is not None:
        line = as_the_target_says(line, rows)
    stopped = next((one for one in lines if one.stopped), None)
    happened = told.events if stopped and stopped.run == told.stopped else None
    report = run_report(plan, stopped.kind, stopped.run, happened) if stopped and happened else None
    chart = [point_line(one) for one in reversed(points)]
    findings = told.looks.findings
    return PlanDetail(
        plan=line,
        chart=chart[:CHART],
        points=chart[:POINTS],
        stored_bytes=sum(one.added_bytes for one in chart),
        content_bytes=sum(one.bytes for one in chart),
        others=others,
        movers=work.lines,
        movers_more=work.more,
        looked=told.looks.newest,
        looked_before=told.looks.before,
        findings=findings[:FINDINGS],
        findings_more=max(0, len(findings) - FINDINGS),
        findings_by_severity=counted(findings),
        runs=lines[:RUNS],
        runs_more=max(0, len(lines) - RUNS) + newest.more,
        stopped=stopped,
        last_cutover=report,
        timeline=whole_run(report.timeline, happened) if report and happened else [],
        troubles=view.troubles,
    ), rows


def as_the_target_says(line: PlanLine, rows: Sequence[VolumeRow]) -> PlanLine:
    """The plan's state with what the target's claims hold, where that is clear: they know better.

    :param rows: of all volumes, with the target asked.
    """
    held = {row.staged for row in rows if row.bytes is not None}
    if line.last and held == {"newest"}:
        return line.model_copy(update={"staged": True, "staged_point": line.last.id})
    if held == {"nothing"}:
        return line.model_copy(update={"staged": False, "staged_point": None})
    return line


@dataclass
class _Told:
    """What vault and target tell of a plan.

    :param stopped: the newest run that stopped the source, and its events.
    """

    slips: PlanSlips | None
    staged: dict[tuple[str, str], str] | None = None
    downtime: Downtime | None = None
    looks: Looks = field(default_factory=Looks)
    stopped: str = ""
    events: Sequence[Event] | None = None


async def _told(view: PlanView) -> _Told:
    """Ask vault and target at once for all that doesn't depend on each other."""
    slips = await view.slips()
    if slips is None:
        return _Told(None)
    stopped = next((one.run for one in run_lines(view.plan, slips, {}) if one.stopped), "")

    async def events() -> list[Event] | None:
        return await view.events(slips, stopped) if stopped else None

    async def staged() -> dict[tuple[str, str], str] | None:
        return await view.staged(slips.points[-1]) if slips.points else None

    held, downtime, looks, happened = await asyncio.gather(
        staged(), view.downtime(slips), look_back(view, slips), events()
    )
    return _Told(slips, held, downtime, looks, stopped, happened)


async def _now(airflow: AirflowApi, view: PlanView, root: str) -> tuple[Found, Found, AtWork]:
    """Open questions, runs that aren't over, and the plan's movers at work."""
    plan = view.plan
    questions, runs = await open_in_airflow(airflow, [plan.name], view.troubles)
    try:
        work = await movers_of(airflow, view.sources, plan.name, _clusters_of(plan), runs.items, root)
    except AirflowAwayError as error:
        view.note(trouble("Airflow", error))
        return questions, runs, AtWork()
    for one in work.troubles:
        view.note(one)
    return questions, runs, work


def _clusters_of(plan: Plan) -> dict[Side, str]:
    return {"source": plan.source.conn_id, "target": plan.target.conn_id if plan.target else ""}


async def open_in_airflow(
    airflow: AirflowApi, plans: Sequence[str], troubles: list[Trouble]
) -> tuple[Found, Found]:
    """Open questions, and runs that aren't over, of some plans.

    :param troubles: is told why Airflow didn't answer, and what isn't shown.
    """

    def note(said: Trouble) -> None:
        if said not in troubles:
            troubles.append(said)

    async def tried(asked: Any, what: str) -> Found:
        try:
            found: Found = await asked
        except AirflowAwayError as error:
            note(trouble("Airflow", error))
            return Found(known=False)
        if found.more:
            note(Trouble(where="Airflow", message=f"has {found.more} more {what} than are shown here"))
        return found

    questions, runs, resting = await asyncio.gather(
        tried(open_questions(airflow, plans), "open questions"),
        tried(open_runs(airflow, plans), "runs that aren't over"),
        parts_that_rest(airflow),
    )
    for part in resting:
        note(part)
    return questions, runs


async def failing_backups(
    airflow: AirflowApi, plans: Sequence[str], root: str, troubles: list[Trouble]
) -> dict[str, FailedBackup]:
    """By plan, its newest backup if that one failed.

    :param root: where Airflow's UI begins.
    :param troubles: is told why Airflow didn't answer.
    """
    try:
        found = await failed_backups(airflow, plans)
    except AirflowAwayError as error:
        if (said := trouble("Airflow", error)) not in troubles:
            troubles.append(said)
        return {}
    known = {plan: known_runs([run], root) for plan, run in found.items()}
    return {
        plan: FailedBackup(run=name, ended=run.ended or run.began, url=run.url)
        for plan, runs in known.items()
        for name, run in runs.items()
    }
