"""The list of plans and the page of one, as pages and as JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from migration_ops.migration.report_page.timeline import draw, draw_downtimes
from migration_ops.ui.access import MAY_READ_PLAN, Readable
from migration_ops.ui.airflow_runs import known_runs
from migration_ops.ui.asking import MISSING, Airflow, View, missing, sources_of
from migration_ops.ui.charts import draw_sizes
from migration_ops.ui.paging import Page, PageNumber, SearchText, cut
from migration_ops.ui.plan_detail import PlanDetail
from migration_ops.ui.plan_now import failing_backups, look_at_plan, open_in_airflow
from migration_ops.ui.plan_state import (
    PlanList,
    PointLine,
    active_runs_of,
    approvals_of,
    plan_line,
    point_line,
)
from migration_ops.ui.plan_view import PlanView
from migration_ops.ui.rendering import page, roots
from migration_ops.ui.run_lines import waits_of
from migration_ops.ui.trouble import Trouble
from migration_ops.ui.volumes_now import VolumeHistory, history_of

if TYPE_CHECKING:
    from migration_ops.ui.plan_state import Downtime
    from migration_ops.ui.vault_index import PlanSlips

router = APIRouter()
Namespace = Annotated[str, Path(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Claim = Annotated[str, Path(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$", max_length=253)]


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
    root = roots(request)[1]
    (questions, runs), failed, told = await asyncio.gather(
        open_in_airflow(airflow, names, troubles),
        failing_backups(airflow, names, root, troubles),
        asyncio.gather(*(_of_vault(view) for view in views)),
    )
    now = known_runs(runs.items, root)
    lines = [
        plan_line(
            view.plan,
            slips,
            airflow_read=questions.known and runs.known,
            downtime=downtime,
            failed_backup=failed.get(view.plan.name),
            open_approvals=approvals_of(view.plan.name, questions.items, root),
            active_runs=active_runs_of(view.plan.name, runs.items, root, waits_of(view.plan, slips, now)),
            troubles=view.troubles,
        )
        for view, (slips, downtime) in zip(views, told, strict=True)
    ]
    problems = known.problems if names or not known.plans else []
    return PlanList(folder=str(known.folder), plans=lines, problems=problems, troubles=troubles)


@router.get("/plans/{plan}", response_class=HTMLResponse, dependencies=[MAY_READ_PLAN], responses=MISSING)
async def plan_page(
    request: Request, view: View, airflow: Airflow, q: SearchText = "", number: PageNumber = 1
) -> HTMLResponse:
    """One plan."""
    detail = await plan_detail(request, view, airflow, q, number)
    report = detail.last_cutover
    downtimes = draw_downtimes(report.timeline, report.outages, report.made) if report else []
    return page(
        request,
        "plan.html.j2",
        detail=detail,
        sizes=draw_sizes(detail.chart[::-1]),
        downtimes=downtimes,
        timeline=draw(detail.timeline, report.outages, report.made) if report else None,
        is_moving=bool(detail.plan.active_runs),
    )


@router.get("/api/plans/{plan}", dependencies=[MAY_READ_PLAN], responses=MISSING)
async def plan_detail(
    request: Request, view: View, airflow: Airflow, q: SearchText = "", number: PageNumber = 1
) -> PlanDetail:
    """One plan as JSON, with a page of its volumes and its movers' live progress."""
    detail, rows = await look_at_plan(view, airflow, roots(request)[1])
    return detail.with_volumes(rows, q, number)


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
    _, rows = await look_at_plan(view, airflow, roots(request)[1])
    row = next((one for one in rows if (one.namespace, one.claim) == (namespace, claim)), None)
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


async def _of_vault(view: PlanView) -> tuple[PlanSlips | None, Downtime | None]:
    slips = await view.slips()
    return slips, await view.downtime(slips) if slips else None
