"""The restore command: the base's proof, the journal of an unfinished restore, and the walk."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from migration_ops.vault import lock as locks
from migration_ops.vault.base_proof import find_mismatch
from migration_ops.vault.device import restore_device
from migration_ops.vault.errors import UsageError
from migration_ops.vault.excludes import Patterns
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.progress import Report, Ticker, silent, time_left
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore_counts import RestoreCounts, RestoreSummary
from migration_ops.vault.restore_options import JOURNAL_NAME, BaseMismatch, RestoreOptions
from migration_ops.vault.restorer import Restorer
from migration_ops.vault.small_files import FEWEST_FILES, MOST_HELPERS
from migration_ops.vault.snapshot import Snapshot, find_snapshot
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.target_folder import sync_file_system


def restore(
    repo: Repository,
    snapshot_id: str,
    target: Path | str,
    *,
    base: str | None = None,
    delete: bool = False,
    verify: bool = False,
    verify_content: float = 1.0,
    dry_run: bool = False,
    includes: Sequence[str] = (),
    excludes: Sequence[str] = (),
    sync: bool = False,
    helpers: int = 0,
    stop: StopRequest | None = None,
    progress: Report | None = None,
) -> RestoreSummary:
    """Restore a snapshot into a folder, or into a block device.

    :param snapshot_id: id, beginning of one, or ``latest``.
    :param target: the folder; it is made if it is missing. A block device takes the snapshot's only file.
    :param base: id of the snapshot that the target holds exactly: only the difference is written then. If
        the target turns out not to hold it, that is reported and content is compared instead.
    :param delete: remove what the snapshot does not have.
    :param verify: compare everything afterwards; the summary counts the differences.
    :param verify_content: which part of the content that reads, see `migration_ops.vault.verifier.verify`.
    :param dry_run: count only.
    :param includes: patterns of what to restore.
    :param excludes: patterns of what not to restore.
    :param sync: bring everything to the disk before this returns.
    :param helpers: how many processes may be forked for small files. They only pay for thousands of files, in
        a local repository, and should not be asked for where other threads are at work.
    :param stop: asks for a clean stop; run again afterwards with the same arguments.
    :param progress: called with restic's JSON messages.
    :raises SnapshotNotFound: if the snapshot or the base is not there.
    :raises UsageError: if the target can't be what was asked for; nothing was changed.
    """
    started = time.monotonic()
    report = progress or silent
    stop = stop or StopRequest()
    if delete and not includes and os.path.realpath(target) == "/":
        raise UsageError(
            "to restore over / and delete what the snapshot does not have, say what with --include"
        )
    with locks.locked(repo):
        snapshot = find_snapshot(repo, snapshot_id)
        base_snapshot = find_snapshot(repo, base) if base else None
        counts = RestoreCounts()
        folder = Path(target)
        if folder.exists() and stat.S_ISBLK(folder.stat().st_mode):
            if includes or excludes:
                raise UsageError(
                    f"{folder} is a block device, whose content is one file: --include and --exclude"
                    " can't choose from it"
                )
            with Ticker(progress, lambda: _status(counts, snapshot, started)):
                trusted = restore_device(
                    repo,
                    snapshot,
                    base_snapshot,
                    folder,
                    counts=counts,
                    stop=stop,
                    dry_run=dry_run,
                    mismatch=lambda reason: _say_mismatch(report, base_snapshot, reason),
                )
        else:
            options = RestoreOptions(
                delete=delete,
                dry_run=dry_run,
                includes=Patterns(includes) if includes else None,
                excludes=Patterns(excludes) if excludes else None,
            )
            if (
                base is None
                and options == RestoreOptions(delete=delete)
                and _has_many_small_files(repo, snapshot)
            ):
                options = replace(options, helpers=min(helpers, MOST_HELPERS))
            with Ticker(progress, lambda: _status(counts, snapshot, started)):
                trusted = _restore_folder(
                    repo,
                    snapshot,
                    base_snapshot,
                    folder,
                    options=options,
                    counts=counts,
                    stop=stop,
                    report=report,
                    sync=sync,
                )
        differences = None
        if verify and not dry_run:
            from migration_ops.vault.verifier import verify_tree

            differences = verify_tree(
                repo, snapshot, folder, report=report, content=verify_content, stop=stop
            ).differences
    return RestoreSummary(
        snapshot_id=snapshot.id,
        total_files=counts.total_files,
        files_restored=counts.files_restored,
        files_skipped=counts.files_unchanged,
        files_deleted=counts.files_deleted,
        total_bytes=counts.total_bytes,
        bytes_restored=counts.content.bytes_written,
        bytes_skipped=counts.content.bytes_unchanged,
        bytes_fetched=counts.content.bytes_fetched,
        subtrees_skipped=counts.subtrees_skipped,
        base_trusted=trusted,
        total_duration=time.monotonic() - started,
        base=base_snapshot.id if base_snapshot else None,
        dry_run=dry_run,
        errors=tuple(counts.errors),
        differences=differences,
    )


def _has_many_small_files(repo: Repository, snapshot: Snapshot) -> bool:
    """Whether processes for small files are worth their start."""
    files = int(snapshot.summary.get("total_files_processed", 0))
    return files >= FEWEST_FILES and not repo.backend.read_ahead


def _restore_folder(
    repo: Repository,
    snapshot: Snapshot,
    base: Snapshot | None,
    folder: Path,
    *,
    options: RestoreOptions,
    counts: RestoreCounts,
    stop: StopRequest,
    report: Report,
    sync: bool,
) -> bool:
    """Restore into a folder; returns whether it was found to hold the base."""
    root = _open_target(folder, dry_run=options.dry_run)
    try:
        trusted = resumed = False
        if base is not None and root >= 0:
            trusted, resumed = _judge_base(repo, root, snapshot, base, report)
        if not options.dry_run:
            _write_journal(root, snapshot, base)
        fingerprints = Fingerprints(repo.key)
        fingerprints.load(repo, snapshot.fingerprints)

        def walk(chosen: RestoreOptions) -> None:
            tree, base_tree = bytes.fromhex(snapshot.tree), bytes.fromhex(base.tree) if base else None
            restorer = Restorer(repo, root, chosen, fingerprints, counts, stop, report)
            restorer.run(tree, base_tree, snapshot.root)

        try:
            walk(replace(options, trust_base=trusted, resumed=resumed))
        except BaseMismatch as mismatch:
            _say_mismatch(report, base, str(mismatch))
            trusted = False
            counts.begin_again()
            walk(options)
        if not options.dry_run:
            if sync:
                sync_file_system(root)
            if not counts.errors:
                _remove_journal(root, snapshot)
    finally:
        if root >= 0:
            os.close(root)
    return trusted


def _open_target(folder: Path, *, dry_run: bool) -> int:
    """Open the target, which is made if it is missing; -1 if a dry run would have to make it.

    :raises UsageError: if it is something else than a folder.
    """
    try:
        if not dry_run:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        if not dry_run:
            raise
        return -1
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"the target {folder} is no folder: {error.filename} is something else; give a folder,"
            " a block device, or a path that does not exist yet"
        ) from error


def _say_mismatch(report: Report, base: Snapshot | None, reason: str) -> None:
    report(
        {
            "message_type": "warning",
            "message": f"the target does not hold the base {base.short_id if base else ''}: {reason};"
            " comparing content instead",
        }
    )


def _judge_base(
    repo: Repository, root: int, snapshot: Snapshot, base: Snapshot, report: Report
) -> tuple[bool, bool]:
    """Whether the target holds the base, and whether an interrupted restore from it must be finished."""
    journal = _read_journal(root)
    resumed = journal is not None
    if journal is not None and (journal.get("base"), journal.get("snapshot")) != (base.id, snapshot.id):
        _say_mismatch(report, base, "an unfinished restore of another snapshot left it in between")
        return False, False
    mismatch = find_mismatch(repo, root, bytes.fromhex(snapshot.tree), bytes.fromhex(base.tree))
    if mismatch:
        _say_mismatch(report, base, mismatch)
        return False, False
    return True, resumed


def _read_journal(root: int) -> dict[str, str] | None:
    try:
        descriptor = os.open(JOURNAL_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    except FileNotFoundError:
        return None
    try:
        return dict(json.loads(os.read(descriptor, 4096)))
    except ValueError:
        return {}
    finally:
        os.close(descriptor)


def _write_journal(root: int, snapshot: Snapshot, base: Snapshot | None) -> None:
    """Note the intent durably before the first change."""
    document = json.dumps({"snapshot": snapshot.id, "base": base.id if base else None}).encode()
    descriptor = os.open(
        JOURNAL_NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=root
    )
    try:
        os.write(descriptor, document)
        if base is not None:
            os.fsync(descriptor)
            os.fsync(root)
    finally:
        os.close(descriptor)


def _remove_journal(root: int, snapshot: Snapshot) -> None:
    os.unlink(JOURNAL_NAME, dir_fd=root)
    if snapshot.root is not None:
        # Removing the journal changed the root's time.
        os.utime(root, ns=(snapshot.root.atime, snapshot.root.mtime))


def _status(counts: RestoreCounts, snapshot: Snapshot, started: float) -> dict[str, object]:
    elapsed = time.monotonic() - started
    total = max(int(snapshot.summary.get("total_bytes_processed", 0)), counts.total_bytes)
    done = min(total, counts.content.bytes_written + counts.content.bytes_unchanged)
    fraction = done / total if total else 0.0
    return {
        "message_type": "status",
        "seconds_elapsed": int(elapsed),
        "seconds_remaining": time_left(elapsed, fraction),
        "percent_done": fraction,
        "total_files": max(int(snapshot.summary.get("total_files_processed", 0)), counts.total_files),
        "files_done": counts.files_restored,
        "total_bytes": total,
        "bytes_done": done,
    }
