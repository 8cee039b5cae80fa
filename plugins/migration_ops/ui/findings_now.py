"""What stands against a cutover, as the newest look at the plan found it, and which look that was.

Three looks find something: the readiness report of `connect`, that of a cutover's `prepare`, whether or not
it went on from there, and the rules whenever they adapt a restore point. Readiness runs the rules as well;
the rules alone know nothing of images, rights or room, so an older readiness report that found more is named.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

from migration_ops.migration.events import LOOKED
from migration_ops.migration.report_page.model import FindingLine
from migration_ops.migration.upkeep import PREPARED
from migration_ops.ui.plan_state import Record
from migration_ops.ui.plan_view import PlanView, without_secrets
from migration_ops.ui.runs import findings_of

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.ui.vault_index import PlanSlips, PointSlips, Slip

_LAST_SECONDS = 20.0

Severity = Literal["blocker", "decision", "warning", "info"]


class Look(Record):
    """A look at the plan.

    :param what: `readiness` of both clusters, or what the `rules` said of a restore point.
    :param run: which run looked.
    :param point: the restore point that was adapted; empty for readiness.
    :param counts: number of findings by severity, the worst first; none if they could not be read.
    """

    what: Literal["readiness", "rules"]
    at: datetime
    run: str
    point: str = ""
    counts: dict[Severity, int] | None = None


class Looks(Record):
    """The newest look, and what an older one found that the newest can't know.

    :param newest: none if nobody looked yet.
    :param before: a readiness report with blockers or decisions, if only the rules have looked since.
    """

    newest: Look | None = None
    before: Look | None = None
    findings: list[FindingLine] = []


async def look_back(view: PlanView, slips: PlanSlips) -> Looks:
    """The newest look of a plan; the one before while that is being read for the first time."""
    looks = await _look_back(view, slips)
    name = (view.plan.vault.conn_id, view.plan.name)
    if looks.newest is None or looks.newest.counts is not None:
        view.sources.looks[name] = time.monotonic(), looks
        return looks
    at, before = view.sources.looks.get(name, (0.0, looks))
    return before if time.monotonic() - at < _LAST_SECONDS else looks


async def _look_back(view: PlanView, slips: PlanSlips) -> Looks:
    """Find and open the newest look."""
    readiness, rules = _newest_readiness(slips), _newest_adaptation(slips)
    told = readiness[0].time if readiness else None
    if rules is None or (
        readiness and (readiness[0].time >= rules[0].time or rules[0].tags.get("run") == readiness[1])
    ):
        if readiness is None:
            return Looks()
        look, findings = await _readiness(view, slips, *readiness)
        return Looks(newest=look, findings=findings)
    slip, point = rules
    adaptation = await view.adaptation(slips, point)
    found = without_secrets(adaptation.findings, await view.secrets(point)) if adaptation else []
    newest = Look(
        what="rules",
        at=slip.time,
        run=slip.tags.get("run", ""),
        point=point.id,
        counts=counted(found) if adaptation else None,
    )
    before = (await _readiness(view, slips, *readiness))[0] if readiness and told else None
    grave = before is not None and not {"blocker", "decision"}.isdisjoint(before.counts or {})
    return Looks(newest=newest, before=before if grave else None, findings=found)


def _tells(events: Sequence[Event], of_run: Sequence[Slip], name: str) -> bool:
    """Whether a run's events, which may be those of a moment ago, have all of some name."""
    written = sum(one.tags.get("event") == name for one in of_run)
    return sum(one.name == name for one in events) >= written


async def _readiness(
    view: PlanView, slips: PlanSlips, slip: Slip, run: str
) -> tuple[Look, list[FindingLine]]:
    events = await view.events(slips, run)
    if events is not None and not _tells(events, slips.journal.get(run, ()), slip.tags["event"]):
        events = None  # the last answer, from before this look
    found: list[FindingLine] = []
    if events:
        # What a look without a cutover found was written without the values of Secrets.
        clean = slip.tags["event"] == LOOKED and not slips.points
        secrets = (
            frozenset[str]() if clean else await view.secrets(slips.points[-1]) if slips.points else None
        )
        found = without_secrets(findings_of(events), secrets)
    counts = counted(found) if events is not None else None
    return Look(what="readiness", at=slip.time, run=run, counts=counts), found


def _newest_readiness(slips: PlanSlips) -> tuple[Slip, str] | None:
    looks = [
        (one, run)
        for run, events in slips.journal.items()
        for one in events
        if one.tags.get("event") in {PREPARED, LOOKED}
    ]
    return max(looks, key=lambda pair: pair[0].time, default=None)


def _newest_adaptation(slips: PlanSlips) -> tuple[Slip, PointSlips] | None:
    for point in reversed(slips.points):
        if slip := slips.adapted.get(point.id):
            return slip, point
    return None


def counted(findings: Sequence[FindingLine]) -> dict[Severity, int]:
    """Number of findings by severity, the worst first."""
    counts = Counter(one.severity for one in findings)
    return {name: counts[name] for name in get_args(Severity) if counts[name]}
