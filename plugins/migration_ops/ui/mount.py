"""What the plugin hands to Airflow: an ASGI application that is made at its first request.

Every Airflow process loads plugins, but only the API server serves pages: nothing heavy is imported before
somebody asks for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/migration-ops"
"""Where Airflow mounts the application."""

AIRFLOW_KEY = "migration_ops.airflow"
"""Where a request's scope holds Airflow's own application, whose REST API the pages ask."""


class LazyApplication:
    """Makes the real application when it is first asked."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope[AIRFLOW_KEY] = scope.get("app")
        serve = await asyncio.to_thread(_application)  # its imports take seconds, the first time
        await serve(scope, receive, send)


def _application() -> Any:
    from migration_ops.ui.application import application

    return application()


FASTAPI_APP = {"app": LazyApplication(), "url_prefix": PREFIX, "name": "Migrations"}

NAVIGATION = {
    "name": "Migrations",
    "href": f"{PREFIX}/",
    "destination": "nav",
    "url_route": "migrations",
    "nav_top_level": True,
    "icon": f"{PREFIX}/assets/icon.svg",
    "icon_dark_mode": f"{PREFIX}/assets/icon-dark.svg",
}
