"""What routes share: the plan that is meant, its view, and errors that say what there isn't."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Request, status
from fastapi.responses import HTMLResponse

from migration_ops.ui.access import PlanName
from migration_ops.ui.airflow_api import AirflowApi, airflow_api
from migration_ops.ui.plan_view import AGAIN, PlanView
from migration_ops.ui.rendering import roots
from migration_ops.ui.sources import Sources
from migration_ops.ui.vault_index import PlanSlips, PointSlips

Airflow = Annotated[AirflowApi, Depends(airflow_api)]
PointName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
RunName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)]

MISSING: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such thing."},
    503: {"description": "The vault can't be asked, or is still being read: ask again."},
}
_NOT_FOR_PEOPLE = ("/api/", "/assets/", "/openapi.json")


def sources_of(request: Request) -> Sources:
    """What pages are made of."""
    found: Sources = request.app.state.sources
    return found


async def plan_view(request: Request, plan: PlanName) -> PlanView:
    """The plan that the address names.

    :raises HTTPException: if there is none.
    """
    sources = sources_of(request)
    found = (await sources.plans()).plans.get(plan)
    if found is None:
        raise missing(f"There is no plan {plan}, or its file can't be used; the list of plans says which.")
    return PlanView(found, sources, strict=for_programs(request))


def for_programs(request: Request) -> bool:
    """Whether a request is one of a program, not of a person's browser."""
    base, _ = roots(request)
    return request.url.path.removeprefix(base).startswith(_NOT_FOR_PEOPLE)


View = Annotated[PlanView, Depends(plan_view)]


def missing(detail: str) -> HTTPException:
    """What there isn't."""
    return HTTPException(status.HTTP_404_NOT_FOUND, detail)


def not_known(answer: HTMLResponse) -> HTMLResponse:
    """A page of which only the vault could tell whether there is such a thing, and it hasn't answered."""
    answer.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    answer.headers.update(AGAIN)
    return answer


async def find_point(view: PlanView, name: str) -> tuple[PlanSlips, PointSlips] | None:
    """A restore point; nothing if the vault can't be asked.

    :raises HTTPException: if the vault has none of that name.
    """
    slips = await view.slips()
    if slips is None:
        return None
    point = slips.point(name)
    if point is None:
        raise missing(
            f"The vault has no restore point {name} of this plan: it was forgotten, or never committed."
        )
    return slips, point
