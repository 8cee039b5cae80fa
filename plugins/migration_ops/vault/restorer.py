"""The walk of a restore: from trees to files, against what the folder holds.

Three ways to look at what is there:

- *fresh*: a folder that this restore made is empty; nothing in it is looked at.
- *compare*: what exists is compared with the snapshot, content included; only what differs is written.
- *trust*: the folder holds the base snapshot. Two trees are walked side by side; subtrees with the same id
  are not even listed, and of a changed file only the blobs are written that it did not have at that place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from migration_ops.vault.errors import DamagedError, VaultError
from migration_ops.vault.file_restorer import FileRestorer
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.metadata import apply_metadata, same_metadata
from migration_ops.vault.node import Node
from migration_ops.vault.progress import Report, error_message
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore_counts import RestoreCounts
from migration_ops.vault.restore_options import JOURNAL_NAME, BaseMismatch, RestoreOptions
from migration_ops.vault.restored_folder import OpenFolder, OpenFolders
from migration_ops.vault.special_files import is_same_kind, make
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.target_folder import enter_folder, open_folder, remove, status_of
from migration_ops.vault.tree import decode_differences, decode_tree, pair_nodes


@dataclass
class _Level:
    """A folder on the way to where the walk is.

    :param extras: names of the folder that no node has been met for; None if it was not listed.
    """

    folder: OpenFolder
    entries: Iterator[tuple[Node | None, Node | None]]
    extras: set[bytes] | None


class Restorer:
    """Restores one tree into one folder.

    :param root: descriptor of the folder; it stays open. -1 in a dry run if the folder does not exist.
    """

    def __init__(  # noqa: PLR0917 - one caller, in the order of the work
        self,
        repo: Repository,
        root: int,
        options: RestoreOptions,
        fingerprints: Fingerprints,
        counts: RestoreCounts,
        stop: StopRequest,
        report: Report,
    ) -> None:
        self._repo = repo
        self._root = root
        self._options = options
        self._counts = counts
        self._stop = stop
        self._report = report
        self._folders = OpenFolders(self._failed)
        self._files = FileRestorer(
            repo, root, self._folders, options, fingerprints, counts, stop, self._failed
        )

    def run(self, tree: bytes, base: bytes | None, root_node: Node | None) -> None:
        """Walk.

        :param base: the base's root tree.
        :param root_node: what the target folder itself shall become.
        :raises BaseMismatch: if the base is trusted and a file shows that the folder does not hold it.
        :raises Interrupted: if it was asked to stop.
        """
        try:
            is_there = self._root >= 0
            descriptor = os.dup(self._root) if is_there else -1
            top = self._folder(descriptor, b"", root_node, None, fresh=not is_there)
            stack = [self._level(top, tree, base)]
            while stack:
                level = stack[-1]
                self._stop.check()
                entry = next(level.entries, None)
                if entry is None:
                    self._leave(level)
                    stack.pop()
                elif (deeper := self._guarded_visit(level, *entry)) is not None:
                    stack.append(deeper)
                self._files.run_window_if_full()
            self._files.run_last_window()
        except BaseMismatch:
            self._files.drain()  # what was begun is right in any case
            raise
        finally:
            self._files.close()
            self._folders.close()

    def _failed(self, path: bytes, error: Exception) -> None:
        message = error_message(path or b"/", error, "restore")
        self._counts.errors.append((message["item"], message["error"]["message"]))
        self._report(message)

    def _level(self, folder: OpenFolder, tree: bytes, base: bytes | None) -> _Level:
        plaintext = self._repo.load_tree(tree)
        if self._options.trust_base and base is not None:
            # What is the same in both is there already. The folder is not even listed.
            new, old, files, folders = decode_differences(plaintext, self._repo.load_tree(base))
            self._counts.total_files += files
            self._counts.files_unchanged += files
            self._counts.subtrees_skipped += folders
            return _Level(folder, pair_nodes(new, old), None)
        if folder.fresh:
            nodes = self._files.nodes_to_visit(folder, plaintext)
            return _Level(folder, pair_nodes(nodes, iter(())), None)
        old = decode_tree(self._repo.load_tree(base)) if base is not None else iter(())
        extras = set(map(os.fsencode, os.listdir(folder.descriptor)))
        return _Level(folder, pair_nodes(decode_tree(plaintext), old), extras)

    def _guarded_visit(self, level: _Level, node: Node | None, old: Node | None) -> _Level | None:
        """Visit an entry; what is wrong with it alone is reported and does not end the restore."""
        some = node or old
        assert some is not None  # noqa: S101 - for the type checker: one of them is there
        path = level.folder.path + b"/" + some.name
        try:
            return self._visit(level, path, node, old)
        except (OSError, VaultError) as error:
            if isinstance(error, VaultError) and error.retryable:
                raise
            self._failed(path, error)
            return None

    def _visit(self, level: _Level, path: bytes, node: Node | None, old: Node | None) -> _Level | None:
        """Deal with one entry; returns the level to walk next if it is a folder."""
        folder = level.folder
        name = path.rpartition(b"/")[2]
        if level.extras is not None:
            level.extras.discard(name)
        if not self._is_selected(path, node or old):
            return None
        if node is None:
            self._remove(folder, name)
        elif node.type == "dir":
            return self._visit_folder(folder, path, node, old)
        elif node.type == "file":
            self._files.visit(folder, node, old)
        elif node.type != "socket":
            self._visit_other(folder, node, old)
        return None

    def _is_selected(self, path: bytes, node: Node | None) -> bool:
        excludes, includes = self._options.excludes, self._options.includes
        if not (excludes or includes):
            return True
        text = os.fsdecode(path)
        if excludes and excludes.match(text):
            return False
        if not includes or includes.match(text):
            return True
        return node is not None and node.type == "dir" and includes.may_match_below(text)

    def _remove(self, folder: OpenFolder, name: bytes) -> None:
        if not self._options.dry_run:
            self._counts.files_deleted += remove(name, folder.descriptor)
        elif folder.descriptor >= 0 and status_of(name, folder.descriptor) is not None:
            self._counts.files_deleted += 1

    # folders

    def _folder(
        self, descriptor: int, path: bytes, node: Node | None, above: OpenFolder | None, *, fresh: bool
    ) -> OpenFolder:
        folder = OpenFolder(descriptor, path, None if self._options.dry_run else node, above, fresh=fresh)
        self._folders.enter(folder)
        return folder

    def _visit_folder(self, above: OpenFolder, path: bytes, node: Node, old: Node | None) -> _Level | None:
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
            descriptor, fresh = self._look_into(above, node.name)
        else:
            descriptor, fresh = enter_folder(node.name, above.descriptor)
        if fresh and trusted:
            if descriptor >= 0:
                os.close(descriptor)
                os.rmdir(node.name, dir_fd=above.descriptor)
            raise BaseMismatch(f"{os.fsdecode(path)} is missing")
        folder = self._folder(descriptor, path, node, above, fresh=fresh)
        try:
            return self._level(folder, node.subtree, None if fresh else old_subtree)
        except (OSError, VaultError):
            # It stays as it is: empty if it is new, with neither mode nor time of its own.
            folder.node = None
            self._folders.leave(folder)
            raise

    def _look_into(self, above: OpenFolder, name: bytes) -> tuple[int, bool]:
        """Open a folder if it is there, for a dry run."""
        if above.descriptor >= 0:
            try:
                return open_folder(name, above.descriptor), False
            except OSError:
                pass
        return -1, True

    def _leave(self, level: _Level) -> None:
        folder = level.folder
        if self._options.delete and level.extras:
            kept = set() if folder.path else {JOURNAL_NAME, b"lost+found"}
            for name in sorted(level.extras - kept):
                path = folder.path + b"/" + name
                if self._is_selected(path, None):
                    try:
                        self._remove(folder, name)
                    except OSError as error:
                        self._failed(path, error)
        self._folders.leave(folder)

    # everything else

    def _visit_other(self, folder: OpenFolder, node: Node, old: Node | None) -> None:
        self._counts.others += 1
        trusted = self._options.trust_base and not self._options.resumed
        if trusted and old is not None and _is_same_special_file(node, old):
            return
        if self._options.dry_run:
            return
        status = None if folder.fresh else status_of(node.name, folder.descriptor)
        if status is None or not is_same_kind(folder.descriptor, node, status):
            if status is not None:
                remove(node.name, folder.descriptor)
            make(folder.descriptor, node)
        apply_metadata(node, folder=folder.descriptor, name=node.name)


def _is_same_special_file(node: Node, old: Node) -> bool:
    return (
        old.type == node.type
        and old.link_target == node.link_target
        and old.device == node.device
        and same_metadata(node, old)
    )
