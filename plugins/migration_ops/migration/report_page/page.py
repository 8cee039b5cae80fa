"""Renders a report: one HTML page that needs nothing beside itself, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from migration_ops.migration.forecast import seconds_text
from migration_ops.migration.forecast.comparison import MEASURED_FROM
from migration_ops.migration.report_page.grouping import group_lines
from migration_ops.migration.report_page.timeline import draw, draw_downtimes
from migration_ops.mover import size_text

if TYPE_CHECKING:
    from jinja2 import Environment

    from migration_ops.migration.forecast import ComparedStep
    from migration_ops.migration.report_page.model import RunReport

PAGE_FILE, DATA_FILE = "report.html", "report.json"
_TEMPLATE = "report.html.j2"


def render_page(report: RunReport) -> str:
    """The report as an HTML page: styles and picture inside, no script, nothing fetched."""
    page = _environment().get_template(_TEMPLATE)
    # Hours may pass before the approval; the picture shows the downtime where there was one.
    pictures = draw_downtimes(report.timeline, report.outages, report.made)
    if not pictures and (whole := draw(report.timeline)):
        pictures = [whole]
    return page.render(report=report, pictures=pictures, longest_of=_longest, measured_from=MEASURED_FROM)


def report_files(report: RunReport) -> dict[str, str]:
    """The files of a report by name, as they are kept in the vault."""
    return {PAGE_FILE: render_page(report), DATA_FILE: report.model_dump_json(indent=1)}


def _longest(steps: Sequence[ComparedStep]) -> float:
    """What the bars of some steps share as their scale, in seconds."""
    highs = [step.expected.high for step in steps if step.expected]
    return max([*highs, *(step.measured for step in steps if step.measured is not None)], default=0.0)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("migration_ops.migration.report_page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(size=size_text, seconds=seconds_text, when=_when, grouped=group_lines)
    return environment


def _when(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
