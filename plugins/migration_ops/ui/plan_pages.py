"""The list of plans and the page of one, as pages and as JSON."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from migration_ops.migration.report_page.timeline import draw
from migration_ops.ui.access import MAY_READ_PLAN, Readable
from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError
from migration_ops.ui.asking import MISSING, Airflow, View, missing, sources_of
from migration_ops.ui.charts import draw_sizes
from migration_ops.ui.movers import movers_of
from migration_ops.ui.paging import Page, PageNumber, cut
from migration_ops.ui.plan_detail import PlanDetail
from migration_ops.ui.plan_state import (
    PlanList,
    PointLine,
    active_runs_of,
    approvals_of,
    plan_line,
    point_line,
)
from migration_ops.ui.plan_view import PlanView, run_urls, runs_in_airflow
from migration_ops.ui.rendering import page, roots
from migration_ops.ui.runs import RunLine, run_lines, run_report
from migration_ops.ui.standing import standing
from migration_ops.ui.trouble import Trouble, trouble
from migration_ops.ui.volumes_now import VolumeHistory, history_of, volume_rows

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.migration.report_page.model import FindingLine, RunReport
    from migration_ops.ui.plan_state import Downtime
    from migration_ops.ui.vault_index import PlanSlips

router = APIRouter()
Namespace = Annotated[str, Path(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Claim = Annotated[str, Path(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$", max_length=253)]

_MOST = 200
_CHART, _SHOWN_POINTS, _SHOWN_RUNS, _SHOWN_FINDINGS = 90, 15, 10, 200


@router.get("/", response_class=HTMLResponse)
async def plans_page(request: Request, airflow: Airflow, readable: Readable) -> HTMLResponse:
    """The list of plans."""
    return page(request, "plans.html.j2", listed=await plan_list(request, airflow, readable))


@router.get("/api/plans")
async def plan_list(request: Request, airflow: Airflow, readable: Readable) -> PlanList:
    """The list of plans as JSON."""
    sources = sources_of(request)
    known = await sources.plans()
    names = await asyncio.to_thread(readable.of, sorted(known.plans))
    troubles: list[Trouble] = []
    views = [PlanView(known.plans[name], sources) for name in names]
    (questions, runs), *told = await asyncio.gather(
        _open_in_airflow(airflow, troubles), *(_of_vault(view) for view in views)
    )
    root = roots(request)[1]
    lines = [
        plan_line(
            view.plan,
            slips,
            downtime=downtime,
            open_approvals=approvals_of(view.plan.name, questions, root),
            active_runs=active_runs_of(view.plan.name, runs, root),
            troubles=view.troubles,
        )
        for view, (slips, downtime) in zip(views, told, strict=True)
    ]
    problems = known.problems if names or not known.plans else []
    return PlanList(folder=str(known.folder), plans=lines, problems=problems, troubles=troubles)


@router.get("/plans/{plan}", response_class=HTMLResponse, dependencies=[MAY_READ_PLAN], responses=MISSING)
async def plan_page(request: Request, view: View, airflow: Airflow) -> HTMLResponse:
    """One plan."""
    detail = await plan_detail(request, view, airflow)
    return page(
        request,
        "plan.html.j2",
        detail=detail,
        sizes=draw_sizes(detail.chart[::-1]),
        timeline=draw(_shown_spans(detail.last_cutover)) if detail.last_cutover else None,
        is_moving=bool(detail.plan.active_runs),
    )


@router.get("/api/plans/{plan}", dependencies=[MAY_READ_PLAN], responses=MISSING)
async def plan_detail(request: Request, view: View, airflow: Airflow) -> PlanDetail:
    """One plan as JSON, with its movers' live progress."""
    plan, root = view.plan, roots(request)[1]
    view.strict = False  # the answer itself says what is missing
    (questions, runs, moving), known, told = await asyncio.gather(
        _now(airflow, view, root), runs_in_airflow(airflow, plan.name), _told(view)
    )
    more = {
        "open_approvals": approvals_of(plan.name, questions, root),
        "active_runs": active_runs_of(plan.name, runs, root),
    }
    slips = told.slips
    if slips is None or not slips.points:
        rows, others = volume_rows(plan, None, None, moving)
        line = plan_line(plan, slips, **more)
        return PlanDetail(plan=line, volumes=rows, others=others, movers=moving, troubles=view.troubles)
    newest, stopped, events = slips.points[-1], told.stopped, told.events
    rows, others = volume_rows(plan, newest, told.staged, moving, moved=standing(slips).moved)
    chart = [point_line(one) for one in reversed(slips.points)]
    return PlanDetail(
        plan=plan_line(plan, slips, downtime=told.downtime, **more),
        chart=chart[:_CHART],
        points=chart[:_SHOWN_POINTS],
        stored_bytes=sum(one.added_bytes for one in chart),
        content_bytes=sum(one.bytes for one in chart),
        volumes=rows,
        others=others,
        movers=moving,
        findings=told.findings[:_SHOWN_FINDINGS],
        runs=run_lines(slips, run_urls(known, root))[:_SHOWN_RUNS],
        last_cutover=run_report(plan, stopped.kind, stopped.run, events) if stopped and events else None,
        troubles=view.troubles,
    )


