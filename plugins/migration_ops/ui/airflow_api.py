"""Airflow's public REST API, asked inside of the API server's own process.

The request that a page came with carries the user's credentials; they go along, so Airflow's answers hold
what this user may see. Nothing leaves the process, and nothing depends on Airflow's tables.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import Request

from migration_ops.ui.mount import AIRFLOW_KEY

_SECONDS = 5.0
_TOKEN_COOKIE = "_token"  # noqa: S105 - the cookie's name


class AirflowAwayError(Exception):
    """Airflow's API didn't give an answer; the message says what it said."""


class AirflowApi:
    """What one user may see of Airflow.

    :param application: Airflow's ASGI application.
    :param headers: the user's credentials.
    """

    def __init__(self, application: Any, headers: dict[str, str]) -> None:
        self._application = application
        self._headers = headers

    async def get(self, path: str, **query: Any) -> Any:
        """Read a resource of `/api/v2`.

        :raises AirflowAwayError: if there is no answer, or a refusal.
        """
        if self._application is None:
            raise AirflowAwayError("these pages aren't served by Airflow's API server")
        transport = httpx.ASGITransport(app=self._application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            try:
                async with asyncio.timeout(_SECONDS):
                    answer = await client.get(f"/api/v2{path}", params=query, headers=self._headers)
            except (TimeoutError, httpx.HTTPError) as error:
                raise AirflowAwayError(f"Airflow's API did not answer: {type(error).__name__}") from error
        if answer.is_error:
            raise AirflowAwayError(f"Airflow's API answered {answer.status_code} for {path}")
        return answer.json()


def airflow_api(request: Request) -> AirflowApi:
    """Airflow's API with the credentials of a request."""
    headers = {}
    if given := request.headers.get("authorization"):
        headers["authorization"] = given
    if token := request.cookies.get(_TOKEN_COOKIE):
        headers["cookie"] = f"{_TOKEN_COOKIE}={token}"
    return AirflowApi(request.scope.get(AIRFLOW_KEY), headers)


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")
