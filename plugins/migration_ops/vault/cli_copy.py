"""The commands that move data: backup, restore, verify."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

import click

from migration_ops.vault.cli_settings import GivenPath, Session, bytes_text, shared_options, tag_lists
from migration_ops.vault.clock import NANOSECONDS, now
from migration_ops.vault.errors import UsageError
from migration_ops.vault.stopping import StopRequest, parse_moment, stop_on_signals

_A_DAY = 86_400 * NANOSECONDS


def _parse_snapshot_time(text: str | None) -> int | None:
    if text is None or text == "now":
        return None
    return int(parse_moment(text, "--time") * 1_000_000) * (NANOSECONDS // 1_000_000)


class UploadRate(click.FloatRange):
    """KiB per second."""

    def __init__(self) -> None:
        super().__init__(min=1, max=1 << 30)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Refuse what no comparison refuses."""
        rate: float = super().convert(value, param, ctx)
        if math.isnan(rate):
            self.fail(f"{value!r} is no rate.", param, ctx)
        return rate


@click.command("backup")
@click.argument("paths", nargs=-1, required=True, type=GivenPath())
@click.option(
    "--tag", "tags", multiple=True, help="tag for the snapshot; several with commas or several options"
)
@click.option("--host", "-H", "hostname", help="host name for the snapshot")
@click.option("--time", "time_text", help="time of the snapshot instead of now, as 2026-01-31T06:00:00+08:00")
@click.option("--exclude", "-e", "excludes", multiple=True, metavar="PATTERN", help="leave out what matches")
@click.option("--parent", help="snapshot whose unchanged files are not read again")
@click.option("--force", "-f", is_flag=True, help="read all files")
@click.option(
    "--ignore-ctime", is_flag=True, help="files with another ctime may be unchanged (clones of volumes)"
)
@click.option("--ignore-inode", is_flag=True, help="files with another inode number may be unchanged")
@click.option("--limit-upload", type=UploadRate(), metavar="KiB/s", help="average upload rate")
@click.option("--as-root", is_flag=True, help="store PATH's content at the snapshot's root")
@click.option(
    "--stop-at", metavar="TIME", help="stop cleanly at 06:00 or 2026-01-31T06:00:00+08:00; run again to go on"
)
@shared_options
@click.pass_obj
def backup_command(  # noqa: PLR0917 - click passes options by name
    session: Session,
    paths: tuple[Path, ...],
    tags: tuple[str, ...],
    hostname: str | None,
    time_text: str | None,
    excludes: tuple[str, ...],
    parent: str | None,
    limit_upload: float | None,
    stop_at: str | None,
    *,
    force: bool,
    ignore_ctime: bool,
    ignore_inode: bool,
    as_root: bool,
) -> None:
    """Back up PATHS as one snapshot. A block device's content becomes a file."""
    stop = StopRequest(None if stop_at is None else parse_moment(stop_at, "--stop-at"))
    snapshot_time = _parse_snapshot_time(time_text)
    if parent == "":
        raise UsageError("--parent is empty; give a snapshot, or leave it out to have one looked for")
    if snapshot_time is not None and snapshot_time > now() + _A_DAY:
        session.report(
            {
                "message_type": "warning",
                "message": f"{time_text} lies in the future: the snapshot is the latest until then",
            }
        )
    opened = session.opening()
    from migration_ops.vault.backup import backup

    with stop_on_signals(stop):
        summary = backup(
            opened(),
            paths,
            tags=[tag for each in tag_lists(tags) for tag in each if tag],
            hostname=hostname,
            time=snapshot_time,
            excludes=excludes,
            parent=parent,
            as_root=as_root,
            limit_upload=limit_upload * 1024 if limit_upload else None,
            ignore_ctime=ignore_ctime,
            ignore_inode=ignore_inode,
            force=force,
            stop=stop,
            progress=session.progress,
        )
    session.finish(
        summary.as_document(),
        f"Files: {summary.files_new} new, {summary.files_changed} changed,"
        f" {summary.files_unmodified} unmodified\n"
        f"Added to the repository: {bytes_text(summary.data_added)}"
        f" ({bytes_text(summary.data_added_packed)} stored)\n"
        f"processed {summary.total_files_processed} files, {bytes_text(summary.total_bytes_processed)}"
        f" in {summary.total_duration:.1f} s\n"
        f"snapshot {summary.snapshot_id[:8]} saved",
    )
    if summary.sockets_skipped:
        session.say(
            f"warning: {summary.sockets_skipped} sockets were left out: the programs that own them make them"
            " again (-v names them)",
            error=True,
        )
    if summary.errors:
        session.say(
            f"{len(summary.errors)} files could not be read; the snapshot is without them", error=True
        )
        sys.exit(3)


