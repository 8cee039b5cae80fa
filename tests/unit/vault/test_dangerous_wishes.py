"""What a slip of the hand asks for: an empty password, everything below / deleted, a base that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_ops.vault import backup, init_repository, open_repository, restore
from migration_ops.vault.errors import UsageError
from migration_ops.vault.keys import add_key


def test_an_empty_password_protects_nothing_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="password is empty"):
        init_repository(str(tmp_path / "repo"), "")
    assert not (tmp_path / "repo").exists()
    repo = init_repository(str(tmp_path / "repo"), "password")
    with pytest.raises(UsageError, match="password is empty"):
        add_key(repo.backend, repo.key, "")
    assert len(list((tmp_path / "repo/keys").iterdir())) == 1


def test_nothing_is_deleted_below_the_machines_root_unless_it_is_said_what(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    repo = init_repository(str(tmp_path / "repo"), "password")
    snapshot = backup(repo, [tmp_path / "source"], as_root=True).snapshot_id
    with pytest.raises(UsageError, match="--include"):
        restore(repo, snapshot, "/", delete=True, dry_run=True)


def test_an_entry_of_another_type_shows_that_a_folder_does_not_hold_the_base(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "link").symlink_to("elsewhere")
    (source / "file").write_text("one")
    init_repository(str(tmp_path / "repo"), "password")
    repo = open_repository(str(tmp_path / "repo"), "password")
    first = backup(repo, [source], as_root=True).snapshot_id
    restore(repo, first, target)
    (source / "file").write_text("another")
    second = backup(repo, [source], as_root=True).snapshot_id
    (target / "link").unlink()
    (target / "link").write_text("a file now")

    summary = restore(repo, second, target, base=first, delete=True)

    assert summary.base_trusted is False
    assert (target / "link").is_symlink()
    assert (target / "file").read_text() == "another"
