"""The backup command: lock, parent, walk, flush, snapshot; in this order a crash leaves nothing broken."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from migration_ops.vault import lock as locks
from migration_ops.vault.archiver import Archiver
from migration_ops.vault.backup_counts import BackupCounts, BackupSummary
from migration_ops.vault.blob_saver import VERIFY_EVERY, BlobSaver
from migration_ops.vault.clock import NANOSECONDS, format_time, now
from migration_ops.vault.errors import Interrupted, UsageError
from migration_ops.vault.excludes import Patterns
from migration_ops.vault.expectation import Expectation, look_up
from migration_ops.vault.file_saver import WalkOptions
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.folder import Targets
from migration_ops.vault.node import Node
from migration_ops.vault.packer import Packer
from migration_ops.vault.parent import find_parent
from migration_ops.vault.progress import Report, Ticker, error_message, silent, time_left
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot, find_snapshot, store_snapshot
from migration_ops.vault.source import node_of, read_xattrs, user_name
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.upload_limit import UploadLimit

PROGRAM = "migration-ops 0.1.0"
_MISSING = "it does not exist; the snapshot is without it"


def backup(
    repo: Repository,
    paths: Sequence[Path | str],
    *,
    tags: Sequence[str] = (),
    hostname: str | None = None,
    time: int | None = None,
    excludes: Sequence[str] = (),
    parent: str | None = None,
    as_root: bool = False,
    stop_at: float | None = None,
    limit_upload: float | None = None,
    ignore_ctime: bool = False,
    ignore_inode: bool = False,
    force: bool = False,
    workers: int | None = None,
    verify_every: int = VERIFY_EVERY,
    stop: StopRequest | None = None,
    progress: Report | None = None,
) -> BackupSummary:
    """Back up paths as one snapshot.

    :param paths: files, folders, or block devices (whose content becomes a file). One that does not exist is
        an error of the summary, as long as another does.
    :param tags: stored with the snapshot.
    :param hostname: stored with the snapshot; parents are looked for under it.
    :param time: nanoseconds since 1970 to store instead of the present.
    :param excludes: patterns of what to leave out, as restic's ``--exclude``.
    :param parent: id of the snapshot whose unchanged files are not read again; found by itself if not given.
    :param as_root: store the content of the one path at the snapshot's root.
    :param stop_at: seconds since 1970 at which to stop cleanly.
    :param limit_upload: bytes per second, on average.
    :param ignore_ctime: take files for unchanged although their ctime differs, as it does on clones of
        volumes.
    :param ignore_inode: likewise for inode numbers.
    :param force: read all files, as without a parent.
    :param workers: threads that hash, compress and seal; as many as cores if not given.
    :param verify_every: one of how many sealed blobs is opened again before it is stored; 1 means all.
    :param stop: asks for a clean stop from outside.
    :param progress: called with restic's JSON messages: status about once a second, error for each problem.
    :raises Interrupted: if it stopped before the end; all finished packs are indexed then.
    :raises RepositoryLocked: if somebody holds an exclusive lock.
    """
    started = now()
    stop = stop or StopRequest(stop_at)
    report = progress or silent
    paths, missing = existing_paths(paths)
    start, targets, shown, root = resolve_targets(paths, as_root=as_root)
    host = hostname or os.uname().nodename
    snapshot_time = started if time is None else time
    with locks.locked(repo) as lock:
        parent_snapshot = None
        if not force:
            parent_snapshot = (
                find_snapshot(repo, parent) if parent else find_parent(repo, host, shown, tags, snapshot_time)
            )
        counts = BackupCounts()
        for path in missing:
            counts.errors.append((path, _MISSING))
            report(error_message(path, _MISSING, "scan"))
        limit = UploadLimit(limit_upload) if limit_upload else None
        packer = Packer(repo, limit=limit, uploads=1 if limit else None, guard=lock.check)
        saver = BlobSaver(repo, packer, stop, workers or os.cpu_count() or 2, verify_every)
        options = WalkOptions(Patterns(excludes), ignore_ctime, ignore_inode)
        fingerprints = Fingerprints(repo.key)
        if parent_snapshot is not None:
            fingerprints.load(repo, parent_snapshot.fingerprints)
        archiver = Archiver(repo, saver, counts, options, fingerprints, report)
        expectation = cache(lambda: _expected(parent_snapshot, paths, excludes))
        with Ticker(progress, lambda: _status(counts, expectation(), started)):
            try:
                tree = archiver.run(
                    start, targets, bytes.fromhex(parent_snapshot.tree) if parent_snapshot else None
                )
                table = [saver.save_chunk(piece).hex() for piece in fingerprints.encode()]
                packer.flush()
            except Interrupted as reason:
                # What is stored and indexed now is not uploaded again by the next run.
                packer.stop(reason)
                saver.give_up(reason)
                saver.close()
                packer.index_what_was_begun()
                raise
            finally:
                saver.close()
                packer.close()
        ended = now()
        added = saver.added
        summary = BackupSummary(
            snapshot_id="",
            files_new=counts.files_new,
            files_changed=counts.files_changed,
            files_unmodified=counts.files_unmodified,
            dirs_new=counts.dirs_new,
            dirs_changed=counts.dirs_changed,
            dirs_unmodified=counts.dirs_unmodified,
            data_blobs=added.data_blobs,
            tree_blobs=added.tree_blobs,
            data_added=added.data_added,
            data_added_packed=added.data_added_packed,
            bytes_read=counts.bytes_read,
            total_files_processed=counts.total_files_processed,
            total_bytes_processed=counts.total_bytes_processed,
            backup_start=format_time(started),
            backup_end=format_time(ended),
            total_duration=(ended - started) / NANOSECONDS,
            parent=parent_snapshot.id if parent_snapshot else None,
            errors=tuple(counts.errors),
            sockets_skipped=counts.skipped_sockets,
        )
        snapshot = Snapshot(
            id="",
            time=snapshot_time,
            tree=tree.hex(),
            paths=tuple(shown),
            hostname=host,
            username=user_name(os.getuid()),
            uid=os.getuid(),
            gid=os.getgid(),
            tags=tuple(tags),
            excludes=tuple(excludes),
            parent=summary.parent,
            program_version=PROGRAM,
            summary=summary.for_snapshot(),
            root=root,
            fingerprints=tuple(table),
        )
        lock.check()
        return BackupSummary(**{**vars(summary), "snapshot_id": store_snapshot(repo, snapshot)})


def existing_paths(paths: Sequence[Path | str]) -> tuple[list[Path | str], list[str]]:
    """Tell the paths that exist from those that do not, as restic does.

    :raises UsageError: if none exists.
    """
    missing = [os.fspath(path) for path in paths if not os.path.lexists(path)]
    if missing and len(missing) == len(paths):
        raise UsageError(f"{', '.join(missing)} does not exist; nothing was backed up")
    return [path for path in paths if os.fspath(path) not in missing], missing


def resolve_targets(
    paths: Sequence[Path | str], *, as_root: bool
) -> tuple[bytes, Targets | None, list[str], Node | None]:
    """Where the walk starts, what it visits from there, the paths to store, and the root's own node.

    :raises UsageError: if there is no path, or ``as_root`` has more than one.
    """
    if not paths:
        raise UsageError("nothing to back up: give at least one path")
    raw = [os.fsencode(os.fspath(path)) for path in paths]
    shown = sorted({os.fsdecode(os.path.abspath(path)) for path in raw})
    if as_root:
        if len(raw) != 1:
            raise UsageError("--as-root stores one path's content at the root, so it takes exactly one path")
        if os.path.isdir(raw[0]):
            node = node_of(b".", os.stat(raw[0]))
            node.xattrs = read_xattrs(os.path.realpath(raw[0]))
            return raw[0], None, shown, node
        folder, name = os.path.split(os.path.abspath(raw[0]))
        return folder, {name: None}, shown, None
    relative = all(not path.startswith(b"/") and not os.path.normpath(path).startswith(b"..") for path in raw)
    targets: Targets = {}
    for path in raw:
        parts = [
            part for part in os.path.normpath(path if relative else os.path.abspath(path)).split(b"/") if part
        ]
        if parts in ([], [b"."]):
            return (b"." if relative else b"/"), None, shown, None
        level = targets
        for part in parts[:-1]:
            deeper = level.setdefault(part, {})
            if deeper is None:
                break  # a folder above is backed up as a whole
            level = deeper
        else:
            level[parts[-1]] = None
    return (b"." if relative else b"/"), targets, shown, None


def _expected(parent: Snapshot | None, paths: Sequence[Path | str], excludes: Sequence[str]) -> Expectation:
    found = Expectation() if excludes else look_up(paths)
    if found.size_bytes or parent is None:
        return found
    said = parent.summary or {}
    size, files = said.get("total_bytes_processed", 0), said.get("total_files_processed", 0)
    return Expectation(int(size), int(files))


def _status(counts: BackupCounts, expected: Expectation, started: int) -> dict[str, Any]:
    done = max(counts.bytes_read, counts.total_bytes_processed)
    total = max(expected.size_bytes, done)
    elapsed = (now() - started) / NANOSECONDS
    # What nobody expected is never nearly done, nor is what has grown beyond what was expected.
    fraction = done / total if done <= expected.size_bytes else 0.0
    return {
        "message_type": "status",
        "seconds_elapsed": int(elapsed),
        "seconds_remaining": time_left(elapsed, fraction),
        "percent_done": fraction,
        "total_files": max(expected.files, counts.total_files_processed),
        "files_done": counts.total_files_processed,
        "total_bytes": total,
        "bytes_done": done,
        "error_count": len(counts.errors),
    }
