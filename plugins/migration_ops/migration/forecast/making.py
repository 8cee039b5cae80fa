"""Makes the forecast: each step from its own past, volumes by what changes in them, all of it added up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from migration_ops.migration.forecast.history import STEPS, History, VolumeName
from migration_ops.migration.forecast.lanes import in_lanes
from migration_ops.migration.forecast.model import ASSUMED, Forecast, StepForecast, VolumeForecast
from migration_ops.migration.forecast.prediction import predict
from migration_ops.migration.forecast.ranges import Range, total
from migration_ops.migration.forecast.work import Sample, WorkModel, throughput
from migration_ops.migration.restore_point import RestorePoint

# Before the first run: what these steps took in clusters of a few nodes. Wide, since it is a guess.
_ASSUMED = {
    "quiesce": Range(low=5, point=30, high=120),
    "final delta": Range(low=3, point=10, high=45),
    "restore": Range(low=3, point=10, high=45),
    "apply": Range(low=2, point=8, high=40),
    "ready": Range(low=5, point=40, high=240),
    "verify": Range(low=2, point=10, high=60),
}
_SHORTEST = 0.5
"""Seconds: starting a task takes that long at least; less is an error of measuring."""

_UNKNOWN_CHANGE = (0.001, 0.02, 0.2)
"""Part of a volume that changed when nothing is known of it yet."""


@dataclass(frozen=True)
class VolumeOutlook:
    """One volume that will move.

    :param target: its namespace and claim in the target.
    :param bytes: its size by the newest restore point.
    :param delta_bytes: what will have changed since, which the final backup moves.
    :param restore_bytes: what the target's claim will lack: the same if it is staged, all of it if not.
    """

    source: VolumeName
    target: VolumeName
    bytes: int
    delta_bytes: Range
    restore_bytes: Range


@dataclass(frozen=True)
class Lanes:
    """How many movers run at a time, and what the vault probe measured there.

    :param upload: bytes per second from the source, if it was probed.
    :param download: bytes per second to the target, if it was probed.
    """

    source: int = 4
    target: int = 4
    upload: float | None = None
    download: float | None = None


def outlook(
    latest: RestorePoint,
    history: History,
    at: datetime,
    namespaces: Mapping[str, str],
    *,
    staged: Collection[VolumeName] = (),
) -> list[VolumeOutlook]:
    """What will have changed in each volume by then.

    :param latest: the newest restore point.
    :param at: when the application will be stopped.
    :param namespaces: source to target namespace.
    :param staged: claims of the target that hold the newest restore point already.
    """
    age = max(0.0, (at - latest.started).total_seconds())
    found = []
    for volume in latest.volumes:
        name = (volume.namespace, volume.claim)
        rate = predict([*history.change_rates.get(name, ())])
        if rate is None:
            low, point, high = (share * volume.bytes for share in _UNKNOWN_CHANGE)
            change = Range.around(low, point, high)
        else:
            change = Range.around(rate.low * age, rate.point * age, rate.high * age).at_most(volume.bytes)
        target = (namespaces.get(volume.namespace, volume.namespace), volume.claim)
        lacking = change if target in staged else Range.exactly(volume.bytes)
        found.append(VolumeOutlook(name, target, volume.bytes, change, lacking))
    return found


def make_forecast(
    plan: str,
    history: History,
    volumes: Sequence[VolumeOutlook],
    lanes: Lanes,
    *,
    now: datetime | None = None,
) -> Forecast:
    """Forecast a cutover's downtime.

    :param volumes: what moves, see `outlook`.
    :param lanes: the plan's parallelism and the probes' throughputs.
    :param now: the time that the forecast says it was made.
    """
    forecasts = [_volume(one, history, lanes) for one in volumes]
    moved = {
        "final delta": in_lanes([one.backup_seconds for one in forecasts], lanes.source),
        "restore": in_lanes([one.restore_seconds for one in forecasts], lanes.target),
    }
    steps = [_step(name, history, moved.get(name, Range.exactly(0.0)), lanes) for name, _ in STEPS]
    if not any(run.restored for run in history.runs):
        steps = [_unopened(history, volumes) or one if one.step == "restore" else one for one in steps]
    downtime = total([one.seconds for one in steps])
    longest = max(steps, key=lambda one: one.seconds.point)
    return Forecast(
        plan=plan,
        made=now or datetime.now(UTC),
        downtime=downtime,
        steps=steps,
        volumes=forecasts,
        runs=sum(1 for run in history.runs if run.downtime_seconds is not None),
        dominant=_dominant(longest.step, forecasts),
        dominant_share=longest.seconds.point / downtime.point if downtime.point else 0.0,
    )


def _volume(one: VolumeOutlook, history: History, lanes: Lanes) -> VolumeForecast:
    backup = WorkModel.fit(_samples(history.backups, one.source), lanes.upload)
    staged = _samples(history.stagings, one.target)
    restored = _samples(history.restores, one.target)
    restore = WorkModel.fit(restored or staged, throughput(staged) or lanes.download)
    return VolumeForecast(
        namespace=one.source[0],
        claim=one.source[1],
        bytes=one.bytes,
        delta_bytes=one.delta_bytes,
        backup_seconds=backup.seconds(one.delta_bytes),
        restore_seconds=restore.seconds(one.restore_bytes),
    )


def _samples(by_volume: Mapping[VolumeName, Sequence[Sample]], name: VolumeName) -> Sequence[Sample]:
    """A volume's own measurements; without any those of all others."""
    own = by_volume.get(name)
    return own or [sample for samples in by_volume.values() for sample in samples]


def _step(name: str, history: History, moved: Range, lanes: Lanes) -> StepForecast:
    """A step: what is around the volumes (starting pods and tasks), and the volumes themselves."""
    around = []
    for run in history.runs:
        if name not in run.seconds:
            continue
        volumes: list[float] = []
        if name == "final delta":
            volumes = list(history.finals.get(run.point or "", ()))
        elif name == "restore":
            volumes = [sample.seconds for sample in run.restored.values()]
        parallel = lanes.source if name == "final delta" else lanes.target
        inside = in_lanes([Range.exactly(value) for value in volumes], parallel).point
        around.append(max(_SHORTEST, run.seconds[name] - inside))
    fixed = predict(around)
    if fixed is None:
        return StepForecast(step=name, seconds=total([_ASSUMED[name], moved]), basis=ASSUMED)
    return StepForecast(step=name, seconds=total([fixed, moved]), basis=_basis(len(around)))


def _unopened(history: History, volumes: Sequence[VolumeOutlook]) -> StepForecast | None:
    """The restore from runs of which only its whole time is known, by what it had to write."""
    staged = all(one.restore_bytes == one.delta_bytes for one in volumes)
    samples = [
        Sample((run.delta_bytes if staged else run.total_bytes) or 0.0, run.seconds["restore"])
        for run in history.runs
        if "restore" in run.seconds
    ]
    if not samples:
        return None
    lacking = total(one.restore_bytes for one in volumes)
    return StepForecast(
        step="restore", seconds=WorkModel.fit(samples).seconds(lacking), basis=_basis(len(samples))
    )


def _basis(number: int) -> str:
    return f"{number} earlier run{'s' if number > 1 else ''}"


def _dominant(step: str, volumes: Sequence[VolumeForecast]) -> str:
    by_step = {
        "final delta": lambda one: one.backup_seconds.point,
        "restore": lambda one: one.restore_seconds.point,
    }
    if step not in by_step or len(volumes) < 2:
        return step
    longest = max(volumes, key=by_step[step])
    return f"{step} (volume {longest.namespace}/{longest.claim})"
