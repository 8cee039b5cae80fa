"""Renders pages: templates that escape everything, numbers and times for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse

from migration_ops.migration.forecast import seconds_text
from migration_ops.migration.report_page.grouping import group_lines
from migration_ops.mover import size_text
from migration_ops.ui.mount import PREFIX

if TYPE_CHECKING:
    from jinja2 import Environment

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""Everything a page needs comes from the same place, and only Airflow may frame it."""

_CLOCKS_DIFFER_SECONDS = 2.0
"""By so much they may without a word."""


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """One page.

    :param template: its file's name.
    """
    base, airflow = roots(request)
    text = (
        _environment()
        .get_template(template)
        .render(base=base, airflow=airflow, here=request.url.path, **values)
    )
    return HTMLResponse(text, status, headers={"Content-Security-Policy": CONTENT_POLICY})


def roots(request: Request) -> tuple[str, str]:
    """Where our pages begin and where Airflow's do, as paths without a slash at the end."""
    base = str(request.scope.get("root_path") or "").rstrip("/")
    return base, base.removesuffix(PREFIX)


def prepare_templates() -> None:
    """Compile every template before somebody waits for a page."""
    for name in _environment().list_templates(extensions=["j2"]):
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("migration_ops.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        size=lambda size: "-" if size is None else size_text(size),
        seconds=lambda seconds: "-" if seconds is None else seconds_text(seconds),
        when=when,
        ago=ago,
        clock=clock,
        percent=percent,
        segment=segment,
        query=query,
        grouped=group_lines,
    )
    return environment


def when(time: datetime | None) -> str:
    """A time for people."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else "-"


def clock(time: datetime | None) -> str:
    """A time of these hours for people; with its day if that is another one."""
    if time is None:
        return "-"
    there, today = time.astimezone(UTC), datetime.now(UTC).date()
    return f"{there:%H:%M} UTC" if there.date() == today else f"{there:%Y-%m-%d %H:%M} UTC"


def ago(time: datetime | None) -> str:
    """How long ago that is; of what clocks that differ have put into the future, by how much."""
    if time is None:
        return "-"
    seconds = (datetime.now(UTC) - time).total_seconds()
    if seconds < -_CLOCKS_DIFFER_SECONDS:
        return f"in the future: clocks differ by {seconds_text(-seconds)}"
    seconds = max(0.0, seconds)
    days = seconds / 86400
    return f"{days:.0f} days ago" if days >= 2 else f"{seconds_text(seconds)} ago"


def percent(part: float | None) -> str:
    """A part of a whole."""
    return "-" if part is None else f"{100 * part:.1f} %" if 0 < part < 1 else f"{100 * part:.0f} %"


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(str(text), safe="")


def query(values: Mapping[str, Any]) -> str:
    """The query of an address; what is empty is left out."""
    return "&".join(f"{quote(name)}={quote(str(value), safe='')}" for name, value in values.items() if value)
