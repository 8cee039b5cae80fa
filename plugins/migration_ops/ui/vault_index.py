"""What a vault's snapshots say, without opening any of them: read once each, since a snapshot never changes.

Tags tell what a snapshot belongs to, its statistics how large it is; so restore points, their sizes and what
each added come from the snapshots' own small documents, however many thousands there are.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from migration_ops.migration.restore_point import BEGAN, tag_values
from migration_ops.vault.backend import FileKind
from migration_ops.vault.errors import DamagedError, ObjectMissing
from migration_ops.vault.snapshot import Snapshot, decode_snapshot

if TYPE_CHECKING:
    from migration_ops.vault import Repository

_AT_ONCE = 16
_STILL_SECONDS = 20.0
_ELSEWHERE = {"rehearsal-begun", "restore-begun"}  # events of runs that don't fill the plan's own claims


@dataclass(frozen=True, slots=True)
class Slip:
    """What is kept of one snapshot.

    :param tags: its tags as a mapping.
    :param bytes: size of its content.
    :param added_bytes: what it added to the vault, as stored.
    """

    id: str
    time: datetime
    tags: dict[str, str]
    bytes: int
    files: int
    added_bytes: int
    seconds: float

    @property
    def volume(self) -> tuple[str, str]:
        """Namespace and claim."""
        return self.tags.get("namespace", ""), self.tags.get("claim", "")


@dataclass(frozen=True)
class PointSlips:
    """A committed restore point: its resources' snapshot, and its volumes'."""

    id: str
    resources: Slip
    volumes: list[Slip]

    @property
    def kind(self) -> str:
        """`full`, `incremental` or `final`, as the point's name says."""
        parts = self.id.split("-")
        return parts[1] if len(parts) > 2 else ""

    @property
    def began(self) -> datetime:
        """When it was begun, as its commit says.

        Older versions didn't note it: then as the point's name says, which is its run's time; or, of a final
        one, whose run prepares, asks and stages first, as its volumes say.
        """
        with suppress(KeyError, ValueError):
            noted = datetime.fromisoformat(self.resources.tags[BEGAN])
            return noted if noted.tzinfo else noted.replace(tzinfo=UTC)
        if self.kind == "final" and self.volumes:
            return min(one.time for one in self.volumes)
        try:
            return datetime.strptime(self.id.split("-", maxsplit=1)[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            return self.resources.time

    @property
    def bytes(self) -> int:
        """Size of all volumes."""
        return sum(one.bytes for one in self.volumes)

    @property
    def added_bytes(self) -> int:
        """What the volumes added to the vault."""
        return sum(one.added_bytes for one in self.volumes)


@dataclass
class PlanSlips:
    """What the vault holds of one plan.

    :param points: committed restore points, oldest first.
    :param journal: events by run, oldest first.
    :param adapted: by restore point, the newest snapshot of its adapted objects; one that was adapted for
        a rehearsal or a restore to elsewhere only if there is no other.
    :param reports: by run, its newest report.
    """

    points: list[PointSlips] = field(default_factory=list)
    journal: dict[str, list[Slip]] = field(default_factory=dict)
    adapted: dict[str, Slip] = field(default_factory=dict)
    reports: dict[str, Slip] = field(default_factory=dict)

    def point(self, name: str) -> PointSlips | None:
        """One restore point."""
        return next((one for one in reversed(self.points) if one.id == name), None)

    def events_of(self, run: str) -> set[str]:
        """Names of what a run wrote into the journal."""
        return {one.tags.get("event", "") for one in self.journal.get(run, [])}

    def is_elsewhere(self, run: str) -> bool:
        """Whether the run filled other claims than the plan's own: a rehearsal, or a restore."""
        return not _ELSEWHERE.isdisjoint(self.events_of(run))


class VaultIndex:
    """The snapshots of one open vault.

    :param repository: the vault.
    :param before: an index of the same vault, whose snapshots needn't be read again.
    """

    def __init__(self, repository: Repository, before: VaultIndex | None = None) -> None:
        self.repository = repository
        self._slips: dict[str, Slip] = before.slips() if before else {}
        self._refreshing = Lock()
        self._read, self._to_read, self._moved = 0, 0, 0.0

    def slips(self) -> dict[str, Slip]:
        """What was read so far, by id."""
        return dict(self._slips)

    @property
    def progress(self) -> tuple[int, int] | None:
        """How many snapshots were read, and of how many, while they are being read and the vault answers."""
        if not self._to_read or time.monotonic() - self._moved > _STILL_SECONDS:
            return None
        return self._read, self._to_read

    def refresh(self) -> dict[str, PlanSlips]:
        """Read what is new, drop what was forgotten; what there is, by plan."""
        with self._refreshing:
            names = {name for name, _ in self.repository.backend.list(FileKind.SNAPSHOT)}
            new = sorted(names - self._slips.keys())
            self._read, self._to_read, self._moved = 0, len(new), time.monotonic()
            try:
                self._read_all(new)
            finally:
                self._to_read = 0
            for gone in self._slips.keys() - names:
                del self._slips[gone]
            return by_plan(self._slips.values())

    def _read_all(self, names: list[str]) -> None:
        if names:
            self.repository.expect_changes()
        with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(names))), "snapshots") as pool:
            for slip in pool.map(self._load, names):
                self._read, self._moved = self._read + 1, time.monotonic()
                if slip is not None:
                    self._slips[slip.id] = slip

    def _load(self, name: str) -> Slip | None:
        try:
            return slip_of(decode_snapshot(name, self.repository.load_unpacked(FileKind.SNAPSHOT, name)))
        except (ObjectMissing, DamagedError):
            return None  # forgotten meanwhile, or something for `check` to name


