"""The forget command: which snapshots a policy keeps. The rules are restic's, so that both programs agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from migration_ops.vault.backend import FileKind
from migration_ops.vault.clock import as_datetime, now
from migration_ops.vault.errors import UsageError
from migration_ops.vault.lock import locked
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot, find_snapshot, list_snapshots

_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?(?:(\d+)h)?\Z")


@dataclass(frozen=True)
class Policy:
    """How many snapshots to keep; -1 means all.

    :param within: a duration like ``2y5m7d3h`` before the newest snapshot in which all are kept.
    :param tags: keep all snapshots that have all tags of one of these lists.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: str = ""
    tags: tuple[tuple[str, ...], ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it keeps nothing."""
        return self == Policy()


@dataclass(frozen=True)
class ForgetSummary:
    """What was kept, and why, and what was removed."""

    kept: tuple[Snapshot, ...]
    removed: tuple[Snapshot, ...]
    reasons: dict[str, list[str]] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """The summary's JSON."""
        return {
            "message_type": "summary",
            "keep": [
                {"id": snapshot.id, "matches": self.reasons.get(snapshot.id, [])} for snapshot in self.kept
            ],
            "remove": [snapshot.id for snapshot in self.removed],
        }


def _local(snapshot: Snapshot) -> datetime:
    """The snapshot's time in the zone in which it was written, as restic counts days."""
    return as_datetime(snapshot.time) + timedelta(seconds=snapshot.utc_offset)


def _week(moment: datetime, _number: int) -> tuple[int, ...]:
    return moment.isocalendar()[:2]


_BUCKETS: tuple[tuple[str, Callable[[datetime, int], tuple[int, ...]]], ...] = (
    ("last", lambda _, number: (number,)),
    ("hourly", lambda moment, _: (moment.year, moment.month, moment.day, moment.hour)),
    ("daily", lambda moment, _: (moment.year, moment.month, moment.day)),
    ("weekly", _week),
    ("monthly", lambda moment, _: (moment.year, moment.month)),
    ("yearly", lambda moment, _: (moment.year,)),
)


def earliest_within(latest: datetime, duration: str) -> datetime:
    """The moment that lies a duration before another, by the calendar.

    :raises UsageError: if the duration is not like ``2y5m7d3h``.
    """
    match = _DURATION.match(duration)
    if not duration or match is None:
        raise UsageError(f"{duration!r} is no duration; write it like 2y5m7d3h")
    years, months, days, hours = (int(part or 0) for part in match.groups())
    month = latest.year * 12 + latest.month - 1 - years * 12 - months
    try:
        # A day that the month lacks runs on into the next one, as in Go's AddDate.
        first = latest.replace(year=month // 12, month=month % 12 + 1, day=1)
        return first + timedelta(days=latest.day - 1 - days, hours=-hours)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{duration!r} reaches back beyond the year 1") from error


def apply_policy(
    snapshots: Sequence[Snapshot], policy: Policy
) -> tuple[list[Snapshot], list[Snapshot], dict[str, list[str]]]:
    """Divide one group of snapshots.

    :returns: kept and removed, newest first, and the reasons by snapshot id.
    """
    ordered = sorted(snapshots, key=lambda snapshot: snapshot.time, reverse=True)
    counts = [getattr(policy, name) for name, _ in _BUCKETS]
    last: list[tuple[int, ...] | None] = [None] * len(_BUCKETS)
    present = now()
    newest = next((snapshot for snapshot in ordered if snapshot.time < present), None)
    earliest = earliest_within(_local(newest), policy.within) if policy.within and newest else None
    kept: list[Snapshot] = []
    removed: list[Snapshot] = []
    reasons: dict[str, list[str]] = {}
    for number, snapshot in enumerate(ordered):
        moment = _local(snapshot)
        why = [f"has tags {','.join(tags)}" for tags in policy.tags if snapshot.has_tags(tags)]
        if earliest is not None and moment > earliest:
            why.append(f"within {policy.within}")
        for position, (name, bucket) in enumerate(_BUCKETS):
            if counts[position] == 0:
                continue
            value = bucket(moment, number)
            # While a bucket has count left, the oldest snapshot is kept too: history reaches as far as it
            # can.
            if value != last[position] or number == len(ordered) - 1:
                why.append(f"{'oldest ' if value == last[position] else ''}{name} snapshot")
                last[position] = value
                counts[position] -= counts[position] > 0
        (kept if why else removed).append(snapshot)
        if why:
            reasons[snapshot.id] = why
    return kept, removed, reasons


def group(snapshots: Sequence[Snapshot], by: str) -> list[list[Snapshot]]:
    """Divide snapshots into groups that a policy looks at separately.

    :param by: any of ``host``, ``paths``, ``tags``, with commas; empty for one group.
    :raises UsageError: for any other word.
    """
    words = [word for word in by.split(",") if word]
    unknown = set(words) - {"host", "paths", "tags", "path", "tag"}
    if unknown:
        raise UsageError(f"cannot group by {', '.join(sorted(unknown))}; use host, paths, tags")
    groups: dict[tuple[object, ...], list[Snapshot]] = {}
    for snapshot in snapshots:
        parts: list[object] = []
        for word in words:
            if word == "host":
                parts.append(snapshot.hostname)
            elif word.startswith("path"):
                parts.append(tuple(sorted(snapshot.paths)))
            else:
                parts.append(tuple(sorted(snapshot.tags)))
        groups.setdefault(tuple(parts), []).append(snapshot)
    return list(groups.values())


def forget(
    repo: Repository,
    *,
    snapshots: Sequence[str] = (),
    policy: Policy | None = None,
    tags: Sequence[str] = (),
    hostname: str | None = None,
    paths: Sequence[str] = (),
    group_by: str = "host,paths",
    dry_run: bool = False,
) -> ForgetSummary:
    """Remove snapshots: those that are named, or those that a policy does not keep. Data goes with ``prune``.

    :param tags: only look at snapshots that have all of these.
    :raises UsageError: if there is neither a snapshot nor a policy.
    """
    policy = policy or Policy()
    if not snapshots and policy.empty:
        raise UsageError("nothing to forget: name snapshots, or say what to keep")
    with locked(repo, exclusive=True):
        kept: list[Snapshot] = []
        removed: list[Snapshot] = []
        reasons: dict[str, list[str]] = {}
        if snapshots:
            removed = [find_snapshot(repo, name) for name in snapshots]
        else:
            for each in group(list_snapshots(repo, tags=tags, hostname=hostname, paths=paths), group_by):
                group_kept, group_removed, group_reasons = apply_policy(each, policy)
                kept += group_kept
                removed += group_removed
                reasons |= group_reasons
        if not dry_run:
            for snapshot in removed:
                repo.backend.remove(FileKind.SNAPSHOT, snapshot.id)
    return ForgetSummary(tuple(kept), tuple(removed), reasons)
