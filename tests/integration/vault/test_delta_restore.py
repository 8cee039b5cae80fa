"""Restoring the difference between two snapshots into a folder that holds the first."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migration_ops.vault.backup import backup
from migration_ops.vault.errors import Interrupted
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore import restore
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.verifier import verify

Describe = Callable[..., dict[str, tuple[object, ...]]]
Mutate = Callable[[Path], None]


@pytest.fixture
def two(repo: Repository, volume: Path, mutate: Mutate) -> tuple[str, str]:
    """Two snapshots of a volume, with a day of work in between."""
    first = backup(repo, [volume], as_root=True).snapshot_id
    mutate(volume)
    return first, backup(repo, [volume], as_root=True).snapshot_id


def test_the_difference_makes_the_base_the_snapshot(
    repo: Repository, volume: Path, tmp_path: Path, two: tuple[str, str], describe: Describe
) -> None:
    target = tmp_path / "target"
    restore(repo, two[0], target)
    summary = restore(repo, two[1], target, base=two[0])
    assert summary.errors == ()
    assert summary.base_trusted
    assert describe(target) == describe(volume)
    assert verify(repo, two[1], target).differences == 0


def test_the_way_back_works_too(repo: Repository, tmp_path: Path, two: tuple[str, str]) -> None:
    target = tmp_path / "target"
    restore(repo, two[1], target)
    assert restore(repo, two[0], target, base=two[1]).base_trusted
    assert verify(repo, two[0], target).differences == 0


def test_only_changed_blobs_are_fetched(repo: Repository, volume: Path, tmp_path: Path) -> None:
    first = backup(repo, [volume], as_root=True)
    with (volume / "large.bin").open("r+b") as file:
        file.seek(2_000_000)
        file.write(b"changed")
    second = backup(repo, [volume], as_root=True)
    target = tmp_path / "target"
    restore(repo, first.snapshot_id, target)
    summary = restore(repo, second.snapshot_id, target, base=first.snapshot_id)
    assert summary.bytes_fetched <= second.data_added_packed
    assert (target / "large.bin").read_bytes() == (volume / "large.bin").read_bytes()


def test_a_changed_file_keeps_its_inode_when_it_stands_alone(
    repo: Repository, volume: Path, tmp_path: Path
) -> None:
    first = backup(repo, [volume], as_root=True).snapshot_id
    with (volume / "text.log").open("ab") as file:
        file.write(b"more")
    second = backup(repo, [volume], as_root=True).snapshot_id
    target = tmp_path / "target"
    restore(repo, first, target)
    inode = (target / "text.log").stat().st_ino
    restore(repo, second, target, base=first)
    assert (target / "text.log").stat().st_ino == inode


def test_equal_subtrees_are_not_listed(
    repo: Repository, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        (volume / f"unchanged {number}").mkdir()
        (volume / f"unchanged {number}/file").write_text("x")
    first = backup(repo, [volume], as_root=True).snapshot_id
    (volume / "folder/sub/deep/leaf").write_text("changed")
    second = backup(repo, [volume], as_root=True).snapshot_id
    target = tmp_path / "target"
    restore(repo, first, target)
    listed: list[Any] = []
    real = os.listdir

    def noting(*place: Any) -> Any:
        listed.append(place)
        return real(*place)

    monkeypatch.setattr(os, "listdir", noting)
    summary = restore(repo, second, target, base=first)
    assert listed == []
    assert summary.subtrees_skipped >= 50


def test_a_folder_that_holds_something_else_is_found_out_and_compared(
    repo: Repository, volume: Path, tmp_path: Path, two: tuple[str, str], describe: Describe
) -> None:
    target = tmp_path / "target"
    restore(repo, two[0], target)
    for path in (target / "small.txt", target / "large.bin", target / "text.log"):
        with path.open("r+b") as file:
            file.write(b"drifted")
    (target / "folder/sub/deep/leaf").unlink()
    said: list[dict[str, Any]] = []
    summary = restore(repo, two[1], target, base=two[0], progress=said.append)
    assert not summary.base_trusted
    assert any("does not hold the base" in message.get("message", "") for message in said)
    assert describe(target) == describe(volume)


def test_an_interrupted_restore_is_finished_by_the_same_call(
    repo: Repository, volume: Path, tmp_path: Path, two: tuple[str, str], describe: Describe
) -> None:
    target = tmp_path / "target"
    restore(repo, two[0], target)
    for calls in (3, 8, 15, 25):
        stop = _StopAfter(calls)
        with pytest.raises(Interrupted):
            restore(repo, two[1], target, base=two[0], stop=stop)
    summary = restore(repo, two[1], target, base=two[0])
    assert summary.errors == ()
    assert describe(target) == describe(volume)
    assert not (target / ".migration-ops-restore").exists()


class _StopAfter(StopRequest):
    def __init__(self, calls: int) -> None:
        super().__init__()
        self._left = calls

    @property
    def asked(self) -> bool:
        self._left -= 1
        return self._left < 0


def test_after_an_interruption_another_snapshot_still_comes_out_right(
    repo: Repository, volume: Path, tmp_path: Path, two: tuple[str, str], describe: Describe
) -> None:
    target = tmp_path / "target"
    restore(repo, two[0], target)
    with pytest.raises(Interrupted):
        restore(repo, two[1], target, base=two[0], stop=_StopAfter(15))
    (volume / "new file").write_bytes(b"third")
    third = backup(repo, [volume], as_root=True).snapshot_id
    summary = restore(repo, third, target, base=two[0])
    assert not summary.base_trusted
    assert describe(target) == describe(volume)


def test_delete_removes_what_the_snapshot_lacks(
    repo: Repository, volume: Path, tmp_path: Path, describe: Describe
) -> None:
    snapshot = backup(repo, [volume], as_root=True).snapshot_id
    target = tmp_path / "target"
    (target / "extra/deep").mkdir(parents=True)
    (target / "extra/deep/file").write_text("x")
    (target / "folder").mkdir()
    (target / "folder/extra").symlink_to("/etc")
    restore(repo, snapshot, target, delete=True)
    assert describe(target) == describe(volume)
    assert Path("/etc/passwd").exists()


def test_without_delete_extras_stay(repo: Repository, volume: Path, tmp_path: Path) -> None:
    snapshot = backup(repo, [volume], as_root=True).snapshot_id
    target = tmp_path / "target"
    target.mkdir()
    (target / "extra").write_text("stays")
    restore(repo, snapshot, target)
    assert (target / "extra").read_text() == "stays"


def test_restoring_over_an_identical_folder_fetches_nothing(
    repo: Repository, volume: Path, tmp_path: Path
) -> None:
    for name in ("folder/hard link of large", "folder/sub/hard link of small"):
        (volume / name).unlink()
    snapshot = backup(repo, [volume], as_root=True).snapshot_id
    restore(repo, snapshot, tmp_path / "target")
    again = restore(repo, snapshot, tmp_path / "target")
    assert again.bytes_fetched == 0
    assert again.bytes_skipped > 6_000_000


def test_a_dry_run_changes_nothing(
    repo: Repository, tmp_path: Path, two: tuple[str, str], describe: Describe
) -> None:
    target = tmp_path / "target"
    restore(repo, two[0], target)
    before = describe(target)
    summary = restore(repo, two[1], target, base=two[0], dry_run=True, delete=True)
    assert summary.dry_run
    assert describe(target) == before


def test_includes_and_excludes_choose(repo: Repository, volume: Path, tmp_path: Path) -> None:
    snapshot = backup(repo, [volume], as_root=True).snapshot_id
    restore(repo, snapshot, tmp_path / "one", includes=["/folder/sub"], excludes=["*hard*"])
    assert (tmp_path / "one/folder/sub/deep/leaf").exists()
    assert sorted(os.listdir(tmp_path / "one")) == ["folder"]
    assert not (tmp_path / "one/folder/sub/hard link of small").exists()


def test_a_random_history_of_changes_is_followed_by_deltas(
    repo: Repository, tmp_path: Path, describe: Describe
) -> None:
    rng = random.Random(5)
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    names = [f"{a}/{b}" for a in "abc" for b in "xyz"]
    base = backup(repo, [source], as_root=True).snapshot_id
    restore(repo, base, target)
    for _ in range(25):
        for _ in range(rng.randrange(1, 6)):
            _change_something(rng, source, names)
        snapshot = backup(repo, [source], as_root=True).snapshot_id
        summary = restore(repo, snapshot, target, base=base)
        assert summary.base_trusted
        assert summary.errors == ()
        assert describe(target) == describe(source)
        base = snapshot


def _change_something(rng: random.Random, root: Path, names: list[str]) -> None:
    path = root / rng.choice(names)
    other = root / rng.choice(names)
    path.parent.mkdir(exist_ok=True)
    other.parent.mkdir(exist_ok=True)
    action = rng.randrange(7)
    if action == 0 or not os.path.lexists(path):
        if path.is_dir() and not path.is_symlink():
            return
        path.unlink(missing_ok=True)
        path.write_bytes(rng.randbytes(rng.choice([0, 10, 5000, 600_000])))
    elif action == 1 and path.is_file() and not path.is_symlink():
        with path.open("r+b") as file:
            file.seek(rng.randrange(1 + path.stat().st_size))
            file.write(rng.randbytes(100))
    elif action == 2 and not path.is_dir():
        path.unlink()
    elif action == 3 and path.is_file() and not os.path.lexists(other):
        os.link(path, other, follow_symlinks=False)
    elif action == 4 and not path.is_dir():
        path.unlink()
        path.symlink_to(rng.choice(["target", "../a", "/etc/passwd"]))
    elif action == 5 and not path.is_symlink():
        os.chmod(path, rng.choice([0o600, 0o644, 0o755, 0o4755]))
    elif action == 6 and path.is_file() and not path.is_symlink():
        os.truncate(path, rng.randrange(1 + 2 * path.stat().st_size))
