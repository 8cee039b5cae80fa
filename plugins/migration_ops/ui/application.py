"""The application that Airflow mounts: every route behind the same lock, nothing served beside them."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import FastAPI

from migration_ops.ui.access import MAY_SEE_PLUGINS
from migration_ops.ui.refusals import add_refusals
from migration_ops.ui.sources import Sources

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "Nobody is logged in."},
    403: {"description": "The user may not see this."},
}


@cache
def application() -> FastAPI:
    """The application of this process."""
    return make_application(Sources())


def make_application(sources: Sources) -> FastAPI:
    """Put the routes together.

    :param sources: what pages are made of.
    """
    from migration_ops.ui.assets import router as assets
    from migration_ops.ui.plan_pages import router as plan_pages
    from migration_ops.ui.point_pages import router as point_pages
    from migration_ops.ui.run_pages import router as run_pages

    app = FastAPI(
        title="Migrations",
        description="What the page Migrations in Airflow's UI shows, as pages and as JSON. Read-only.",
        version="1",
        dependencies=[MAY_SEE_PLUGINS],
        responses=REFUSALS,
        # FastAPI would serve these without asking who is there.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.sources = sources
    add_refusals(app)
    for router in (plan_pages, point_pages, run_pages, assets):
        app.include_router(router)
    return app
