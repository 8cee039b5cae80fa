"""What isn't there, what one may not see, what can't be meant: a page to people, JSON to programs.

Headers of an error stay with it: which methods there are, when to ask again, how to log in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, status
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from migration_ops.bad_input import in_words
from migration_ops.ui.asking import for_programs
from migration_ops.ui.rendering import page, roots

METHODS = "GET, HEAD"
_TITLES = {
    401: "Nobody is logged in",
    403: "You may not see this",
    404: "There is no such page",
    405: "These pages can only be read",
    422: "This can't be asked for",
}
_BARE = {
    "Not Found": "Nothing has this address; the list of plans leads to all that there is.",
    "Not authenticated": "You were logged out, or your login has expired.",
    "Method Not Allowed": "Everything is started in Airflow; here is only what to look at.",
}
_NAMES = {"q": "the search", "page": "the number of the page", "kind": "the kind", "key": "the object"}


class Heads:
    """Answers HEAD wherever GET is answered: the same headers, no content."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_no_content(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_no_content)


def add_refusals(app: FastAPI) -> None:
    """Let an application say what it refuses.

    :param app: whose description tells it, too.
    """
    app.add_middleware(Heads)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _not_understood)
    describe = app.openapi
    app.openapi = lambda: _with_pages(describe())  # type: ignore[method-assign]


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == status.HTTP_405_METHOD_NOT_ALLOWED:
        error.headers = {**(error.headers or {}), "Allow": METHODS}
    elif error.status_code == status.HTTP_401_UNAUTHORIZED:  # Airflow's own refusal names no way
        error.headers = {"WWW-Authenticate": "Bearer", **(error.headers or {})}
    if for_programs(request):
        return await http_exception_handler(request, error)
    detail = _BARE.get(str(error.detail), str(error.detail))
    return _page(request, error.status_code, detail, dict(error.headers or {}))


async def _not_understood(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    if for_programs(request):
        return await request_validation_exception_handler(request, error)
    if any(one["loc"][0] == "path" for one in error.errors()):
        return _page(request, status.HTTP_404_NOT_FOUND, _BARE["Not Found"], {})
    return _page(request, status.HTTP_422_UNPROCESSABLE_CONTENT, _said(error.errors()), {})


def _said(problems: Sequence[Any]) -> str:
    said = []
    for one in problems:
        name = _NAMES.get(str(one["loc"][-1]), str(one["loc"][-1]))
        odd = one["type"] == "string_pattern_mismatch"
        said.append(f"{name} {'has characters that no name has' if odd else in_words(one)}")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def _page(request: Request, code: int, detail: str, headers: dict[str, str]) -> Response:
    login = None
    if code == status.HTTP_401_UNAUTHORIZED:
        login = login_address(request)
    title = _TITLES.get(code, "This did not work")
    answer = page(request, "refusal.html.j2", status=code, title=title, detail=detail, login=login)
    answer.headers.update(headers)
    return answer


def login_address(request: Request) -> str:
    """Where one logs in to Airflow, and comes back to this page afterwards."""
    _, airflow = roots(request)
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{airflow}/api/v2/auth/login?{urlencode({'next': request.url.path + query})}"


def _with_pages(document: dict[str, Any]) -> dict[str, Any]:
    """Pages refuse in words: what FastAPI describes for all routes holds for programs' only."""
    for operations in document["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            if "text/html" in answers["200"].get("content", {}) and "422" in answers:
                answers["422"] = {
                    "description": "The query can't be meant.",
                    "content": {"text/html": {"schema": {"type": "string"}}},
                }
    return document
