"""A run's report as Airflow serves it: as it lies in the vault, with a way back and Airflow's colours.

The stored file needs nothing beside itself and runs no script; nor does what is added here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from markupsafe import Markup

from migration_ops.ui.rendering import when

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration_ops.ui.since_report import Later

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'; "
    # Of the same origin, for the login to go along with the links back; there is no script to use that.
    "sandbox allow-same-origin"
)
"""A report is one page with its styles inside; whatever else somebody put into the vault does not run."""

_BY_THE_SYSTEM = "@media (prefers-color-scheme: dark)"
_BACK = Markup(
    '<nav aria-label="Where you are" style="max-width: 1080px; margin: 0 auto; padding: 14px 20px 0; '
    'overflow-wrap: anywhere"><a href="{home}" style="color: var(--accent)">{plan}</a> / '
    '<a href="{home}/runs/{run}" style="color: var(--accent)">{run}</a> / report</nav>'
)


_SINCE = Markup(
    '<p role="status" style="max-width: 1080px; margin: 0 auto; padding: 14px 20px 0; '
    'overflow-wrap: anywhere"><strong>Since this report was written:</strong> {said}.</p>'
)
_BY = Markup(' by run <a href="{home}/runs/{run}" style="color: var(--accent)">{run}</a>')


class Theme(StrEnum):
    """Colours that somebody has chosen in Airflow."""

    LIGHT = "light"
    DARK = "dark"


def as_served(
    text: str, home: str, plan: str, run: str, theme: Theme | None, later: Sequence[Later] = ()
) -> str:
    """The stored report for a reader in Airflow.

    :param home: address of the plan's page.
    :param theme: the reader's; none follows the system, as the file does by itself.
    :param later: what became of the run since.
    """
    back = _BACK.format(home=home, plan=plan, run=run)
    if later:
        said = [
            Markup("{what}{by} at {at}").format(
                what=one.what, by=_BY.format(home=home, run=one.by) if one.by else "", at=when(one.at)
            )
            for one in later
        ]
        back += _SINCE.format(said=Markup("; ").join(said))
    if theme:
        text = text.replace(_BY_THE_SYSTEM, "@media all" if theme is Theme.DARK else "@media not all")
        text = text.replace('content="light dark"', f'content="{theme.value}"', 1)
    return text.replace("<body>", f"<body>{back}", 1)
