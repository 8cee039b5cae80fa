"""The commands that keep a repository in order: init, check, forget, prune, unlock, key, probe."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import click

from migration_ops.vault.cli_settings import Session, bytes_text, shared_options, tag_lists
from migration_ops.vault.errors import RepositoryExists, UsageError


def parse_size(text: str) -> int:
    """Bytes of a text like ``8MiB``, ``500k`` or ``1048576``.

    :raises UsageError: if it is no size.
    """
    match = re.fullmatch(r"(\d+)\s*([kmgt]?)(i?b)?", text.strip(), re.IGNORECASE)
    if not match:
        raise UsageError(f"--size: {text!r} is no size; write 8MiB or a number of bytes")
    return int(match[1]) << (10 * " kmgt".index(match[2].lower() or " "))


_MOST_PROBE_BYTES = 1 << 30


class _Count(click.IntRange):
    """How many snapshots to keep: a number, or ``unlimited``, which is -1."""

    def __init__(self) -> None:
        super().__init__(min=-1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Understand restic's word."""
        return int(super().convert(-1 if value == "unlimited" else value, param, ctx))


_COUNT = _Count()


@click.command("init")
@click.option(
    "--if-missing", is_flag=True, help="do nothing if there is a repository that the password opens"
)
@click.option(
    "--repository-version", default="2", type=click.Choice(["2", "latest", "stable"]), help="only 2 is made"
)
@shared_options
@click.pass_obj
def init_command(session: Session, repository_version: str, *, if_missing: bool) -> None:  # noqa: ARG001
    """Make a new repository of format version 2."""
    from migration_ops.vault.repository import init_repository

    created = True
    try:
        repo = init_repository(session.location, session.password(), session.settings)
    except RepositoryExists:
        if not if_missing:
            raise
        repo = session.open()
        created = False
    session.finish(
        {
            "message_type": "initialized",
            "id": repo.config.id,
            "repository": repo.location,
            "created": created,
        },
        f"{'created' if created else 'found'} repository {repo.config.id[:10]} at {repo.location}",
    )


@click.command("check")
@click.option("--read-data", is_flag=True, help="read and verify every pack")
@click.option("--read-data-subset", metavar="N%|SIZE|n/t", help="read and verify some packs")
@shared_options
@click.pass_obj
def check_command(session: Session, read_data_subset: str | None, *, read_data: bool) -> None:
    """Look for damage."""
    from migration_ops.vault.checker import check

    if read_data and read_data_subset is not None:
        raise UsageError("--read-data reads everything; leave out --read-data-subset, or --read-data")
    summary = check(
        session.open(), read_data="100%" if read_data else read_data_subset, progress=session.progress
    )
    session.finish(
        summary.as_document(),
        "no errors were found" if not summary.errors else f"{len(summary.errors)} errors were found",
    )
    if summary.errors:
        sys.exit(1)


@click.command("forget")
@click.argument("snapshots", nargs=-1)
@click.option("--keep-last", "-l", type=_COUNT, default=0, help="a number, or unlimited, as of all others")
@click.option("--keep-hourly", "-H", type=_COUNT, default=0)
@click.option("--keep-daily", "-d", type=_COUNT, default=0)
@click.option("--keep-weekly", "-w", type=_COUNT, default=0)
@click.option("--keep-monthly", "-m", type=_COUNT, default=0)
@click.option("--keep-yearly", "-y", type=_COUNT, default=0)
@click.option("--keep-within", metavar="DURATION", help="like 2y5m7d3h")
@click.option(
    "--keep-tag",
    "keep_tags",
    multiple=True,
    metavar="TAG[,TAG]",
    help="keep all with these tags; '': with none",
)
@click.option(
    "--unsafe-allow-remove-all",
    is_flag=True,
    help="without a policy: remove all that --tag, --host and --path choose",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG[,TAG]",
    help="only consider snapshots with these tags; '': with none",
)
@click.option("--host", "hostname", help="only consider snapshots of this host")
@click.option("--path", "paths", multiple=True, help="only consider snapshots with this path")
@click.option("--group-by", "-g", default="host,paths", help="host,paths,tags in any combination")
@click.option("--prune", "prune_too", is_flag=True, help="prune afterwards, if anything was removed")
@click.option("--dry-run", "-n", is_flag=True, help="only show")
@shared_options
@click.pass_obj
def forget_command(  # noqa: PLR0917 - click passes options by name
    session: Session,
    snapshots: tuple[str, ...],
    keep_last: int,
    keep_hourly: int,
    keep_daily: int,
    keep_weekly: int,
    keep_monthly: int,
    keep_yearly: int,
    keep_within: str | None,
    keep_tags: tuple[str, ...],
    tags: tuple[str, ...],
    hostname: str | None,
    paths: tuple[str, ...],
    group_by: str,
    *,
    unsafe_allow_remove_all: bool,
    prune_too: bool,
    dry_run: bool,
) -> None:
    """Remove SNAPSHOTS, or those that the policy does not keep."""
    from migration_ops.vault.retention import Policy, forget

    policy = Policy(
        last=keep_last, hourly=keep_hourly, daily=keep_daily, weekly=keep_weekly, monthly=keep_monthly,
        yearly=keep_yearly, within=keep_within or "", tags=tag_lists(keep_tags),
    )  # fmt: skip
    repo = session.open()
    summary = forget(
        repo, snapshots=snapshots, policy=policy, tags=tag_lists(tags), hostname=hostname or None,
        paths=[os.path.abspath(path) for path in paths], group_by=group_by,
        allow_remove_all=unsafe_allow_remove_all, dry_run=dry_run,
    )  # fmt: skip
    document = summary.as_document()
    text = f"kept {len(summary.kept)} snapshots, removed {len(summary.removed)}"
    if prune_too and summary.removed and not dry_run:
        from migration_ops.vault.pruner import prune

        pruned = prune(repo, progress=session.progress)
        document["prune"] = pruned.as_document()
        text += f"; {pruned.text()}"
    session.finish(document, text)


