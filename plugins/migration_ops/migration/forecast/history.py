"""What the vault remembers of a plan's earlier runs, in the form in which forecasts are made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from migration_ops.migration.events import FAILED
from migration_ops.migration.forecast.work import Sample
from migration_ops.migration.journal import QUIESCE_BEGUN, QUIESCED

if TYPE_CHECKING:
    from migration_ops.migration.journal import Event
    from migration_ops.migration.restore_point import RestorePoint

VolumeName = tuple[str, str]

FINAL_DELTA, RESTORED, APPLIED, READY, VERIFIED = "final-delta", "restored", "applied", "ready", "verified"
STAGED = "staged"

STEPS: tuple[tuple[str, str], ...] = (
    ("quiesce", QUIESCED),
    ("final delta", FINAL_DELTA),
    ("restore", RESTORED),
    ("apply", APPLIED),
    ("ready", READY),
    ("verify", VERIFIED),
)
"""The steps of a downtime and the journal's events that end them, in their order."""


_LEAST_CHANGE = 4096
"""Bytes: a volume that didn't change at all says no more than that it hardly changes."""


@dataclass(frozen=True)
class RunTimes:
    """How long the steps of one run took.

    Steps follow each other without gaps: each lasts from the end of the one before to its own end, so that
    their sum is the downtime, with the time in which Airflow starts the next task.

    :param seconds: by step; those that the run didn't reach are missing.
    :param point: the final restore point, if the run made one.
    :param delta_bytes: what the final delta added.
    :param total_bytes: size of all volumes then.
    :param restored: per volume of the target what was written, and in what time.
    :param downtime_seconds: from the first stop to the last verified workload; none if it didn't get there,
        or nothing was stopped (a rehearsal).
    """

    run: str
    seconds: Mapping[str, float]
    ended: datetime
    point: str | None = None
    delta_bytes: float | None = None
    total_bytes: float | None = None
    restored: Mapping[VolumeName, Sample] = field(default_factory=dict)
    downtime_seconds: float | None = None


@dataclass(frozen=True)
class History:
    """All that earlier runs say.

    :param runs: oldest first.
    :param backups: per volume of the source what each restore point moved, oldest first.
    :param restores: per volume of the target what each restore of a cutover wrote, oldest first.
    :param stagings: the same of each staging: more bytes, and another way of reading them again.
    :param change_rates: per volume of the source, bytes per second between two restore points, oldest first.
    :param finals: per restore point the volumes' seconds, to tell them from what is around them.
    """

    runs: Sequence[RunTimes] = ()
    backups: Mapping[VolumeName, Sequence[Sample]] = field(default_factory=dict)
    restores: Mapping[VolumeName, Sequence[Sample]] = field(default_factory=dict)
    stagings: Mapping[VolumeName, Sequence[Sample]] = field(default_factory=dict)
    change_rates: Mapping[VolumeName, Sequence[float]] = field(default_factory=dict)
    finals: Mapping[str, Sequence[float]] = field(default_factory=dict)


def read_history(events: Iterable[Event], points: Sequence[RestorePoint]) -> History:
    """Put journals and restore points together.

    :param events: of all runs of the plan, as `Journal.events` gives them.
    :param points: its restore points, oldest first, as `find_restore_points` gives them.
    """
    by_run: dict[str, list[Event]] = defaultdict(list)
    moved: dict[str, dict[VolumeName, list[Sample]]] = {
        name: defaultdict(list) for name in (STAGED, RESTORED)
    }
    for event in events:
        by_run[event.run].append(event)
        for name, sample in _volumes(event.data).items() if event.name in moved else ():
            moved[event.name][name].append(sample)
    runs = [
        times
        for run, each in by_run.items()
        if not _asked(each) and (times := run_times(run, each)) is not None
    ]
    backups: dict[VolumeName, list[Sample]] = defaultdict(list)
    rates: dict[VolumeName, list[float]] = defaultdict(list)
    known = {point.id: point for point in points}
    for point in points:
        before = known.get(point.parent or "")
        age = (point.started - before.started).total_seconds() if before else 0.0
        for volume in point.volumes:
            name = (volume.namespace, volume.claim)
            whole = before is None or before.volume(*name) is None
            backups[name].append(Sample(volume.bytes if whole else volume.added_bytes, volume.seconds))
            if not whole and age > 0:
                rates[name].append(max(volume.added_bytes, _LEAST_CHANGE) / age)
    return History(
        runs=sorted(runs, key=lambda one: one.ended),
        backups=dict(backups),
        restores=dict(moved[RESTORED]),
        stagings=dict(moved[STAGED]),
        change_rates=dict(rates),
        finals={
            point.id: [volume.seconds for volume in point.volumes]
            for point in points
            if point.kind == "final"
        },
    )


def _asked(events: Sequence[Event]) -> bool:
    """Whether the stopped application waited for somebody's answer: that says nothing of the next time."""
    stopped = min((one.began for one in events if one.name == QUIESCE_BEGUN), default=None)
    verified = max((one.ended for one in events if one.name == VERIFIED), default=None)
    return stopped is not None and any(
        one.name == FAILED and one.ended > stopped and (verified is None or one.ended < verified)
        for one in events
    )


def run_times(run: str, events: Sequence[Event]) -> RunTimes | None:
    """The steps of one run; nothing if it reached none of them.

    :param events: of that run, in any order; of several tries of a step the last counts.
    """
    last = {event.name: event for event in sorted(events, key=lambda event: event.ended)}
    reached = [(step, last[name]) for step, name in STEPS if name in last]
    if not reached:
        return None
    began = last[QUIESCE_BEGUN].began if QUIESCE_BEGUN in last else reached[0][1].began
    seconds: dict[str, float] = {}
    border = began
    for step, event in reached:
        if step == "apply" and RESTORED not in last and FINAL_DELTA in last:
            # Without an event of its own the restore is what lies between the two.
            seconds["restore"] = max(0.0, (event.began - border).total_seconds())
            border = max(border, event.began)
        seconds[step] = max(0.0, (event.ended - border).total_seconds())
        border = max(border, event.ended)
    final = last[FINAL_DELTA].data if FINAL_DELTA in last else {}
    whole = QUIESCE_BEGUN in last and VERIFIED in last
    return RunTimes(
        run=run,
        seconds=seconds,
        ended=border,
        point=final.get("point"),
        delta_bytes=final.get("added_bytes"),
        total_bytes=final.get("bytes"),
        restored=_volumes(last[RESTORED].data) if RESTORED in last else {},
        downtime_seconds=(last[VERIFIED].ended - began).total_seconds() if whole else None,
    )


def _volumes(data: Mapping[str, Any]) -> dict[VolumeName, Sample]:
    """What an event says of each volume: `{"volumes": [{namespace, claim, bytes, seconds}]}`."""
    said = data.get("volumes")
    return {
        (one["namespace"], one["claim"]): Sample(float(one.get("bytes") or 0), float(one["seconds"]))
        for one in (said if isinstance(said, list) else [])
        if isinstance(one, dict) and one.get("seconds")
    }
