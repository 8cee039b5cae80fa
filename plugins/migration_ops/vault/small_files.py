"""Small files of new folders, written by processes beside this one.

What a small file costs is mostly the interpreter's own work, which threads of one process can't share. So a
restore of many files forks a few processes before it starts to write. They know key and index from the
fork. Each gets nodes by the hundred with the descriptor of their folder, and says what became of them.
Folders, large files, hard links and whatever needs a look at the target stay with the process that walks.

A process that ends early takes its helpers along: the kernel kills them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import orjson

from migration_ops.vault.content_plan import ContentCounts, ContentPlan, layout
from migration_ops.vault.errors import DamagedError, HelperFailed, VaultError
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.pack import BlobType
from migration_ops.vault.range_writer import RangeWriter
from migration_ops.vault.repository import Repository
from migration_ops.vault.restored_file import RestoredFile
from migration_ops.vault.restored_folder import OpenFolder
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.tree import decode_nodes

# Starting processes pays for as many files.
FEWEST_FILES = 2_000
MOST_HELPERS = 4
_SMALL_BYTES = 64 * 1024
_BATCH = 100
_MOST_MESSAGE = 100_000
# Batches that a helper may have before it: enough not to wait, few enough to share the work evenly.
_MOST_WAITING = 4
_PR_SET_PDEATHSIG = 1


@dataclass
class BatchResult:
    """What became of some files.

    :param size: bytes of the files that were restored.
    :param errors: names of files that could not be restored, with the reasons.
    """

    files: int = 0
    size: int = 0
    content: ContentCounts = field(default_factory=ContentCounts)
    errors: list[tuple[bytes, str]] = field(default_factory=list)


def is_small(document: dict[str, Any]) -> bool:
    """Whether a node, as its tree's JSON has it, is a file that a helper can write."""
    content, size = document.get("content"), document.get("size", 0)
    return (
        document.get("type") == "file"
        and document.get("links", 0) in (0, 1)
        and isinstance(content, list)
        and len(content) <= 1
        and isinstance(size, int)
        and size <= _SMALL_BYTES
        and "extended_attributes" not in document
    )


class _Helper:
    """One process, and the folders of the batches that it has."""

    def __init__(self, others: Sequence[_Helper], repo: Repository) -> None:
        self.folders: deque[OpenFolder] = deque()
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            try:
                self.socket.close()
                for other in others:
                    other.socket.close()
                _die_with(parent)
                _serve(theirs, repo)
            finally:
                os._exit(0)
        theirs.close()

    def send(self, documents: list[dict[str, Any]], folder: OpenFolder) -> None:
        payload = orjson.dumps(documents)
        if len(payload) > _MOST_MESSAGE:
            if len(documents) == 1:
                raise DamagedError(f"a node of {folder.path!r} has {len(payload)} bytes")
            middle = len(documents) // 2
            self.send(documents[:middle], folder)
            self.send(documents[middle:], folder)
            return
        try:
            socket.send_fds(self.socket, [payload], [folder.descriptor])
        except OSError as error:
            raise _gone() from error
        folder.pending += 1
        self.folders.append(folder)

    def receive(self) -> tuple[OpenFolder, BatchResult]:
        try:
            said = self.socket.recv(1 << 20)
        except OSError:
            said = b""
        if not said:
            raise _gone()
        document = orjson.loads(said)
        if "fatal" in document:
            raise HelperFailed(document["fatal"])
        errors = [(name.encode("latin-1"), text) for name, text in document["errors"]]
        content = ContentCounts(*document["content"])
        return self.folders.popleft(), BatchResult(document["files"], document["size"], content, errors)

    def end(self) -> None:
        """End the process: at once if it still has something to do."""
        if self.folders:
            os.kill(self.pid, signal.SIGKILL)
        self.socket.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _gone() -> HelperFailed:
    return HelperFailed("a process that writes small files has ended; is memory short? Run it again to go on")