@click.command("restore")
@click.argument("snapshot")
@click.option("--target", "-t", required=True, type=GivenPath(), help="folder, or block device")
@click.option(
    "--base", metavar="SNAPSHOT", help="the target holds exactly this one: write only the difference"
)
@click.option("--delete", is_flag=True, help="remove what the snapshot does not have")
@click.option("--verify", "verify_after", is_flag=True, help="compare everything afterwards")
@click.option(
    "--verify-content",
    type=click.IntRange(0, 100),
    default=100,
    metavar="PERCENT",
    help="of the content, chosen at random, that --verify reads; metadata it compares in any case",
)
@click.option("--dry-run", is_flag=True, help="count, write nothing")
@click.option(
    "--include", "-i", "includes", multiple=True, metavar="PATTERN", help="restore only what matches"
)
@click.option("--exclude", "-e", "excludes", multiple=True, metavar="PATTERN", help="leave out what matches")
@click.option("--sync", is_flag=True, help="end only when everything is on the disk")
@click.option(
    "--stop-at", metavar="TIME", help="stop cleanly at 06:00 or 2026-01-31T06:00:00+08:00; run again to go on"
)
@shared_options
@click.pass_obj
def restore_command(  # noqa: PLR0917 - click passes options by name
    session: Session,
    snapshot: str,
    target: Path,
    base: str | None,
    includes: tuple[str, ...],
    excludes: tuple[str, ...],
    stop_at: str | None,
    verify_content: int,
    *,
    delete: bool,
    verify_after: bool,
    dry_run: bool,
    sync: bool,
) -> None:
    """Restore SNAPSHOT into a folder."""
    # Writing threads want the interpreter's lock back for moments only; a walk must not keep it from them for
    # the usual 5 ms each time. (A backup gets slower by it.)
    sys.setswitchinterval(0.0001)
    stop = StopRequest(None if stop_at is None else parse_moment(stop_at, "--stop-at"))
    opened = session.opening()
    from migration_ops.vault.restore import restore

    with stop_on_signals(stop):
        summary = restore(
            opened(), snapshot, target, base=base, delete=delete, verify=verify_after,
            verify_content=verify_content / 100, dry_run=dry_run,
            includes=includes, excludes=excludes, sync=sync, helpers=os.cpu_count() or 1, stop=stop,
            progress=session.progress,
        )  # fmt: skip
    if dry_run:
        text = (
            f"dry run, nothing was written: would restore {summary.files_restored} of"
            f" {summary.total_files} files and delete {summary.files_deleted}"
        )
    else:
        text = (
            f"restored {summary.files_restored} of {summary.total_files} files,"
            f" {bytes_text(summary.bytes_restored)} written, {bytes_text(summary.bytes_fetched)} fetched,"
            f" {summary.files_deleted} deleted in {summary.total_duration:.1f} s"
        )
    if summary.differences is not None:
        text += f"; {summary.differences} differences found"
    session.finish(summary.as_document(), text)
    if summary.errors:
        session.say(f"{len(summary.errors)} entries could not be restored", error=True)
    if summary.errors or summary.differences:
        sys.exit(1)


@click.command("verify")
@click.argument("snapshot")
@click.option("--target", "-t", required=True, type=GivenPath(), help="folder, or block device")
@click.option(
    "--content",
    type=click.IntRange(0, 100),
    default=100,
    metavar="PERCENT",
    help="of the content that is read, chosen at random; metadata is compared in any case",
)
@shared_options
@click.pass_obj
def verify_command(session: Session, snapshot: str, target: Path, content: int) -> None:
    """Read the folder again and compare content and metadata with SNAPSHOT."""
    from migration_ops.vault.verifier import verify

    stop = StopRequest()
    with stop_on_signals(stop):
        summary = verify(
            session.open(), snapshot, target, content=content / 100, stop=stop, progress=session.progress
        )
    session.finish(
        summary.as_document(),
        f"compared {summary.total_files} files, {bytes_text(summary.total_bytes)}:"
        f" {summary.differences} differences",
    )
    if summary.differences:
        sys.exit(1)


COMMANDS = {"backup": backup_command, "restore": restore_command, "verify": verify_command}
