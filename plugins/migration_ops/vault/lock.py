"""Locks, so that several programs can work on one repository at the same time.

A lock is a small file. Readers and writers hold shared ones, whatever deletes holds an exclusive one. A
holder replaces its lock by a fresh one every few minutes, which shows that it lives. The rules and the file
are restic's.

restic never passes over a stale lock by itself. We do, when its holder is provably dead. Either it was a
process of this very machine and PID namespace that is gone. Or, by the storage's own clock, it has not
refreshed the lock for so long that it must have given up. Our holders write into the lock how long that is,
ten minutes: they refresh it every two, and after seven and a half without success they name no pack, store no
snapshot and delete nothing any more. restic's give up after 22.5 minutes and count as dead after thirty.
Clocks of the clients play no part in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration_ops.vault.backend import FileKind
from migration_ops.vault.clock import NANOSECONDS, format_time, now, parse_time
from migration_ops.vault.errors import (
    MALFORMED,
    DamagedError,
    ObjectMissing,
    RepositoryLocked,
    StorageError,
    VaultError,
    what_is_wrong,
)

if TYPE_CHECKING:
    from migration_ops.vault.repository import Repository

STALE_SECONDS = 30 * 60
REFRESH_SECONDS = 2 * 60
DEAD_SECONDS = 10 * 60
_GIVE_UP_SECONDS = 7.5 * 60
_SETTLE_SECONDS = 0.2
_DAMAGED_TRIES = 4


@dataclass(frozen=True)
class LockFile:
    """What a lock says of its holder."""

    id: str
    time: int
    exclusive: bool
    hostname: str
    username: str
    pid: int
    process: dict[str, Any]

    @property
    def dead_seconds(self) -> float:
        """After how long without a refresh the holder is dead."""
        said = self.process.get("dead_after")
        return max(float(said), DEAD_SECONDS) if isinstance(said, int | float) else STALE_SECONDS

    def __str__(self) -> str:
        kind = "an exclusive" if self.exclusive else "a shared"
        return (
            f"{kind} lock of PID {self.pid} on {self.hostname} since {format_time(self.time)} ({self.id[:8]})"
        )


def _warn(text: str) -> None:
    import logging

    logging.getLogger(__name__).warning(text)


def _awake_or_not() -> float:
    """Seconds of a clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _process(pid: int) -> dict[str, Any]:
    """What tells a process from all others that ever had its PID."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return {
            "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            "pid_namespace": os.readlink("/proc/self/ns/pid"),
            "started": int(fields[19]),
        }
    except (OSError, ValueError, IndexError):
        return {}


def _decode(name: str, plaintext: bytes) -> LockFile:
    try:
        document = json.loads(plaintext)
        return LockFile(
            name,
            parse_time(document["time"]),
            bool(document["exclusive"]),
            document.get("hostname", ""),
            document.get("username", ""),
            document.get("pid", 0),
            document.get("migration_ops_process") or {},
        )
    except MALFORMED as error:
        raise DamagedError(
            f"lock {name} is damaged: {what_is_wrong(error)}; remove it with `unlock --remove-all`"
        ) from error


def read_locks(repo: Repository, *, tries: int = _DAMAGED_TRIES) -> list[LockFile]:
    """All locks. One that vanishes or has no bytes is passed over; a damaged one is tried again."""
    locks = []
    for name, size in list(repo.backend.list(FileKind.LOCK)):
        for attempt in range(tries) if size else ():
            try:
                locks.append(_decode(name, repo.load_unpacked(FileKind.LOCK, name)))
                break
            except ObjectMissing:
                break
            except DamagedError:
                if attempt == tries - 1:
                    raise
                time.sleep(0.5 * 2**attempt)
    return locks


def _same_process_is_gone(lock: LockFile) -> bool:
    """Whether the holder was a process that we could see, and is no more."""
    if "started" not in lock.process:
        return False
    ours = _process(os.getpid())
    if not ours or any(lock.process.get(name) != ours[name] for name in ("boot", "pid_namespace")):
        return False
    return _process(lock.pid).get("started") != lock.process.get("started")


def is_dead(repo: Repository, lock: LockFile, own: str) -> bool:
    """Whether a lock's holder is provably dead (see the module's docstring).

    :param own: a lock that was written just now; it tells the storage's present.
    """
    if _same_process_is_gone(lock):
        return True
    try:
        present = repo.backend.modified(FileKind.LOCK, own)
        return present - repo.backend.modified(FileKind.LOCK, lock.id) > lock.dead_seconds
    except ObjectMissing:
        return False


def is_stale(lock: LockFile) -> bool:
    """Restic's rule, for ``unlock``: older than half an hour, or of a dead process of this host."""
    if now() - lock.time > STALE_SECONDS * NANOSECONDS or _same_process_is_gone(lock):
        return True
    if lock.hostname != os.uname().nodename or lock.process:
        return False
    try:
        os.kill(lock.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


class Lock:
    """A lock that is held and refreshed until it is released."""

    def __init__(self, repo: Repository, *, exclusive: bool) -> None:
        self._repo = repo
        self._exclusive = exclusive
        self._name = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._refreshed = _awake_or_not()

    def _write(self) -> str:
        document: dict[str, Any] = {
            "time": format_time(now()),
            "exclusive": self._exclusive,
            "hostname": os.uname().nodename,
            "username": os.environ.get("USER", ""),
            "pid": os.getpid(),
        }
        if os.getuid():
            document |= {"uid": os.getuid(), "gid": os.getgid()}
        document["migration_ops_process"] = _process(os.getpid()) | {"dead_after": DEAD_SECONDS}
        return self._repo.save_unpacked(FileKind.LOCK, json.dumps(document, separators=(",", ":")).encode())

    def _conflict(self, own: str = "") -> LockFile | None:
        """A lock of somebody else, alive, that does not go with ours."""
        for lock in read_locks(self._repo):
            if lock.id == own or not (self._exclusive or lock.exclusive):
                continue
            if own and is_dead(self._repo, lock, own):
                _warn(f"passing over {lock}: its holder is dead")
                self._repo.backend.remove(FileKind.LOCK, lock.id)
                continue
            return lock
        return None

    def acquire(self, wait_seconds: float = 0.0) -> None:
        """Take the lock.

        :param wait_seconds: how long to wait for others to release theirs.
        :raises RepositoryLocked: if a lock of somebody who is alive conflicts.
        """
        deadline = time.monotonic() + wait_seconds
        while True:
            name = self._write()
            try:
                # Everybody writes first and looks then, so of two who come at once at least one sees the
                # other.
                conflict = self._conflict(name)
                if conflict is None and self._exclusive:
                    # A store whose listing lags is given a moment before anything is deleted.
                    time.sleep(_SETTLE_SECONDS)
                    conflict = self._conflict(name)
            except BaseException:
                with contextlib.suppress(VaultError):
                    self._repo.backend.remove(FileKind.LOCK, name)
                raise
            if conflict is None:
                self._name = name
                break
            self._repo.backend.remove(FileKind.LOCK, name)
            if time.monotonic() >= deadline:
                raise RepositoryLocked(
                    f"{self._repo.location} is locked: {conflict}; wait for it, or remove it with `unlock`"
                    " if its holder is gone"
                )
            time.sleep(min(5.0, max(0.1, deadline - time.monotonic())))
        self._thread = threading.Thread(target=self._keep_fresh, name="lock", daemon=True)
        self._thread.start()

    def _keep_fresh(self) -> None:
        while not self._stop.wait(REFRESH_SECONDS):
            self.refresh()

    def refresh(self) -> None:
        """Write a fresh lock, then delete the old one; a failure is tried again at the next turn."""
        try:
            fresh = self._write()
            old, self._name = self._name, fresh
            self._refreshed = _awake_or_not()
            self._repo.backend.remove(FileKind.LOCK, old)
        except StorageError as error:
            _warn(f"cannot refresh the lock: {error}")

    def check(self) -> None:
        """Make sure that the lock still counts.

        :raises RepositoryLocked: if it could not be refreshed for so long that others may take it for stale.
        """
        if _awake_or_not() - self._refreshed > _GIVE_UP_SECONDS:
            raise RepositoryLocked(
                f"the lock on {self._repo.location} could not be refreshed for"
                f" {_GIVE_UP_SECONDS / 60:g} minutes;"
                " run again when the storage answers"
            )

    def release(self) -> None:
        """Give the lock back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        if self._name:
            with contextlib.suppress(VaultError):
                self._repo.backend.remove(FileKind.LOCK, self._name)
            self._name = ""


@contextlib.contextmanager
def locked(repo: Repository, *, exclusive: bool = False, wait_seconds: float = 0.0) -> Iterator[Lock]:
    """Hold a lock for the duration of a block."""
    lock = Lock(repo, exclusive=exclusive)
    lock.acquire(wait_seconds)
    repo.expect_changes()
    try:
        yield lock
    finally:
        lock.release()


def unlock(repo: Repository, *, remove_all: bool = False) -> int:
    """Delete stale locks, or all.

    :returns: how many were deleted.
    """
    removed = 0
    if remove_all:
        names = [name for name, _ in repo.backend.list(FileKind.LOCK)]
    else:
        names = [lock.id for lock in read_locks(repo, tries=1) if is_stale(lock)]
    for name in names:
        repo.backend.remove(FileKind.LOCK, name)
        removed += 1
    return removed