def slip_of(snapshot: Snapshot) -> Slip:
    """What is kept of a snapshot."""
    said = snapshot.summary
    return Slip(
        id=snapshot.id,
        time=datetime.fromtimestamp(snapshot.time / 1e9, UTC),
        tags=tag_values(snapshot.tags),
        bytes=int(said.get("total_bytes_processed") or 0),
        files=int(said.get("total_files_processed") or 0),
        added_bytes=int(said.get("data_added_packed") or said.get("data_added") or 0),
        seconds=_seconds(said),
    )


def _seconds(said: dict[str, object]) -> float:
    try:
        began, ended = (datetime.fromisoformat(str(said[name])) for name in ("backup_start", "backup_end"))
    except (KeyError, ValueError):
        return 0.0
    return max(0.0, (ended - began).total_seconds())


def by_plan(slips: Iterable[Slip]) -> dict[str, PlanSlips]:
    """Sort snapshots by what they belong to; of what was written twice the newest counts."""
    found: dict[str, PlanSlips] = defaultdict(PlanSlips)
    adapted: list[tuple[str, str, Slip]] = []
    resources: dict[tuple[str, str], Slip] = {}
    volumes: dict[tuple[str, str], dict[tuple[str, str], Slip]] = defaultdict(dict)
    for slip in sorted(slips, key=lambda one: one.time):
        plan, content = slip.tags.get("plan"), slip.tags.get("content")
        if not plan:
            continue
        name, run = slip.tags.get("point", ""), slip.tags.get("run", "")
        match content:
            case "resources" if name:
                resources[plan, name] = slip
            case "volume" if name:
                volumes[plan, name][slip.volume] = slip
            case "adapted" if name:
                adapted.append((plan, name, slip))
            case "journal" if run:
                found[plan].journal.setdefault(run, []).append(slip)
            case "report" if run:
                found[plan].reports[run] = slip
            case _:
                pass
    adapted.sort(key=lambda one: not found[one[0]].is_elsewhere(one[2].tags.get("run", "")))
    for plan, name, slip in adapted:
        found[plan].adapted[name] = slip
    for (plan, name), slip in resources.items():
        point_volumes = sorted(volumes[plan, name].values(), key=lambda one: one.volume)
        found[plan].points.append(PointSlips(name, slip, point_volumes))
    for one in found.values():
        one.points.sort(key=lambda point: point.resources.time)
    return dict(found)
