"""Blockers that may pass by themselves: a node that comes back must not cost a night its cutover."""

from __future__ import annotations

import time
from collections.abc import Callable

from migration_ops.migration.readiness_report import capacity, placement, source_health, trial, webhooks
from migration_ops.migration.readiness_report.finding import ReadinessReport
from migration_ops.migration.readiness_report.report import Situation

_PASSING = frozenset(
    {capacity.CHECK, placement.CHECK, source_health.CHECK, trial.CHECK, webhooks.CHECK}
)  # what hangs on nodes that are ready and on webhooks that answer
_PAUSES = (5.0, 10.0, 20.0, 30.0)


def look_patiently(
    look: Callable[[], tuple[Situation, ReadinessReport]],
) -> tuple[Situation, ReadinessReport]:
    """Look again for a minute while all that stands against a cutover may pass by itself.

    :param look: reads both clusters and judges.
    """
    found = look()
    for pause in _PAUSES:
        blockers = found[1].blockers
        if not blockers or not all(one.check in _PASSING for one in blockers):
            break
        time.sleep(pause)
        found = look()
    return found
