"""The commands that look: snapshots, ls, dump, stats, diff."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from migration_ops.vault.cli_settings import Session, bytes_text, shared_options, tag_lists
from migration_ops.vault.clock import as_datetime, format_time


def snapshot_document(snapshot: Any) -> dict[str, Any]:
    """A snapshot as restic's JSON shows it."""
    document: dict[str, Any] = {
        "time": format_time(snapshot.time),
        "parent": snapshot.parent,
        "tree": snapshot.tree,
        "paths": list(snapshot.paths),
        "hostname": snapshot.hostname,
        "username": snapshot.username,
        "tags": list(snapshot.tags),
        "excludes": list(snapshot.excludes),
        "program_version": snapshot.program_version,
        "summary": snapshot.summary,
    }
    document = {name: value for name, value in document.items() if value}
    return document | {"id": snapshot.id, "short_id": snapshot.short_id}


@click.command("snapshots")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG[,TAG]",
    help="only those with all of these tags; '': with none",
)
@click.option("--host", "-H", "hostname", help="only of this host")
@click.option("--path", "paths", multiple=True, help="only with this path")
@click.option("--latest", type=click.IntRange(min=1), help="only the last N of each host and path")
@shared_options
@click.pass_obj
def snapshots_command(
    session: Session, tags: tuple[str, ...], hostname: str | None, paths: tuple[str, ...], latest: int | None
) -> None:
    """List snapshots, oldest first."""
    from migration_ops.vault.lock import locked
    from migration_ops.vault.retention import group
    from migration_ops.vault.snapshot import list_snapshots

    repo = session.open()
    with locked(repo):
        found = list_snapshots(
            repo,
            any_tags=tag_lists(tags),
            hostname=hostname or None,
            paths=[os.path.abspath(path) for path in paths],
        )
    if latest:
        last = {snapshot.id for each in group(found, "host,paths") for snapshot in each[-latest:]}
        found = [snapshot for snapshot in found if snapshot.id in last]
    if session.json:
        sys.stdout.write(_json([snapshot_document(snapshot) for snapshot in found]) + "\n")
        return
    for snapshot in found:
        moment = as_datetime(snapshot.time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        size = snapshot.summary.get("total_bytes_processed")
        click.echo(
            f"{snapshot.short_id}  {moment}  {snapshot.hostname:<20}  {','.join(snapshot.tags):<20}"
            f"  {' '.join(snapshot.paths)}  {bytes_text(size) if size is not None else ''}"
        )
    click.echo(f"{len(found)} snapshots")


def _json(value: Any) -> str:
    import json

    return json.dumps(value)


@click.command("ls")
@click.argument("snapshot")
@click.argument("folder", default="/")
@click.option("--long", "-l", is_flag=True, help="with mode, owner, size and time")
@shared_options
@click.pass_obj
def ls_command(session: Session, snapshot: str, folder: str, *, long: bool) -> None:
    """List what SNAPSHOT holds, at or below FOLDER."""
    from migration_ops.vault.browse import list_files, mode_text
    from migration_ops.vault.lock import locked
    from migration_ops.vault.snapshot import find_snapshot

    repo = session.open()
    with locked(repo):
        found = find_snapshot(repo, snapshot)
        if session.json:
            session.emit(snapshot_document(found) | {"message_type": "snapshot", "struct_type": "snapshot"})
        for path, node in list_files(repo, found, folder):
            text = os.fsdecode(path)
            if session.json:
                document = {
                    "name": os.fsdecode(node.name), "type": node.type, "path": text,
                    "uid": node.uid, "gid": node.gid, **({"size": node.size} if node.type == "file" else {}),
                    "mode": node.mode, "permissions": mode_text(node.mode),
                    "mtime": format_time(node.mtime), "atime": format_time(node.atime),
                    "ctime": format_time(node.ctime), "inode": node.inode,
                    "message_type": "node", "struct_type": "node",
                }  # fmt: skip
                session.emit(document)
            elif long:
                moment = as_datetime(node.mtime).strftime("%Y-%m-%d %H:%M:%S")
                click.echo(
                    f"{mode_text(node.mode)} {node.uid:5d} {node.gid:5d} {node.size:10d} {moment} {text}"
                )
            else:
                click.echo(text.encode("utf-8", "surrogateescape"))


@click.command("dump")
@click.argument("snapshot")
@click.argument("path")
@shared_options
@click.pass_obj
def dump_command(session: Session, snapshot: str, path: str) -> None:
    """Print the content of the file PATH of SNAPSHOT."""
    from migration_ops.vault.browse import find_node, write_content
    from migration_ops.vault.errors import UsageError
    from migration_ops.vault.lock import locked
    from migration_ops.vault.snapshot import find_snapshot

    repo = session.open()
    with locked(repo):
        node = find_node(repo, find_snapshot(repo, snapshot), path)
        if node.content is None:
            raise UsageError(
                f"{path} is a {node.type}, not a file; `restore --include {path}` brings it back"
            )
        write_content(repo, node, sys.stdout.buffer)
        sys.stdout.buffer.flush()


@click.command("stats")
@click.argument("snapshots", nargs=-1)
@click.option(
    "--mode",
    default="restore-size",
    type=click.Choice(["restore-size", "files-by-contents", "blobs-per-file", "raw-data"]),
    help="what a restore writes, the same with equal files once, their blobs, or what the repository stores",
)
@shared_options
@click.pass_obj
def stats_command(session: Session, snapshots: tuple[str, ...], mode: str) -> None:
    """Count what SNAPSHOTS (all, if none is given) hold."""
    from migration_ops.vault.lock import locked
    from migration_ops.vault.stats import count

    repo = session.open()
    with locked(repo):
        document = count(repo, snapshots, mode)
    session.finish(document, stats_text(document, mode))


def stats_text(document: dict[str, Any], mode: str) -> str:
    """The counts for people, in restic's words."""
    lines = [f"Stats in {mode} mode:"]
    for name, label, show in (
        ("snapshots_count", "Snapshots processed", str),
        ("total_blob_count", "Total Blob Count", str),
        ("total_file_count", "Total File Count", str),
        ("total_uncompressed_size", "Total Uncompressed Size", bytes_text),
        ("total_size", "Total Size", bytes_text),
        ("compression_progress", "Compression Progress", "{:.2f}%".format),
        ("compression_ratio", "Compression Ratio", "{:.2f}x".format),
        ("compression_space_saving", "Compression Space Saving", "{:.2f}%".format),
    ):
        if name in document:
            lines.append(f"{label:>24}:  {show(document[name])}")
    return "\n".join(lines)


@click.command("diff")
@click.argument("first")
@click.argument("second")
@click.option("--metadata", is_flag=True, help="show changes of metadata too")
@shared_options
@click.pass_obj
def diff_command(session: Session, first: str, second: str, *, metadata: bool) -> None:
    """Show what SECOND has changed since FIRST: + added, - removed, M content, T type, U metadata."""
    from migration_ops.vault.diff import compare
    from migration_ops.vault.lock import locked

    def show(path: bytes, modifier: str) -> None:
        text = os.fsdecode(path)
        if session.json:
            session.emit({"message_type": "change", "path": text, "modifier": modifier})
        else:
            click.echo(f"{modifier:<5}".encode() + path)

    repo = session.open()
    with locked(repo):
        statistics = compare(repo, first, second, show, metadata=metadata)
    session.finish(statistics, diff_text(statistics))


def diff_text(statistics: dict[str, Any]) -> str:
    """What changed for people, in restic's words."""
    added, removed = statistics["added"], statistics["removed"]
    lines = [f"\ncompared {statistics['source_snapshot'][:8]} with {statistics['target_snapshot'][:8]}"]
    for label, name in (
        ("Files", "files"),
        ("Dirs", "dirs"),
        ("Others", "others"),
        ("Data Blobs", "data_blobs"),
        ("Tree Blobs", "tree_blobs"),
    ):
        line = f"{label + ':':<12} {added[name]:5d} new, {removed[name]:5d} removed"
        lines.append(line + (f", {statistics['changed_files']:5d} changed" if name == "files" else ""))
    lines += [f"  Added:   {bytes_text(added['bytes'])}", f"  Removed: {bytes_text(removed['bytes'])}"]
    return "\n".join(lines)


COMMANDS = {
    "snapshots": snapshots_command,
    "ls": ls_command,
    "dump": dump_command,
    "stats": stats_command,
    "diff": diff_command,
}