@click.command("prune")
@click.option("--max-unused", default="5%", help="tolerated unused data: 5%, 200MiB or unlimited")
@click.option("--dry-run", "-n", is_flag=True, help="only count")
@shared_options
@click.pass_obj
def prune_command(session: Session, max_unused: str, *, dry_run: bool) -> None:
    """Remove data that no snapshot needs."""
    from migration_ops.vault.pruner import prune

    summary = prune(session.open(), max_unused=max_unused, dry_run=dry_run, progress=session.progress)
    session.finish(summary.as_document(), summary.text())


@click.command("repair-index")
@shared_options
@click.pass_obj
def repair_index_command(session: Session) -> None:
    """Make the index anew from the headers of the packs."""
    from migration_ops.vault.index_repair import repair_index

    summary = repair_index(session.open(), progress=session.progress)
    session.finish(
        summary, f"{summary['packs']} packs indexed, {summary['damaged']} are damaged and were left out"
    )
    if summary["damaged"]:
        sys.exit(1)


@click.command("unlock")
@click.option("--remove-all", is_flag=True, help="remove locks of living holders too")
@shared_options
@click.pass_obj
def unlock_command(session: Session, *, remove_all: bool) -> None:
    """Remove stale locks."""
    from migration_ops.vault.lock import unlock

    removed = unlock(session.open(), remove_all=remove_all)
    session.finish({"message_type": "summary", "locks_removed": removed}, f"removed {removed} locks")


@click.group("key")
def key_group() -> None:
    """Add, list and remove passwords."""


@key_group.command("add")
@click.option("--new-password-file", required=True, help="file with the new password")
@click.option("--user", "username", help="user name to note with the key")
@click.option("--host", "hostname", help="host name to note with the key")
@shared_options
@click.pass_obj
def key_add_command(
    session: Session, new_password_file: str, username: str | None, hostname: str | None
) -> None:
    """Let one more password open the repository."""
    from migration_ops.vault.keys import add_key
    from migration_ops.vault.lock import locked

    repo = session.open()
    with locked(repo):
        name = add_key(
            repo.backend, repo.key, session.password(new_password_file), username=username, hostname=hostname
        )
    session.finish({"message_type": "summary", "id": name}, f"added key {name[:8]}")


@key_group.command("list")
@shared_options
@click.pass_obj
def key_list_command(session: Session) -> None:
    """List the keys."""
    from migration_ops.vault.keys import list_keys

    repo = session.open()
    for key in list_keys(repo.backend):
        current = key.id == repo.key_file.id
        if session.json:
            session.emit(
                {
                    "current": current,
                    "id": key.id,
                    "userName": key.username,
                    "hostName": key.hostname,
                    "created": key.created,
                }
            )
        else:
            click.echo(
                f"{'*' if current else ' '}{key.id[:8]}  {key.username:<12} {key.hostname:<20} {key.created}"
            )


@key_group.command("remove")
@click.argument("key_id")
@shared_options
@click.pass_obj
def key_remove_command(session: Session, key_id: str) -> None:
    """Stop a password from opening the repository."""
    from migration_ops.vault.keys import remove_key
    from migration_ops.vault.lock import locked

    repo = session.open()
    with locked(repo, exclusive=True):
        name = remove_key(repo.backend, key_id, current=repo.key_file.id)
    session.finish({"message_type": "summary", "id": name}, f"removed key {name[:8]}")


@click.command("probe")
@click.option("--size", "size_text", default="8MiB", help="bytes to write")
@shared_options
@click.pass_obj
def probe_command(session: Session, size_text: str) -> None:
    """Write an object, read it back, compare and delete it; no repository is needed."""
    from migration_ops.vault.probe import probe

    size = parse_size(size_text)
    if not 0 < size <= _MOST_PROBE_BYTES:
        raise UsageError(f"--size: {size_text} is not between 1 byte and 1 GiB")
    summary = probe(session.location, session.settings, size=size)
    session.finish(
        summary.as_document(),
        f"{summary.location}: wrote {bytes_text(summary.bytes)} in {summary.write_seconds:.3f} s,"
        f" read in {summary.read_seconds:.3f} s, deleted in {summary.delete_seconds:.3f} s",
    )


COMMANDS = {
    "init": init_command,
    "check": check_command,
    "forget": forget_command,
    "prune": prune_command,
    "repair-index": repair_index_command,
    "unlock": unlock_command,
    "key": key_group,
    "probe": probe_command,
}
