"""The files of a restore: which of them to write, as a whole or in place, and what waits for them.

What is in them is left to the content writer, which works in windows: some thousand blobs are planned, then
fetched in the order in which they lie in the packs. Hard links wait for the window that writes their file.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator

from migration_ops.vault.content_plan import Piece
from migration_ops.vault.content_writer import ContentWriter
from migration_ops.vault.errors import VaultError
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.hard_links import HardLinks, are_same_links
from migration_ops.vault.metadata import same_metadata
from migration_ops.vault.node import Node
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore_counts import RestoreCounts
from migration_ops.vault.restore_options import BaseMismatch, RestoreOptions
from migration_ops.vault.restored_file import RestoredFile
from migration_ops.vault.restored_folder import OpenFolder, OpenFolders
from migration_ops.vault.small_files import BatchResult, SmallFiles, is_small
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.target_folder import remove, status_of
from migration_ops.vault.tree import check_names, decode_nodes, decode_tree, node_parts

_WINDOW_ITEMS = 3_000
_WINDOW_FOLDERS = 100


class FileRestorer:
    """Restores the files that a walk meets.

    :param root: descriptor of the target.
    :param folders: the open folders, which wait for their files.
    :param failed: told the path and the reason when a file can't be restored.
    """

    def __init__(  # noqa: PLR0917 - one caller, in the order of the work
        self,
        repo: Repository,
        root: int,
        folders: OpenFolders,
        options: RestoreOptions,
        fingerprints: Fingerprints,
        counts: RestoreCounts,
        stop: StopRequest,
        failed: Callable[[bytes, Exception], None],
    ) -> None:
        self._folders = folders
        self._options = options
        self._counts = counts
        self._failed = failed
        self._stop = stop
        self._writer = ContentWriter(repo, fingerprints, stop, self._finish)
        counts.content = self._writer.counts
        self._links = HardLinks(root)
        self._small = SmallFiles(repo, options.helpers, self._note_batch) if options.helpers else None
        # Folders of files that were finished, in whatever thread.
        self._finished: list[OpenFolder] = []
        self._lock = threading.Lock()

    def nodes_to_visit(self, folder: OpenFolder, tree: bytes) -> Iterator[Node]:
        """The nodes of a new folder that must be visited: small files are given to helpers, if there are any.

        :param tree: the folder's tree.
        :raises DamagedError: as :func:`~migration_ops.vault.tree.decode_tree`.
        """
        if self._small is None or not folder.plain:
            yield from decode_tree(tree)
            return
        last = b""
        for documents in node_parts(tree):
            last = check_names(documents, last)
            small = [document for document in documents if is_small(document)]
            self._counts.total_files += len(small)
            self._counts.total_bytes += sum(document.get("size", 0) for document in small)
            self._small.submit(folder, small)
            yield from decode_nodes(document for document in documents if not is_small(document))

    def _note_batch(self, folder: OpenFolder, result: BatchResult) -> None:
        for name, text in result.errors:
            self._failed(folder.path + b"/" + name, VaultError(text))
        self._writer.count_others(result.content)
        with self._lock:
            self._counts.files_restored += result.files
            self._counts.bytes_done += result.size
        self._folders.settle([folder])

    def visit(self, folder: OpenFolder, node: Node, old: Node | None) -> None:
        """Plan what must be written of one file.

        :param old: the base's node of that path.
        :raises BaseMismatch: if the base is trusted and the file shows that the folder does not hold it.
        :raises DamagedError: if the vault does not have the file's content.
        :raises OSError: if the file that is there can't be dealt with.
        """
        options = self._options
        self._counts.total_files += 1
        self._counts.total_bytes += node.size
        trusted = old if options.trust_base and old is not None and old.type == "file" else None
        if trusted is not None and not options.resumed and _is_same(node, trusted):
            self._counts.files_unchanged += 1
        elif options.dry_run:
            self._counts.files_restored += 1
        elif not self._links.plan(folder, node):
            self._plan(folder, node, trusted)

    def _plan(self, folder: OpenFolder, node: Node, trusted: Node | None) -> None:
        pieces = self._writer.layout(node)
        status = None if folder.fresh else status_of(node.name, folder.descriptor)
        if trusted is not None:
            doubt = _doubt(trusted, status)
            if doubt and not self._options.resumed:
                raise BaseMismatch(f"{os.fsdecode(folder.path + b'/' + node.name)} {doubt}")
            if doubt or self._options.resumed:
                trusted = None
        in_place = (
            status is not None
            and stat.S_ISREG(status.st_mode)
            and self._links.may_change_in_place(node, trusted, status)
        )
        if status is not None and not in_place:
            remove(node.name, folder.descriptor)
        self._links.note_first(folder, node)
        file = RestoredFile(folder, node, fresh=not in_place)
        if not in_place:
            self._writer.add(file, pieces)
        elif trusted is not None:
            self._writer.add(file, self._changed_pieces(trusted, pieces))
        else:
            self._writer.add_compared(file, pieces)

    def _changed_pieces(self, old: Node, pieces: list[Piece]) -> list[Piece]:
        there = {(piece.id, piece.offset) for piece in self._writer.layout(old)}
        changed = [piece for piece in pieces if (piece.id, piece.offset) not in there]
        self._writer.count_unchanged(
            sum(piece.length for piece in pieces) - sum(piece.length for piece in changed)
        )
        return changed

    def _finish(self, file: RestoredFile) -> None:
        file.finish_or_fail()
        with self._lock:
            self._note_end(file.folder, file.node, file.error)

    def _note_end(self, folder: OpenFolder, node: Node, error: Exception | None) -> None:
        if error is not None:
            self._failed(folder.path + b"/" + node.name, error)
        else:
            self._counts.files_restored += 1
            self._counts.bytes_done += node.size
        self._finished.append(folder)

    # windows

    def run_window_if_full(self) -> None:
        """Begin the next window if enough is planned, or if too many folders wait for it."""
        planned = len(self._writer)
        if planned > _WINDOW_ITEMS or (planned and len(self._folders) > _WINDOW_FOLDERS):
            self._run_window()

    def _run_window(self, *, last: bool = False) -> None:
        """Begin the next window, and tidy up after the one before."""
        self._writer.start()
        if last:
            self._writer.drain()
        for link in self._links.next_window(last=last):
            folder, node, _ = link
            failure: OSError | None = None
            try:
                self._links.make(link)
            except OSError as error:
                failure = error
            with self._lock:
                self._note_end(folder, node, failure)
        with self._lock:
            finished, self._finished = self._finished, []
        self._folders.settle(finished)

    def run_last_window(self) -> None:
        """Do all that is planned, and wait for its end.

        :raises Interrupted: if it was asked to stop.
        """
        self._writer.start()
        while self._small is not None and self._small.is_busy:
            self._stop.check()
            self._small.collect(wait=True)
        self._run_window(last=True)

    def drain(self) -> None:
        """Wait for the end of what was begun."""
        self._writer.drain()

    def close(self) -> None:
        """End the threads and helpers."""
        self._writer.close()
        if self._small is not None:
            self._small.close()


def _is_same(node: Node, old: Node) -> bool:
    """Whether nothing of a file must be written if it is what the base says."""
    return (
        old.content == node.content
        and old.size == node.size
        and same_metadata(node, old)
        and are_same_links(node, old)
    )


def _doubt(old: Node, status: os.stat_result | None) -> str:
    """What shows that a file is not what the base says, if anything does."""
    if status is None:
        return "is missing"
    if not stat.S_ISREG(status.st_mode):
        return "is no file"
    if status.st_size != old.size or status.st_mtime_ns != old.mtime:
        return "has another size or time"
    return ""
