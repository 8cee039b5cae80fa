"""Which restore points stay: the plan's policy, and never less than somebody may still need.

A restore point is forgotten as a whole: its volumes, its resources, what was adapted from it. Points of some
namespaces only are counted for themselves, so that they push no whole one out; and the newest whole one stays
whatever the policy says. Journals and reports stay; they are small, and forecasts are made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from migration_ops.migration.errors import MigrationError
from migration_ops.migration.events import FINISHED, QUIESCE_BEGUN, RESUMED, ROLLED_BACK
from migration_ops.migration.restore_point import tag_values
from migration_ops.migration.upkeep import cutover_on_its_way
from migration_ops.migration.vault_records import PARTIAL
from migration_ops.vault import Policy, forget, list_snapshots
from migration_ops.vault.retention import apply_policy

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.plan_sections import Retention
    from migration_ops.vault import Repository, Snapshot

LEFTOVER_AGE = timedelta(days=2)
"""Volumes of a point that was never committed are kept so long: its run may still be retried."""

_CLOSING = frozenset({FINISHED, ROLLED_BACK, RESUMED})
STOPS_AND_ENDS = frozenset({QUIESCE_BEGUN, *_CLOSING})
"""Names of the events that tell whether a cutover has stopped the source, or how it ended."""


class CutoverUnderWayError(MigrationError):
    """A cutover has stopped the source, or is about to: nothing is forgotten meanwhile."""


@dataclass(frozen=True)
class Forgotten:
    """What was forgotten.

    :param kept: ids of the restore points that stay, newest first.
    :param points: ids of those that are gone.
    :param leftovers: number of snapshots that belonged to no committed point.
    """

    kept: list[str]
    points: list[str]
    leftovers: int


def forget_points(
    plan: Plan, repository: Repository, events: Sequence[Event], now: datetime | None = None
) -> Forgotten:
    """Forget the restore points that the plan's policy doesn't keep; their data goes with the next prune.

    :param events: the plan's journal, of all runs.
    :raises CutoverUnderWayError: while a cutover may still need any of them.
    """
    refuse_during_cutover(plan, events, now)
    snapshots = list_snapshots(repository, tags=[f"plan={plan.name}"])
    commits: dict[str, Snapshot] = {}
    for snapshot in snapshots:  # oldest first: of a point that was committed twice the newest counts
        tags = tag_values(snapshot.tags)
        if tags.get("content") == "resources" and "point" in tags:
            commits[tags["point"]] = snapshot
    kept = _kept(list(commits.values()), policy_of(plan.retention))
    gone = set(commits) - {tag_values(snapshot.tags)["point"] for snapshot in kept}
    too_old = ((now or datetime.now(UTC)) - LEFTOVER_AGE).timestamp() * 1e9
    leftovers = [
        snapshot
        for snapshot in snapshots
        if (point := tag_values(snapshot.tags).get("point")) is not None
        and point not in commits
        and snapshot.time < too_old
    ]
    doomed = [one for one in snapshots if tag_values(one.tags).get("point") in gone] + leftovers
    if doomed:
        forget(repository, snapshots=[snapshot.id for snapshot in doomed])
    return Forgotten(
        kept=[tag_values(snapshot.tags)["point"] for snapshot in kept],
        points=sorted(gone),
        leftovers=len(leftovers),
    )


def _kept(commits: Sequence[Snapshot], policy: Policy) -> list[Snapshot]:
    """Those of the commits that stay, newest first."""
    partial = [one for one in commits if PARTIAL in one.tags]
    whole = [one for one in commits if PARTIAL not in one.tags]
    kept = {one.id: one for part in (whole, partial) for one in apply_policy(part, policy)[0]}
    if whole:
        newest = max(whole, key=lambda one: one.time)
        kept[newest.id] = newest
    return sorted(kept.values(), key=lambda one: one.time, reverse=True)


def refuse_during_cutover(plan: Plan, events: Sequence[Event], now: datetime | None = None) -> None:
    """Leave the vault to a cutover that has stopped the source, or may at any moment.

    Upkeep would take what it needs, or its time.

    :param events: the plan's journal, of all runs.
    :raises CutoverUnderWayError: while it isn't finished, and while it is prepared or approved.
    """
    if run := open_cutover(events):
        raise CutoverUnderWayError(
            f"cutover {run} of plan {plan.name} has stopped the source: nothing is forgotten, and the vault "
            "isn't locked for upkeep, until it is finished or rolled back"
        )
    if coming := cutover_on_its_way(events, plan.approvals.timeout, now):
        run, until = coming
        raise CutoverUnderWayError(
            f"cutover {run} of plan {plan.name} is prepared and may stop the source at any moment: upkeep "
            "would make it wait for the vault while the application is down. Run this again when the cutover "
            f"has ended or was refused, or after {until:%Y-%m-%d %H:%M} UTC"
        )


def open_cutover(events: Sequence[Event]) -> str | None:
    """The run of a cutover that stopped the source and wasn't brought to an end; nothing if there is none."""
    begun = [event for event in events if event.name == QUIESCE_BEGUN]
    if not begun:
        return None
    last = max(begun, key=lambda event: event.began)
    closed = any(event.name in _CLOSING and event.ended > last.began for event in events)
    return None if closed else last.run


def policy_of(retention: Retention) -> Policy:
    """The plan's retention in the vault's words."""
    within = ""
    if retention.keep_within:
        days, rest = divmod(int(retention.keep_within.total_seconds()), 86_400)
        within = f"{days}d{-(-rest // 3600)}h"
    return Policy(
        last=retention.keep_last,
        hourly=retention.keep_hourly,
        daily=retention.keep_daily,
        weekly=retention.keep_weekly,
        monthly=retention.keep_monthly,
        within=within,
    )
