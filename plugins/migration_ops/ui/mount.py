"""What the plugin hands to Airflow: an ASGI application that only the API server makes.

Every Airflow process loads plugins, but only the API server serves pages: nothing heavy is imported anywhere
else. The API server makes the application in a thread while it starts, so that who comes first doesn't wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from threading import Lock, Thread
from typing import Any

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/migration-ops"
"""Where Airflow mounts the application."""

AIRFLOW_KEY = "migration_ops.airflow"
"""Where a request's scope holds Airflow's own application, whose REST API the pages ask."""


_making = Lock()


class LazyApplication:
    """Makes the real application when it is first asked, if nobody has made it before."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope[AIRFLOW_KEY] = scope.get("app")
        serve = await asyncio.to_thread(_application)  # its imports take seconds, the first time
        await serve(scope, receive, send)


def _application() -> Any:
    with _making:
        from migration_ops.ui.application import application

        return application()


def warm_up(airflow: Any) -> Any:
    """Make the application in a thread of its own; Airflow calls this as a middleware, which it isn't.

    Middlewares are made once, when the API server starts, and in no other process.

    :param airflow: the application that a middleware would stand before; it is returned as it is.
    """
    Thread(target=_make_everything, name="migrations-warm-up", daemon=True).start()
    return airflow


def _make_everything() -> None:
    try:
        _application()
        from migration_ops.ui.rendering import prepare_templates

        prepare_templates()
        import migration_ops.hooks.cluster
        import migration_ops.hooks.vault  # noqa: F401 - what the first page would have to import
    except Exception:
        log.exception("The page Migrations could not be made; its first request will tell the same")


FASTAPI_APP = {"app": LazyApplication(), "url_prefix": PREFIX, "name": "Migrations"}

WARM_UP = {"middleware": warm_up, "name": "Migrations, made while the API server starts"}

NAVIGATION = {
    "name": "Migrations",
    "href": f"{PREFIX}/",
    "destination": "nav",
    "url_route": "migrations",
    "nav_top_level": True,
    "icon": f"{PREFIX}/assets/icon.svg",
    "icon_dark_mode": f"{PREFIX}/assets/icon-dark.svg",
}
