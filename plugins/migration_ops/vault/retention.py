"""The forget command: which snapshots a policy keeps. The rules are restic's, so that both programs agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from migration_ops.vault.backend import FileKind
from migration_ops.vault.clock import NANOSECONDS, as_datetime, now
from migration_ops.vault.duration import parse_duration
from migration_ops.vault.errors import UsageError
from migration_ops.vault.lock import locked
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot, find_snapshot, list_snapshots


@dataclass(frozen=True)
class Policy:
    """How many snapshots to keep; -1 means all.

    :param within: a duration like ``2y5m7d3h`` before the newest snapshot in which all are kept.
    :param tags: keep all snapshots that have all tags of one of these lists; an empty tag stands for no tags.
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
        """Whether it says nothing, so that nothing would be kept.

        :raises UsageError: if `within` is no duration.
        """
        return replace(self, within="") == Policy() and parse_duration(self.within).is_zero


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
    return as_datetime(snapshot.time + snapshot.utc_offset * NANOSECONDS)


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


def apply_policy(
    snapshots: Sequence[Snapshot], policy: Policy
) -> tuple[list[Snapshot], list[Snapshot], dict[str, list[str]]]:
    """Divide one group of snapshots.

    :returns: kept and removed, newest first, and the reasons by snapshot id.
    :raises UsageError: if the policy's duration is none, or reaches back too far.
    """
    ordered = sorted(snapshots, key=lambda snapshot: snapshot.time, reverse=True)
    counts = [getattr(policy, name) for name, _ in _BUCKETS]
    last: list[tuple[int, ...] | None] = [None] * len(_BUCKETS)
    within = parse_duration(policy.within)
    present = now()
    # Snapshots of the future are not what a duration is counted from; if there are no others, all are kept.
    newest = next((snapshot for snapshot in ordered if snapshot.time < present), None)
    earliest = within.before(_local(newest)) if newest else None
    kept: list[Snapshot] = []
    removed: list[Snapshot] = []
    reasons: dict[str, list[str]] = {}
    for number, snapshot in enumerate(ordered):
        moment = _local(snapshot)
        why = [f"has tags {','.join(tags)}" for tags in policy.tags if snapshot.has_tags(tags)]
        if not within.is_zero and (earliest is None or moment > earliest):
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
    tags: Sequence[Sequence[str]] = (),
    hostname: str | None = None,
    paths: Sequence[str] = (),
    group_by: str = "host,paths",
    allow_remove_all: bool = False,
    dry_run: bool = False,
) -> ForgetSummary:
    """Remove snapshots: those that are named, or those that a policy does not keep. Data goes with ``prune``.

    :param tags: only look at snapshots that have all tags of one of these lists.
    :param allow_remove_all: without any policy, remove everything that `tags`, `hostname` and `paths` choose.
    :raises UsageError: if there is neither a snapshot nor a policy, or the policy keeps nothing of a group;
        nothing is removed then.
    """
    policy = policy or Policy()
    if not snapshots:
        is_chosen = bool(tags or hostname or paths)
        _refuse_senseless(policy, is_chosen=is_chosen, allow_remove_all=allow_remove_all)
    with locked(repo, exclusive=True):
        kept: list[Snapshot] = []
        removed: list[Snapshot] = []
        reasons: dict[str, list[str]] = {}
        if snapshots:
            removed = [find_snapshot(repo, name) for name in snapshots]
        else:
            found = list_snapshots(repo, any_tags=tags, hostname=hostname, paths=paths)
            for each in group(found, group_by):
                group_kept, group_removed, group_reasons = apply_policy(each, policy)
                if not group_kept and not policy.empty:
                    raise UsageError(
                        f"the policy keeps none of the {len(each)} snapshots of host {each[0].hostname!r},"
                        f" {' '.join(each[0].paths)}; nothing was removed. Keep at least one, or choose by"
                        " --tag, --host or --path with --unsafe-allow-remove-all and no policy"
                    )
                kept += group_kept
                removed += group_removed
                reasons |= group_reasons
        if not dry_run:
            for snapshot in removed:
                repo.backend.remove(FileKind.SNAPSHOT, snapshot.id)
    return ForgetSummary(tuple(kept), tuple(removed), reasons)


def _refuse_senseless(policy: Policy, *, is_chosen: bool, allow_remove_all: bool) -> None:
    """Look at what was asked before anything is opened.

    :param is_chosen: only some snapshots are looked at.
    """
    parse_duration(policy.within).before(as_datetime(now()))
    if not policy.empty:
        return
    if not allow_remove_all:
        raise UsageError("no policy was given, so nothing was removed: name snapshots, or say what to keep")
    if not is_chosen:
        raise UsageError(
            "--unsafe-allow-remove-all would remove everything: choose with --tag, --host or --path"
        )
