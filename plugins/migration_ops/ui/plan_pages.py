"""The list of plans, as a page and as JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from migration_ops.ui.access import Readable
from migration_ops.ui.airflow_api import AirflowApi, AirflowAwayError, airflow_api
from migration_ops.ui.plan_state import PlanLine, PlanList, active_runs_of, approvals_of, plan_line
from migration_ops.ui.rendering import page, roots
from migration_ops.ui.trouble import Trouble, trouble

if TYPE_CHECKING:
    from migration_ops.migration import Plan
    from migration_ops.ui.sources import Sources

router = APIRouter()
Airflow = Annotated[AirflowApi, Depends(airflow_api)]

_MOST = 200


@router.get("/", response_class=HTMLResponse)
async def plans_page(request: Request, airflow: Airflow, readable: Readable) -> HTMLResponse:
    """The list of plans."""
    return page(request, "plans.html.j2", listed=await plan_list(request, airflow, readable))


@router.get("/api/plans")
async def plan_list(request: Request, airflow: Airflow, readable: Readable) -> PlanList:
    """The list of plans as JSON."""
    sources: Sources = request.app.state.sources
    known = await sources.plans()
    names = await asyncio.to_thread(readable.of, sorted(known.plans))
    troubles: list[Trouble] = []
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
    root = roots(request)[1]
    lines = await asyncio.gather(
        *(
            _line(
                sources,
                known.plans[name],
                open_approvals=approvals_of(name, questions, root),
                active_runs=active_runs_of(name, runs, root),
            )
            for name in names
        )
    )
    problems = known.problems if names or not known.plans else []
    return PlanList(folder=str(known.folder), plans=lines, problems=problems, troubles=troubles)


async def _ask(
    airflow: AirflowApi, path: str, member: str, troubles: list[Trouble], **query: Any
) -> list[Any]:
    try:
        found: list[Any] = (await airflow.get(path, limit=_MOST, **query))[member]
    except AirflowAwayError as error:
        troubles.append(trouble("Airflow", error))
        return []
    return found


async def _line(sources: Sources, plan: Plan, **more: Any) -> PlanLine:
    try:
        slips = await sources.slips(plan)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is said in the plan's own row
        return plan_line(plan, None, troubles=[sources.vault_trouble(plan, error)], **more)
    return plan_line(plan, slips, **more)