class SmallFiles:
    """The helpers of one restore. Only the thread that walks calls this.

    :param done: told what became of a batch.
    """

    def __init__(
        self, repo: Repository, helpers: int, done: Callable[[OpenFolder, BatchResult], None]
    ) -> None:
        self._done = done
        self._helpers: list[_Helper] = []
        # What all of them need is read before there is more than one process.
        repo.index.find(BlobType.DATA, bytes(32))
        for _ in range(helpers):
            self._helpers.append(_Helper(self._helpers, repo))
        self._poll = select.poll()
        for helper in self._helpers:
            self._poll.register(helper.socket, select.POLLIN)

    def submit(self, folder: OpenFolder, documents: list[dict[str, Any]]) -> None:
        """Give the files of a folder to the helpers; waits while all of them have enough to do.

        :raises HelperFailed: if a helper has ended, or the storage does not answer it.
        """
        for start in range(0, len(documents), _BATCH):
            self.collect(wait=False)
            while len(self._least().folders) >= _MOST_WAITING:
                self.collect(wait=True)
            self._least().send(documents[start : start + _BATCH], folder)

    def _least(self) -> _Helper:
        return min(self._helpers, key=lambda helper: len(helper.folders))

    def collect(self, *, wait: bool) -> None:
        """Take results that are there.

        :param wait: wait up to half a second for one if there is none.
        """
        ready = {number for number, _ in self._poll.poll(500 if wait else 0)}
        for helper in self._helpers:
            if helper.socket.fileno() in ready:
                self._done(*helper.receive())

    @property
    def is_busy(self) -> bool:
        """Whether there are results to come."""
        return any(helper.folders for helper in self._helpers)

    def close(self) -> None:
        """End the helpers."""
        while self._helpers:
            self._helpers.pop().end()


def _die_with(parent: int) -> None:
    """Let this process be ended with the one that started it, and by nothing else."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _serve(connection: socket.socket, repo: Repository) -> None:
    """Write batches until there are no more."""
    writer = BatchWriter(repo)
    while True:
        payload, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 1)
        if not payload:
            return
        folder = OpenFolder(descriptors[0], b"", None, None, fresh=True)
        try:
            result = writer.write(folder, orjson.loads(payload))
            answer: dict[str, Any] = {
                "files": result.files,
                "size": result.size,
                "content": astuple(result.content),
                "errors": [(name.decode("latin-1"), text) for name, text in result.errors],
            }
        except VaultError as error:
            answer = {"fatal": str(error)}
        finally:
            folder.close()
        connection.send(orjson.dumps(answer))


class BatchWriter:
    """Writes small files, one batch after the other."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._fingerprints = Fingerprints(repo.key)
        self._result = BatchResult()

    def write(self, folder: OpenFolder, documents: list[dict[str, Any]]) -> BatchResult:
        """Make some files of a new folder.

        :raises StorageError: if the storage does not answer.
        """
        self._result = BatchResult()
        writer = RangeWriter(self._repo, self._fingerprints, StopRequest(), self._finish)
        plan = ContentPlan()
        nodes = decode_nodes(documents)
        last = b""
        while True:
            try:
                node = next(nodes, None)
                if node is None:
                    break
                last = node.name
                pieces = layout(self._repo, self._fingerprints, node)
                plan.add(RestoredFile(folder, node, fresh=True), pieces)
            except DamagedError as error:
                # Of one file; behind a damaged node the iterator has ended.
                self._result.errors.append((last, str(error)))
        for blobs in plan.ranges(is_remote=False):
            writer.write(blobs)
        for file in plan.ready:
            self._finish(file)
        self._result.content = writer.counts
        self._result.content.bytes_written += plan.zeros
        return self._result

    def _finish(self, file: RestoredFile) -> None:
        file.finish_or_fail()
        if file.error is None:
            self._result.files += 1
            self._result.size += file.node.size
        else:
            error = file.error
            text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._result.errors.append((file.node.name, text))