@router.get(
    "/plans/{plan}/points", response_class=HTMLResponse, dependencies=[MAY_READ_PLAN], responses=MISSING
)
async def points_page(request: Request, view: View, number: PageNumber = 1) -> HTMLResponse:
    """All restore points of a plan."""
    result = await point_list(view, number)
    return page(request, "points.html.j2", plan=view.plan.name, result=result, troubles=view.troubles)


@router.get("/api/plans/{plan}/points", dependencies=[MAY_READ_PLAN], responses=MISSING)
async def point_list(view: View, number: PageNumber = 1) -> Page[PointLine]:
    """The restore points of a plan as JSON, the newest first."""
    slips = await view.slips()
    return cut([point_line(one) for one in reversed(slips.points)] if slips else [], number)


@router.get(
    "/plans/{plan}/volumes/{namespace}/{claim}",
    response_class=HTMLResponse,
    dependencies=[MAY_READ_PLAN],
    responses=MISSING,
)
async def volume_page(
    request: Request, view: View, airflow: Airflow, namespace: Namespace, claim: Claim, number: PageNumber = 1
) -> HTMLResponse:
    """One volume: its restore points, and its mover while it runs."""
    detail = await plan_detail(request, view, airflow)
    row = next((one for one in detail.volumes if (one.namespace, one.claim) == (namespace, claim)), None)
    history = await volume_history(view, namespace, claim, number)
    if row is None and not history.total and not view.troubles:
        raise missing(f"The plan has no volume {namespace}/{claim}, neither in a restore point nor at work.")
    return page(
        request,
        "volume.html.j2",
        plan=view.plan.name,
        name=f"{namespace}/{claim}",
        row=row,
        history=history,
        troubles=view.troubles,
    )


@router.get("/api/plans/{plan}/volumes/{namespace}/{claim}", dependencies=[MAY_READ_PLAN], responses=MISSING)
async def volume_history(
    view: View, namespace: Namespace, claim: Claim, number: PageNumber = 1
) -> Page[VolumeHistory]:
    """A volume in the restore points that have it, the newest first, as JSON."""
    slips = await view.slips()
    return cut(history_of(slips, namespace, claim) if slips else [], number)


def _shown_spans(report: RunReport) -> Any:
    return [span for span in report.timeline if span.down] or report.timeline


@dataclass
class _Told:
    """What vault and target tell of a plan.

    :param stopped: the newest run that stopped the source, and its events.
    """

    slips: PlanSlips | None
    staged: dict[tuple[str, str], str] | None = None
    downtime: Downtime | None = None
    findings: list[FindingLine] = field(default_factory=list)
    stopped: RunLine | None = None
    events: list[Event] | None = None


async def _told(view: PlanView) -> _Told:
    """Ask vault and target at once for all that doesn't depend on each other."""
    slips = await view.slips()
    if slips is None or not slips.points:
        return _Told(slips)
    newest = slips.points[-1]
    stopped = next((one for one in run_lines(slips, {}) if one.stopped), None)

    async def events() -> list[Event] | None:
        return await view.events(slips, stopped.run) if stopped else None

    staged, downtime, findings, happened = await asyncio.gather(
        view.staged(newest), view.downtime(slips), view.findings(slips, newest), events()
    )
    return _Told(slips, staged, downtime, findings, stopped, happened)


async def _now(airflow: AirflowApi, view: PlanView, root: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Open questions, runs that aren't over, and the plan's movers at work."""
    plan = view.plan
    questions, runs = await _open_in_airflow(airflow, view.troubles)
    mine = [run for run in runs if run["dag_id"].startswith(f"{plan.name}.")]
    conn_ids = {"source": plan.source.conn_id, "target": plan.target.conn_id if plan.target else ""}
    return questions, runs, await _movers(airflow, view, conn_ids, mine, root)


async def _movers(airflow: AirflowApi, view: PlanView, conn_ids: Any, runs: Any, root: str) -> Any:
    try:
        lines, troubles = await movers_of(airflow, view.sources, view.plan.name, conn_ids, runs, root)
    except AirflowAwayError as error:
        view.troubles.append(trouble("Airflow", error))
        return []
    for one in troubles:
        view.note(one)
    return lines


async def _open_in_airflow(airflow: AirflowApi, troubles: list[Trouble]) -> tuple[list[Any], list[Any]]:
    questions, runs = await asyncio.gather(
        _ask(
            airflow,
            "/dags/~/dagRuns/~/hitlDetails",
            "hitl_details",
            troubles,
            response_received=False,
            state="awaiting_input",
        ),
        _ask(airflow, "/dags/~/dagRuns", "dag_runs", troubles, state=["running", "queued"]),
    )
    return questions, runs


async def _ask(
    airflow: AirflowApi, path: str, member: str, troubles: list[Trouble], **query: Any
) -> list[Any]:
    try:
        found: list[Any] = (await airflow.get(path, limit=_MOST, **query))[member]
    except AirflowAwayError as error:
        said = trouble("Airflow", error)
        if said not in troubles:
            troubles.append(said)
        return []
    return found


async def _of_vault(view: PlanView) -> tuple[PlanSlips | None, Downtime | None]:
    slips = await view.slips()
    return slips, await view.downtime(slips) if slips else None
