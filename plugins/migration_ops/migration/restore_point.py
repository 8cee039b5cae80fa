"""Restore points: what belongs together in the vault, and the record that commits it.

A restore point is a snapshot for each volume and one of the resources. The last is written last and holds
`point.json`; without it the others are leftovers of a run that didn't finish. So the vault alone tells which
points exist, also to an Airflow that never saw them made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from migration_ops.migration.errors import RestorePointError

PointKind = Literal["full", "incremental", "final"]
Consistency = Literal["live", "snapshot", "quiesced"]
POINT_FILE = "point.json"
BEGAN = "began"
"""Tag of a committed point's resources: when it was begun, so that nobody need open it for that."""


class _Record(BaseModel):
    # Points of later versions may say more; what is known must still be readable.
    model_config = ConfigDict(frozen=True, extra="ignore")


class VolumeRecord(_Record):
    """One volume of a restore point.

    :param snapshot_id: the vault's snapshot of the volume.
    :param bytes: size of its content.
    :param files: number of files.
    :param added_bytes: what this snapshot added to the vault, as stored.
    :param consistency: `live` while the application wrote, `quiesced` when nothing did.
    """

    namespace: str
    claim: str
    snapshot_id: str
    bytes: int = 0
    files: int = 0
    added_bytes: int = 0
    seconds: float = 0.0
    consistency: Consistency = "live"
    storage_class: str = ""
    capacity: str = ""
    volume_mode: str = "Filesystem"
    warnings: list[str] = []


class SourceCluster(_Record):
    """Where the restore point comes from.

    :param provider: whose cluster it is, as its nodes and StorageClasses tell; empty if they don't.
    """

    name: str
    identity: str
    version: str
    provider: str = ""


class LeftOutRecord(_Record):
    """Something that was there and isn't part of the restore point."""

    object: str
    reason: str


class RestorePoint(_Record):
    """A restore point's commit record, `point.json`.

    :param id: sorts by time: `20261122T181700Z-full-1a2b3c`.
    :param parent: the point before, whose snapshots the volumes were compared with.
    :param partial: whether it holds some of the plan's namespaces only, because its run was told so.
    :param objects: number of objects by `apiVersion/Kind`.
    """

    id: str
    plan: str
    kind: PointKind
    parent: str | None = None
    started: datetime
    finished: datetime
    partial: bool = False
    cluster: SourceCluster
    volumes: list[VolumeRecord] = []
    objects: dict[str, int] = {}
    left_out: list[LeftOutRecord] = []
    warnings: list[str] = []
    resources_snapshot: str = Field(default="", exclude=True)

    @property
    def total_bytes(self) -> int:
        """Size of all volumes."""
        return sum(volume.bytes for volume in self.volumes)

    @property
    def added_bytes(self) -> int:
        """What the volumes added to the vault."""
        return sum(volume.added_bytes for volume in self.volumes)

    def volume(self, namespace: str, claim: str) -> VolumeRecord | None:
        """The record of one volume, if the point has it."""
        return next((v for v in self.volumes if (v.namespace, v.claim) == (namespace, claim)), None)


def point_kind(text: str) -> PointKind:
    """The kind of that name.

    :raises RestorePointError: if there is none.
    """
    for kind in get_args(PointKind):
        if kind == text:
            return cast("PointKind", kind)
    raise RestorePointError(
        f"{text!r} is no kind of restore point; use one of {', '.join(get_args(PointKind))}"
    )


def point_id(kind: PointKind, time: datetime, run: str) -> str:
    """A restore point's id: the same for every try of the same run.

    :param time: of the run, not of the try.
    :param run: the run's identity.
    """
    return f"{time.astimezone(UTC):%Y%m%dT%H%M%SZ}-{kind}-{run[-8:]}"


def snapshot_tags(
    plan: str, point: str, content: Literal["resources", "volume"], namespace: str = "", claim: str = ""
) -> list[str]:
    """The tags by which a restore point's snapshots are found."""
    tags = [f"plan={plan}", f"point={point}", f"content={content}"]
    if namespace:
        tags += [f"namespace={namespace}", f"claim={claim}"]
    return tags


def volume_tags(plan: str, point: str, namespace: str, claim: str, disturbed: int = 0) -> list[str]:
    """The tags of a volume's snapshot.

    :param disturbed: how often what was saved for this point doesn't count.
    """
    tags = snapshot_tags(plan, point, "volume", namespace, claim)
    return [*tags, f"disturbed={disturbed}"] if disturbed else tags


def tag_values(tags: Sequence[str]) -> dict[str, str]:
    """Tags as a mapping; those that aren't of the form `key=value` are left out."""
    return dict(tag.split("=", 1) for tag in tags if "=" in tag)


def gaps(before: RestorePoint, counts: Mapping[str, int], unreadable: Mapping[str, str]) -> list[str]:
    """Kinds of which a point was to hold less than the point before, because they couldn't be read.

    :param counts: number of captured objects by `apiVersion/Kind`.
    :param unreadable: reason by what couldn't be read: `apiVersion/Kind`, that `in NAMESPACE`, or a group's
        version.
    """
    found = []
    held, now = _in_any_version(before.objects), _in_any_version(counts)
    for name, reason in unreadable.items():
        kind = name.partition(" in ")[0]
        lost = [
            one
            for one in before.objects
            if (one.startswith(f"{kind}/") or _without_version(one) == _without_version(kind))
            and now[_without_version(one)] < held[_without_version(one)]
        ]
        found += [f"{one}: {reason}" for one in lost]
    return list(dict.fromkeys(found))


def _in_any_version(counts: Mapping[str, int]) -> Counter[str]:
    """Sum counts up by kind: what one version lacks may have been read in another one."""
    summed: Counter[str] = Counter()
    for kind, count in counts.items():
        summed[_without_version(kind)] += count
    return summed


def _without_version(kind: str) -> str:
    group, _, name = kind.rpartition("/")
    return f"{group.rpartition('/')[0]}/{name}"
