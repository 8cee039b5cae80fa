"""The walk of a restore: from trees to files, against what the folder holds.

Three ways to look at what is there:

- *fresh*: a folder that this restore made is empty; nothing in it is looked at.
- *compare*: what exists is compared with the snapshot, content included; only what differs is written.
- *trust*: the folder holds the base snapshot. Two trees are walked side by side; subtrees with the same id
  are not even listed, and of a changed file only the blobs are written that it did not have at that place.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from migration_ops.vault.backup_counts import Report
from migration_ops.vault.content_writer import ContentWriter, Piece
from migration_ops.vault.errors import DamagedError, VaultError
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.hard_links import HardLinks, are_same_links
from migration_ops.vault.metadata import apply_metadata, same_metadata
from migration_ops.vault.node import Node
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore_counts import RestoreCounts
from migration_ops.vault.restore_options import JOURNAL_NAME, BaseMismatch, RestoreOptions
from migration_ops.vault.restored_file import OpenFolder, RestoredFile
from migration_ops.vault.special_files import is_same_kind, make
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.target_folder import enter_folder, remove
from migration_ops.vault.tree import decode_differences, decode_tree, pair_nodes

_WINDOW_ITEMS = 3_000
_WINDOW_FOLDERS = 100


@dataclass
class _Level:
    folder: OpenFolder
    entries: Iterator[tuple[Node | None, Node | None]]
    extras: set[bytes] | None


class Restorer:
    """Restores one tree into one folder."""

    def __init__(  # noqa: PLR0917 - one caller, in the order of the work
        self,
        repo: Repository,
        options: RestoreOptions,
        fingerprints: Fingerprints,
        counts: RestoreCounts,
        stop: StopRequest,
        report: Report,
    ) -> None:
        self._repo = repo
        self._options = options
        self._counts = counts
        self._stop = stop
        self._report = report
        self._writer = ContentWriter(repo, fingerprints, stop, self._finish_file)
        counts.content = self._writer.counts
        self._finished: list[OpenFolder] = []
        self._finished_lock = threading.Lock()
        self._open_folders = 0

    def run(self, root: int, tree: bytes, base: bytes | None, root_node: Node | None) -> None:
        """Walk.

        :param root: descriptor of the target; it is closed at the end.
        :param base: the base's root tree.
        :param root_node: what the target folder itself shall become.
        :raises BaseMismatch: if the base is trusted and a file shows that the folder does not hold it.
        """
        self._links = HardLinks(root)
        top = OpenFolder(os.dup(root), b"", root_node, None, fresh=False)
        stack = [self._level(top, tree, base)]
        try:
            while stack:
                level = stack[-1]
                entry = next(level.entries, None)
                if entry is None:
                    self._leave(level)
                    stack.pop()
                    self._run_window_if_full()
                    continue
                deeper = self._guarded_visit(level, *entry)
                if deeper is not None:
                    stack.append(deeper)
                    self._open_folders += 1
            self._run_window(last=True)
        except BaseMismatch:
            self._writer.drain()  # what was begun is right in any case, and leaves no file open
            raise
        finally:
            self._writer.close()
            for level in stack:
                if level.folder.descriptor >= 0:
                    os.close(level.folder.descriptor)

    def _level(self, folder: OpenFolder, tree: bytes, base: bytes | None) -> _Level:
        plaintext = self._repo.load_tree(tree)
        if self._options.trust_base and base is not None and not folder.fresh:
            # What is the same in both is there already. The folder is not even listed.
            new, old, files, folders = decode_differences(plaintext, self._repo.load_tree(base))
            self._counts.total_files += files
            self._counts.files_unchanged += files
            self._counts.subtrees_skipped += folders
            return _Level(folder, pair_nodes(new, old), None)
        old = decode_tree(self._repo.load_tree(base)) if base is not None else iter(())
        extras = None
        if not folder.fresh:
            names = os.listdir(folder.descriptor) if folder.descriptor >= 0 else []
            extras = {os.fsencode(name) for name in names}
        return _Level(folder, pair_nodes(decode_tree(plaintext), old), extras)

    def _error(self, path: bytes, error: Exception) -> None:
        message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        item = os.fsdecode(path) or "/"
        self._counts.errors.append((item, message))
        self._report(
            {"message_type": "error", "error": {"message": message}, "during": "restore", "item": item}
        )

    def _guarded_visit(self, level: _Level, node: Node | None, old: Node | None) -> _Level | None:
        self._stop.check()
        some = node or old
        assert some is not None  # noqa: S101 - for the type checker: one of them is there
        path = level.folder.path + b"/" + some.name
        try:
            return self._visit(level, path, node, old)
        except (OSError, VaultError) as error:
            self._error(path, error)
            return None

    def _visit(self, level: _Level, path: bytes, node: Node | None, old: Node | None) -> _Level | None:
        folder = level.folder
        name = path.rpartition(b"/")[2]
        if level.extras is not None:
            level.extras.discard(name)
        if not self._is_selected(path, node or old):
            return None
        if node is None:
            if level.extras is None or self._exists(folder, name):
                self._remove(folder, name)
            return None
        if node.type == "dir":
            return self._visit_folder(level, path, node, old)
        if node.type == "file":
            self._visit_file(level, node, old)
        elif node.type != "socket":
            self._visit_other(level, node, old)
        return None

    def _is_selected(self, path: bytes, node: Node | None) -> bool:
        text = os.fsdecode(path)
        if self._options.excludes and self._options.excludes.match(text):
            return False
        includes = self._options.includes
        if not includes:
            return True
        return includes.match(text) or (
            node is not None and node.type == "dir" and includes.may_match_below(text)
        )

    def _exists(self, folder: OpenFolder, name: bytes) -> bool:
        return (
            os.path.lexists(b"/proc/self/fd/%d/%b" % (folder.descriptor, name))
            if folder.descriptor >= 0
            else False
        )

    def _remove(self, folder: OpenFolder, name: bytes) -> None:
        self._counts.files_deleted += 1
        if not self._options.dry_run and folder.descriptor >= 0:
            removed = remove(name, folder.descriptor)
            self._counts.files_deleted += max(0, removed - 1)

    # folders

    def _visit_folder(self, level: _Level, path: bytes, node: Node, old: Node | None) -> _Level | None:
        above = level.folder
        old_subtree = old.subtree if old is not None and old.type == "dir" else None
        trusted = self._options.trust_base and old_subtree is not None
        if trusted and old is not None and old_subtree == node.subtree and not self._options.includes:
            self._counts.subtrees_skipped += 1
            if not same_metadata(node, old) and not self._options.dry_run:
                apply_metadata(node, folder=above.descriptor, name=node.name)
            return None
        if node.subtree is None:
            raise DamagedError("the folder has no subtree")
        self._counts.dirs += 1
        if self._options.dry_run:
            descriptor, fresh = self._look_into(above, node)
        else:
            descriptor, fresh = enter_folder(node.name, above.descriptor)
        if fresh and trusted:
            os.close(descriptor)
            os.rmdir(node.name, dir_fd=above.descriptor)
            raise BaseMismatch(f"{os.fsdecode(path)} is missing")
        folder = OpenFolder(descriptor, path, node, above, fresh=fresh)
        try:
            return self._level(folder, node.subtree, None if fresh else old_subtree)
        except BaseException:
            if descriptor >= 0:
                os.close(descriptor)
            above.pending -= 1
            raise

    def _look_into(self, above: OpenFolder, node: Node) -> tuple[int, bool]:
        try:
            if above.descriptor >= 0:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                return os.open(node.name, flags, dir_fd=above.descriptor), False
        except OSError:
            pass
        return -1, True

    def _leave(self, level: _Level) -> None:
        folder = level.folder
        if self._options.delete and level.extras:
            for name in sorted(
                level.extras - {JOURNAL_NAME, b"lost+found"} if not folder.path else level.extras
            ):
                path = folder.path + b"/" + name
                if self._is_selected(path, None):
                    try:
                        self._remove(folder, name)
                    except OSError as error:
                        self._error(path, error)
        folder.walked = True
        self._close_if_done(folder)

    def _close_if_done(self, folder: OpenFolder) -> None:
        while folder.walked and not folder.pending:
            self._open_folders -= 1
            if folder.descriptor >= 0:
                try:
                    if folder.node is not None and not self._options.dry_run:
                        apply_metadata(folder.node, descriptor=folder.descriptor)
                except OSError as error:
                    self._error(folder.path, error)
                finally:
                    os.close(folder.descriptor)
                    folder.descriptor = -1
            if folder.above is None:
                return
            folder = folder.above
            folder.pending -= 1

    # files

    def _visit_file(self, level: _Level, node: Node, old: Node | None) -> None:
        folder = level.folder
        self._counts.total_files += 1
        self._counts.total_bytes += node.size
        if node.content is None:
            raise DamagedError("the file has no content list")
        if self._options.trust_base and old is not None and old.type == "file" and level.extras is None:
            same = old.content == node.content and old.size == node.size and same_metadata(node, old)
            if same and are_same_links(node, old) and not self._options.resumed:
                self._counts.files_unchanged += 1
                return
        if self._options.dry_run:
            self._counts.files_restored += 1
            return
        if self._links.plan(folder, node):
            return
        status = None if folder.fresh else self._status(folder, node.name)
        if status is not None and not stat.S_ISREG(status.st_mode):
            self._must_not_be(level, old, f"{os.fsdecode(folder.path + b'/' + node.name)} is no file")
            remove(node.name, folder.descriptor)
            status = None
        elif status is None and not folder.fresh:
            self._must_not_be(level, old, f"{os.fsdecode(folder.path + b'/' + node.name)} is missing")
        self._plan_content(level, node, old, status)
        self._run_window_if_full()

    def _must_not_be(self, level: _Level, old: Node | None, what: str) -> None:
        """Stop trusting the base if something differs from it, unless an interrupted run explains that."""
        trusted = self._options.trust_base and not self._options.resumed and level.extras is None
        if trusted and old is not None and old.type == "file":
            raise BaseMismatch(what)

    def _plan_content(
        self, level: _Level, node: Node, old: Node | None, status: os.stat_result | None
    ) -> None:
        folder = level.folder
        content = node.content or []
        pieces = self._writer.layout(content)
        size = pieces[-1].offset + pieces[-1].length if pieces else 0
        if size != node.size:
            raise DamagedError(f"its blobs have {size} bytes, its size is {node.size}")
        base_fits = False
        if status is not None and old is not None and old.type == "file" and level.extras is None:
            base_fits = status.st_size == old.size and status.st_mtime_ns == old.mtime
            if not base_fits:
                self._must_not_be(
                    level, old, f"{os.fsdecode(folder.path + b'/' + node.name)} has another size or time"
                )
        trusted = old if base_fits and not self._options.resumed else None
        in_place = status is not None and self._links.may_change_in_place(node, trusted, status)
        if status is not None and not in_place:
            os.unlink(node.name, dir_fd=folder.descriptor)
        self._links.note_first(folder, node)
        file = RestoredFile(folder, node, fresh=not in_place)
        if not in_place:
            self._writer.add(file, pieces)
        elif trusted is not None and trusted.content is not None:
            self._writer.add(file, self._changed_pieces(trusted, pieces))
        else:
            self._writer.add_compared(file, pieces)

    def _changed_pieces(self, old: Node, pieces: list[Piece]) -> list[Piece]:
        there = {(piece.id, piece.offset) for piece in self._writer.layout(old.content or [])}
        changed = [piece for piece in pieces if (piece.id, piece.offset) not in there]
        with self._finished_lock:
            self._writer.counts.bytes_unchanged += sum(piece.length for piece in pieces) - sum(
                piece.length for piece in changed
            )
        return changed

    def _status(self, folder: OpenFolder, name: bytes) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _finish_file(self, file: RestoredFile) -> None:
        try:
            file.finish()
        except OSError as error:
            file.fail(error)
        with self._finished_lock:
            if file.error is not None:
                self._error(file.path, file.error)
            else:
                self._counts.files_restored += 1
                self._counts.bytes_done += file.node.size
            self._finished.append(file.folder)

    # everything else

    def _visit_other(self, level: _Level, node: Node, old: Node | None) -> None:
        folder = level.folder
        self._counts.others += 1
        if (
            self._options.trust_base
            and not self._options.resumed
            and level.extras is None
            and old is not None
            and old.type == node.type
            and old.link_target == node.link_target
            and old.device == node.device
            and same_metadata(node, old)
        ):
            return
        if self._options.dry_run:
            return
        status = None if folder.fresh else self._status(folder, node.name)
        if status is None or not is_same_kind(folder.descriptor, node, status):
            if status is not None:
                remove(node.name, folder.descriptor)
            make(folder.descriptor, node)
        apply_metadata(node, folder=folder.descriptor, name=node.name)

    # windows

    def _run_window_if_full(self) -> None:
        if len(self._writer) > _WINDOW_ITEMS or (self._open_folders > _WINDOW_FOLDERS and len(self._writer)):
            self._run_window()

    def _run_window(self, *, last: bool = False) -> None:
        """Begin the next window, and tidy up after the one before.

        Hard links are made when the file that they share is there, which is after the window that writes it.
        """
        self._writer.start()
        if last:
            self._writer.drain()
        for link in self._links.next_window(last=last):
            folder, node, _ = link
            try:
                self._links.make(link)
                self._counts.files_restored += 1
                self._counts.bytes_done += node.size
            except OSError as error:
                self._error(folder.path + b"/" + node.name, error)
            self._finished.append(folder)
        with self._finished_lock:
            finished, self._finished = self._finished, []
        for folder in finished:
            folder.pending -= 1
        for folder in finished:
            if folder.descriptor >= 0:
                self._close_if_done(folder)
