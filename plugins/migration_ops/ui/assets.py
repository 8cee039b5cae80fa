"""What pages fetch beside themselves: a style sheet, a script, icons; and the routes' own description."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

router = APIRouter()

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Asset(StrEnum):
    """The files there are."""

    STYLE = "pages.css"
    SCRIPT = "pages.js"
    ICON = "icon.svg"
    DARK_ICON = "icon-dark.svg"


@router.get(
    "/assets/{name}", response_class=Response, responses={200: {"content": {t: {} for t in _TYPES.values()}}}
)
def asset(name: Asset) -> Response:
    """One file."""
    content = files("migration_ops.ui").joinpath("asset_files", name.value).read_bytes()
    kind = _TYPES[name.value.rpartition(".")[2]]
    return Response(content, media_type=kind, headers={"Cache-Control": "private, max-age=300"})


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """What these routes take and give."""
    document: dict[str, Any] = request.app.openapi()
    return document
