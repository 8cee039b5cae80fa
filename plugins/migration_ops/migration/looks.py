"""What a look at both clusters found, kept in the journal whether or not anybody goes on from there.

A prepared cutover keeps its own; a look that ends in blockers, or that nothing was to follow, is kept as the
event `looked`, so that whoever opens the plan's page sees what stands against a cutover.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration_ops.migration.withholding import secret_values, withhold

if TYPE_CHECKING:
    from migration_ops.migration.readiness_report import ReadinessReport, Situation


_SHORTEST = 4
"""Like the pages: they may show a look before there is a restore point that tells its Secrets."""


def look_data(report: ReadinessReport, situation: Situation) -> dict[str, Any]:
    """The event's data: the findings, without any value of the Secrets that the source holds.

    :param situation: what was looked at.
    """
    said = {"readiness": [one.model_dump(mode="json") for one in report.findings]}
    values = secret_values((one.manifest for one in situation.capture.objects), _SHORTEST)
    data: dict[str, Any] = withhold(said, values)
    return data
