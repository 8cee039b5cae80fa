"""Who may see what: Airflow decides, with its own dependencies.

Every route needs the view of plugins; what is about a plan needs, besides, that the user may read the runs of
the plan's DAGs, and objects of a restore point that they may read what its tasks handed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from fastapi import Depends, HTTPException, Path, Request, status

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

PlanName = Annotated[
    str,
    Path(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", max_length=63, description="The plan's name."),
]


def dag_of(plan: str) -> str:
    """The DAG that stands for a plan: every plan has it."""
    return f"{plan}.backup"


@contextmanager
def _right(user: BaseUser, what: str) -> Iterator[None]:
    """Let Airflow's refusal name who was refused, and which right is missing."""
    try:
        yield
    except HTTPException as refusal:
        if refusal.status_code == status.HTTP_403_FORBIDDEN:
            name = user.get_name()
            refusal.detail = (
                f"{name} is logged in, and has no right to {what}: Airflow's administrator gives it."
            )
        raise


def may_see_plugins(request: Request, user: GetUserDep) -> None:
    """Let only those pass who may see what plugins show."""
    with _right(user, "see plugins (view Plugins)"):
        requires_access_view(AccessView.PLUGINS)(request, user)


def may_read_plan(request: Request, user: GetUserDep, plan: PlanName) -> None:
    """Let only those pass who may read the runs of the plan's DAGs."""
    with _right(user, f"read the runs of DAG {dag_of(plan)}"):
        requires_access_dag("GET", DagAccessEntity.RUN, dag_of(plan))(request, user)


def may_read_objects(request: Request, user: GetUserDep, plan: PlanName) -> None:
    """Let only those pass who may read what the plan's tasks handed on."""
    with _right(user, f"read the XComs of DAG {dag_of(plan)}"):
        requires_access_dag("GET", DagAccessEntity.XCOM, dag_of(plan))(request, user)


def readable_plans(request: Request, user: GetUserDep) -> ReadablePlans:
    """Which plans of a list the user may read."""
    return ReadablePlans(request, user)


class ReadablePlans:
    """Asks Airflow plan by plan."""

    def __init__(self, request: Request, user: GetUserDep) -> None:
        self._request = request
        self._user = user

    def of(self, names: Iterable[str]) -> list[str]:
        """Those names that the user may read."""
        return [name for name in names if self._may_read(name)]

    def _may_read(self, name: str) -> bool:
        try:
            may_read_plan(self._request, self._user, name)
        except HTTPException as refusal:
            if refusal.status_code != status.HTTP_403_FORBIDDEN:
                raise
            return False
        return True


Readable = Annotated[ReadablePlans, Depends(readable_plans)]
MAY_SEE_PLUGINS = Depends(may_see_plugins)
MAY_READ_PLAN = Depends(may_read_plan)
MAY_READ_OBJECTS = Depends(may_read_objects)
