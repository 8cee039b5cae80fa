"""Records of a migration in the vault: restore points, and folders of objects.

Whatever a run has to remember beyond itself lies here, next to the data, because Airflow's database may be
lost and XCom is no place for Secrets.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from migration_ops.migration.errors import GapError, RestorePointError
from migration_ops.migration.restore_point import (
    BEGAN,
    POINT_FILE,
    RestorePoint,
    gaps,
    snapshot_tags,
    tag_values,
    volume_tags,
)
from migration_ops.vault import backup, list_snapshots, read_file, restore

PARTIAL = "partial=true"
"""Tag of restore points of some namespaces only: no increment compares with them, nothing is staged."""

_T = TypeVar("_T")

if TYPE_CHECKING:
    from migration_ops.cluster import Capture
    from migration_ops.vault import Repository, Snapshot


def commit_restore_point(repository: Repository, point: RestorePoint, capture: Capture) -> str:
    """Write the resources snapshot with `point.json`, which makes the restore point exist.

    :return: the snapshot's id.
    :raises GapError: if it is a cutover's last point and lacks what can't be read just now.
    """
    from migration_ops.cluster import write_capture

    if point.kind == "final" and capture.unreadable and point.parent in whole_points(repository, point.plan):
        _refuse_gaps(get_restore_point(repository, point.plan, point.parent), capture)
    with tempfile.TemporaryDirectory(prefix="migration-ops-") as name:
        folder = Path(name)
        (folder / POINT_FILE).write_text(point.model_dump_json(indent=1), encoding="utf-8")
        write_capture(capture, folder)
        tags = snapshot_tags(point.plan, point.id, "resources")
        tags.append(f"{BEGAN}={point.started.isoformat()}")
        if point.partial:
            tags.append(PARTIAL)
        return _save(repository, folder, tags, point.cluster.name)


def _refuse_gaps(before: RestorePoint, capture: Capture) -> None:
    """An API server or a webhook that is away for a moment must not cost the target any objects."""
    unreadable = {one.object: one.reason for one in capture.unreadable}
    if lost := gaps(before, capture.counts_by_kind, unreadable):
        raise GapError(
            f"objects that restore point {before.id} holds can't be read now, and would be missing in the "
            "target:\n" + "\n".join(lost)
        )


def find_restore_points(repository: Repository, plan: str) -> list[RestorePoint]:
    """All restore points of a plan, oldest first; of a point that was committed twice the newest counts."""
    snapshots = list(_point_snapshots(repository, plan))
    found = _each(repository, lambda snapshot: _read_point(repository, snapshot), snapshots)
    return sorted({point.id: point for point in found}.values(), key=lambda point: point.finished)


def latest_restore_point(repository: Repository, plan: str) -> RestorePoint | None:
    """The newest restore point of all that a plan selects, if there is one."""
    whole = (snapshot for snapshot in _point_snapshots(repository, plan) if PARTIAL not in snapshot.tags)
    newest = max(whole, key=lambda snapshot: snapshot.time, default=None)
    return _read_point(repository, newest) if newest else None


def whole_points(repository: Repository, plan: str) -> list[str]:
    """Ids of a plan's restore points, but for those of some namespaces only; reads nothing but tags."""
    return sorted(
        tag_values(snapshot.tags)["point"]
        for snapshot in _point_snapshots(repository, plan)
        if PARTIAL not in snapshot.tags
    )


def get_restore_point(repository: Repository, plan: str, point: str) -> RestorePoint:
    """One restore point by its id.

    :param point: its id; the newest one's if it is empty.
    :raises RestorePointError: if the vault has none of that id, or none at all.
    """
    if not point:
        newest = latest_restore_point(repository, plan)
        if newest is None:
            raise RestorePointError(
                f"the vault has no restore point of plan {plan} yet: run {plan}.backup first"
            )
        return newest
    found = list_snapshots(repository, tags=snapshot_tags(plan, point, "resources"))
    if not found:
        raise RestorePointError(
            f"the vault has no restore point {point} of plan {plan}: its run didn't reach the commit, or it "
            f"was forgotten. There are: {_known(repository, plan)}"
        )
    return _read_point(repository, found[-1])


def find_volume_snapshot(
    repository: Repository, plan: str, point: str, namespace: str, claim: str, *, disturbed: int = 0
) -> Snapshot | None:
    """The snapshot of one volume for a restore point, also if the point isn't committed yet.

    :param disturbed: see `BackupTask`; a snapshot of before the last disturbance isn't found.
    """
    found = list_snapshots(repository, tags=volume_tags(plan, point, namespace, claim, disturbed))
    return found[-1] if found else None


def captured_objects(
    repository: Repository, point: RestorePoint, target_apis: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """The objects of a restore point, as the source said them.

    :param target_apis: what a target serves: a custom resource comes in a version that it serves, as far as
        the source served that one, too.
    """
    from migration_ops.cluster import read_capture

    with tempfile.TemporaryDirectory(prefix="migration-ops-") as name:
        restore(repository, point.resources_snapshot, name)
        return read_capture(Path(name)).manifests(target_apis)


def save_documents(repository: Repository, documents: dict[str, Any], tags: Sequence[str], host: str) -> str:
    """Write JSON documents as one snapshot and return its id.

    :param documents: content by file name.
    """
    with tempfile.TemporaryDirectory(prefix="migration-ops-") as name:
        for file, content in documents.items():
            (Path(name) / file).write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
        return _save(repository, Path(name), tags, host)


def read_document(repository: Repository, snapshot_id: str, file: str) -> Any:
    """Read one of the documents of a snapshot that `save_documents` wrote."""
    return json.loads(read_file(repository, snapshot_id, f"/{file}"))


def read_documents(repository: Repository, snapshots: Sequence[Snapshot], file: str) -> list[Any]:
    """Read one of the documents of each of several snapshots, several at a time; in their order."""
    return _each(repository, lambda snapshot: read_document(repository, snapshot.id, file), snapshots)


def _each(repository: Repository, read: Callable[[Snapshot], _T], snapshots: Sequence[Snapshot]) -> list[_T]:
    """Read what is small, and so takes but the waiting for an answer."""
    if len(snapshots) < 2:
        return [read(snapshot) for snapshot in snapshots]
    with ThreadPoolExecutor(min(repository.backend.connections, len(snapshots)), "records") as pool:
        return list(pool.map(read, snapshots))


def _known(repository: Repository, plan: str) -> str:
    ids = sorted({tag_values(one.tags)["point"] for one in _point_snapshots(repository, plan)})
    return ", ".join(ids[-10:]) or "none"


def _save(repository: Repository, folder: Path, tags: Sequence[str], host: str) -> str:
    # Parents are found by path, and this one is never the same; to look for one reads every snapshot.
    saved = backup(repository, [folder], tags=tags, hostname=host, as_root=True, force=True)
    return saved.snapshot_id


def _point_snapshots(repository: Repository, plan: str) -> Iterator[Snapshot]:
    for snapshot in list_snapshots(repository, tags=[f"plan={plan}", "content=resources"]):
        if "point" in tag_values(snapshot.tags):
            yield snapshot


def _read_point(repository: Repository, snapshot: Snapshot) -> RestorePoint:
    raw = read_file(repository, snapshot.id, f"/{POINT_FILE}")
    return RestorePoint.model_validate_json(raw).model_copy(update={"resources_snapshot": snapshot.id})
