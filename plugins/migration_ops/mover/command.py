"""The vault program's arguments for each thing that a mover does (see docs/reference/vault-commands.md)."""

from __future__ import annotations

from collections.abc import Sequence

from migration_ops.mover.spec import mount_path

STANDBY = "standby"


def backup_command(
    namespace: str,
    claim: str,
    *,
    host: str,
    tags: Sequence[str],
    parent: str | None = None,
    limit_upload_bytes: int | None = None,
) -> tuple[str, ...]:
    """Back up one volume, its root stored as the snapshot's root.

    :param parent: snapshot to compare with; without it every file is read again (a full backup).
    :param limit_upload_bytes: bytes per second.
    """
    command = ["backup", mount_path(namespace, claim), "--as-root", "--host", host]
    for tag in tags:
        command += ["--tag", tag]
    command += ["--parent", parent] if parent else ["--force"]
    if limit_upload_bytes:
        command += ["--limit-upload", str(max(1, limit_upload_bytes // 1024))]
    return tuple(command)


def restore_command(
    namespace: str,
    claim: str,
    snapshot: str,
    *,
    base: str | None = None,
    verify: bool = False,
    verify_percent: int = 100,
) -> tuple[str, ...]:
    """Make one volume equal to a snapshot.

    :param base: snapshot that the volume holds already; then only the difference is moved.
    :param verify: compare everything afterwards.
    :param verify_percent: how much of the content that reads.
    """
    # What is reported as restored must survive the node's power failing.
    command = ["restore", snapshot, "--target", mount_path(namespace, claim), "--delete", "--sync"]
    if base:
        command += ["--base", base]
    if verify:
        command.append("--verify")
        if verify_percent < 100:
            command += ["--verify-content", str(verify_percent)]
    return tuple(command)


def verify_command(namespace: str, claim: str, snapshot: str) -> tuple[str, ...]:
    """Compare one volume with a snapshot."""
    return ("verify", snapshot, "--target", mount_path(namespace, claim))


def probe_command(size: str = "8MiB") -> tuple[str, ...]:
    """Write, read back and delete one object in the vault, timed."""
    return ("probe", "--size", size)


def standby_command(order: str, *, wait_seconds: int) -> tuple[str, ...]:
    """Get ready and wait for a file with the arguments of another command.

    :param order: path of that file.
    """
    return (STANDBY, order, "--wait", str(wait_seconds))
