"""A stop sends no more than the packs whose upload was begun, and waits only a moment for these."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from migration_ops.vault import packer as packers
from migration_ops.vault.backend import Buffer, FileKind
from migration_ops.vault.backend_local import LocalBackend
from migration_ops.vault.errors import Interrupted
from migration_ops.vault.index import Index, blob_id_of
from migration_ops.vault.pack import BlobType
from migration_ops.vault.packer import Packer
from migration_ops.vault.repository import Repository, init_repository, open_repository
from migration_ops.vault.upload_limit import UploadLimit

PASSWORD = "a password of the tests"
REASON = Interrupted("stopped: SIGTERM received")
# Longer than any test may take: whoever waits for it was not stopped.
FOREVER = 3600.0


class SlowBackend(LocalBackend):
    """A folder whose packs are stored when the test says so."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.begun: list[str] = []
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def save(self, kind: FileKind, name: str, parts: Sequence[Buffer]) -> None:
        """Store a file; a pack not before it may."""
        if kind is FileKind.PACK:
            self.begun.append(name)
            self.has_begun.set()
            assert self.may_end.wait(60)
        super().save(kind, name, parts)


@pytest.fixture
def backend(tmp_path: Path) -> SlowBackend:
    """A slow folder with an empty repository."""
    init_repository(str(tmp_path / "repository"), PASSWORD)
    return SlowBackend(str(tmp_path / "repository"))


@pytest.fixture
def repo(backend: SlowBackend, tmp_path: Path) -> Repository:
    """The repository in the slow folder."""
    found = open_repository(str(tmp_path / "repository"), PASSWORD)
    found.backend = backend
    return found


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each blob of these tests fills a pack, and what was begun has time to end."""
    monkeypatch.setattr(packers, "TARGET_SIZE", 1000)
    monkeypatch.setattr(packers, "STOP_SECONDS", 60.0)


def _add(repo: Repository, packer: Packer) -> None:
    content = os.urandom(1000)
    packer.add(BlobType.DATA, blob_id_of(content), [repo.key.seal(content)], 0)


def _indexed_packs(repo: Repository) -> set[str]:
    found = Index()
    for name, plaintext in repo.load_all_unpacked(FileKind.INDEX):
        found.load_file(name, plaintext)
    return {pack.hex() for pack in found.packs}


def _stored_packs(repo: Repository) -> set[str]:
    return {name for name, _ in repo.backend.list(FileKind.PACK)}


def test_the_upload_that_was_begun_is_finished_and_indexed_the_others_are_given_up(
    repo: Repository, backend: SlowBackend
) -> None:
    packer = Packer(repo, uploads=1)
    _add(repo, packer)
    assert backend.has_begun.wait(60)
    _add(repo, packer)  # waits in the queue
    packer.stop(REASON)
    backend.may_end.set()
    packer.index_what_was_begun()
    packer.close()
    assert len(backend.begun) == 1
    assert _indexed_packs(repo) == _stored_packs(repo) == set(backend.begun)


def test_whoever_waits_to_hand_over_a_pack_is_told(repo: Repository, backend: SlowBackend) -> None:
    packer = Packer(repo, uploads=1)
    _add(repo, packer)
    assert backend.has_begun.wait(60)
    _add(repo, packer)
    told: list[BaseException] = []

    def add_one_too_many() -> None:
        try:
            _add(repo, packer)
        except Interrupted as reason:
            told.append(reason)

    thread = threading.Thread(target=add_one_too_many)
    thread.start()
    packer.stop(REASON)
    thread.join(60)
    backend.may_end.set()
    packer.index_what_was_begun()
    packer.close()
    assert told == [REASON]


def test_a_limit_is_not_waited_for(repo: Repository, backend: SlowBackend) -> None:
    backend.may_end.set()
    limit = UploadLimit(1000 / FOREVER)
    packer = Packer(repo, uploads=1, limit=limit)
    _add(repo, packer)  # goes at once; the next one would wait for an hour
    assert backend.has_begun.wait(60)
    _add(repo, packer)
    packer.stop(REASON)
    packer.index_what_was_begun()
    packer.close()
    assert _indexed_packs(repo) == _stored_packs(repo) == set(backend.begun)
    assert len(backend.begun) == 1


def test_an_upload_that_hangs_is_given_up_and_never_indexed(
    repo: Repository, backend: SlowBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packers, "STOP_SECONDS", 0.05)
    others = set(threading.enumerate())
    packer = Packer(repo, uploads=1)
    _add(repo, packer)
    assert backend.has_begun.wait(60)
    packer.stop(REASON)
    packer.index_what_was_begun()
    packer.close()
    backend.may_end.set()
    for thread in set(threading.enumerate()) - others:
        thread.join(60)
    assert _stored_packs(repo) == set(backend.begun)
    assert _indexed_packs(repo) == set()
