"""Snapshots: small documents that name a tree, and how they are found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migration_ops.vault.backend import FileKind
from migration_ops.vault.clock import format_time, parse_time, utc_offset_of
from migration_ops.vault.errors import MALFORMED, DamagedError, SnapshotNotFound, UsageError, what_is_wrong
from migration_ops.vault.node import Node, decode_node, encode_node

if TYPE_CHECKING:
    from migration_ops.vault.repository import Repository


@dataclass(frozen=True)
class Snapshot:
    """One snapshot.

    :param id: hex id of its file; empty before it is stored.
    :param time: nanoseconds since 1970.
    :param tree: id of the root tree, hex.
    :param root: the volume root's own node, of snapshots made with ``--as-root``: a root tree has no place
        for it. restic passes over the member.
    :param summary: restic's statistics of the backup.
    :param fingerprints: hex ids of the data blobs with the fingerprints of its large files, which restic
        passes over too.
    :param utc_offset: seconds east of UTC in which the time was written; days and weeks are counted in that
        zone.
    """

    id: str
    time: int
    tree: str
    paths: tuple[str, ...]
    hostname: str = ""
    username: str = ""
    uid: int = 0
    gid: int = 0
    tags: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    parent: str | None = None
    original: str | None = None
    program_version: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    root: Node | None = None
    utc_offset: int = 0
    fingerprints: tuple[str, ...] = ()

    @property
    def short_id(self) -> str:
        """The first eight digits, as people write it."""
        return self.id[:8]

    def has_tags(self, wanted: Sequence[str]) -> bool:
        """Whether the snapshot has all of some tags; an empty one is what a snapshot without tags has."""
        for tag in wanted:
            if not tag and not self.tags:
                return True
            if tag not in self.tags:
                return False
        return True


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The snapshot's JSON, members in restic's order, empty ones left out."""
    members: list[tuple[str, Any, bool]] = [
        ("time", format_time(snapshot.time), True),
        ("parent", snapshot.parent, False),
        ("tree", snapshot.tree, True),
        ("paths", list(snapshot.paths), True),
        ("hostname", snapshot.hostname, False),
        ("username", snapshot.username, False),
        ("uid", snapshot.uid, False),
        ("gid", snapshot.gid, False),
        ("excludes", list(snapshot.excludes), False),
        ("tags", list(snapshot.tags), False),
        ("original", snapshot.original, False),
        ("program_version", snapshot.program_version, False),
        ("summary", snapshot.summary, False),
        ("migration_ops_root", json.loads(encode_node(snapshot.root)) if snapshot.root else None, False),
        ("migration_ops_fingerprints", list(snapshot.fingerprints), False),
    ]
    document = {name: value for name, value, always in members if always or value}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")


def decode_snapshot(name: str, plaintext: bytes) -> Snapshot:
    """Read a snapshot's JSON.

    :raises DamagedError: if it is none.
    """
    try:
        document = json.loads(plaintext)
        root = document.get("migration_ops_root")
        return Snapshot(
            id=name,
            time=parse_time(document["time"]),
            tree=bytes.fromhex(document["tree"]).hex(),
            paths=tuple(document.get("paths") or ()),
            hostname=document.get("hostname", ""),
            username=document.get("username", ""),
            uid=document.get("uid", 0),
            gid=document.get("gid", 0),
            tags=tuple(document.get("tags") or ()),
            excludes=tuple(document.get("excludes") or ()),
            parent=document.get("parent"),
            original=document.get("original"),
            program_version=document.get("program_version", ""),
            summary=document.get("summary") or {},
            root=decode_node(root) if root else None,
            utc_offset=utc_offset_of(document["time"]),
            fingerprints=tuple(
                bytes.fromhex(blob).hex() for blob in document.get("migration_ops_fingerprints") or ()
            ),
        )
    except MALFORMED as error:
        raise DamagedError(f"snapshot {name} is damaged: {what_is_wrong(error)}") from error


def load_snapshots(repo: Repository) -> list[Snapshot]:
    """Read all snapshots, oldest first."""
    found = [
        decode_snapshot(name, plaintext) for name, plaintext in repo.load_all_unpacked(FileKind.SNAPSHOT)
    ]
    return sorted(found, key=lambda snapshot: (snapshot.time, snapshot.id))


def list_snapshots(
    repo: Repository,
    *,
    tags: Sequence[str] = (),
    any_tags: Sequence[Sequence[str]] = (),
    hostname: str | None = None,
    paths: Sequence[str] = (),
) -> list[Snapshot]:
    """The snapshots that have all of some tags, a host name and paths; the newest comes last.

    :param tags: tags that a snapshot must all have.
    :param any_tags: lists of tags; a snapshot must have all of one of them.
    """
    return [
        snapshot
        for snapshot in load_snapshots(repo)
        if snapshot.has_tags(tags)
        and (not any_tags or any(snapshot.has_tags(each) for each in any_tags))
        and (hostname is None or snapshot.hostname == hostname)
        and set(paths) <= set(snapshot.paths)
    ]


def find_snapshot(repo: Repository, name: str) -> Snapshot:
    """The snapshot of an id, of an unambiguous beginning of one, or ``latest``.

    :raises SnapshotNotFound: if there is none, or more than one.
    :raises UsageError: if it names a folder of a snapshot, as restic allows.
    """
    text, colon, folder = name.partition(":")
    if colon:
        raise UsageError(
            f"{name!r}: only whole snapshots are taken; `restore` chooses with"
            f" --include {folder or '/folder'}, `ls` and `dump` take the path behind the snapshot"
        )
    if len(text) == 64:
        return decode_snapshot(text, repo.load_unpacked(FileKind.SNAPSHOT, text))
    if text == "latest":
        snapshots = load_snapshots(repo)
        if not snapshots:
            raise SnapshotNotFound(f"{repo.location} has no snapshots; make one with `backup`")
        return snapshots[-1]
    matches = (
        [each for each, _ in repo.backend.list(FileKind.SNAPSHOT) if each.startswith(text)] if text else []
    )
    if not matches:
        raise SnapshotNotFound(
            f"no snapshot of {repo.location} has an id that begins with {text!r}; see `snapshots`"
        )
    if len(matches) > 1:
        raise SnapshotNotFound(f"{len(matches)} snapshots begin with {text!r}; write more digits of the id")
    return decode_snapshot(matches[0], repo.load_unpacked(FileKind.SNAPSHOT, matches[0]))


def store_snapshot(repo: Repository, snapshot: Snapshot) -> str:
    """Store a snapshot; everything that it needs must be durable and indexed.

    :returns: its id.
    """
    return repo.save_unpacked(FileKind.SNAPSHOT, encode_snapshot(snapshot))
