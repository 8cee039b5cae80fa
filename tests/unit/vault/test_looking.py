"""What ls, diff and stats tell of snapshots: the same as restic does."""

from __future__ import annotations

import gc
import json
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from migration_ops.vault.backup import backup
from migration_ops.vault.browse import mode_text
from migration_ops.vault.cli import vault
from migration_ops.vault.cli_browse import diff_text, stats_text
from migration_ops.vault.diff import compare
from migration_ops.vault.node import go_mode
from migration_ops.vault.repository import Repository, init_repository
from migration_ops.vault.snapshot import Snapshot, store_snapshot
from migration_ops.vault.stats import count

PASSWORD = "a password of the tests"
Call = Callable[..., Result]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A repository without snapshots."""
    return init_repository(str(tmp_path / "repository"), PASSWORD)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with two files of equal content and one link."""
    folder = tmp_path / "source"
    (folder / "same").mkdir(parents=True)
    (folder / "same/kept").write_bytes(b"kept" * 100)
    (folder / "same/twin").write_bytes(b"kept" * 100)
    (folder / "changed").write_bytes(b"before")
    (folder / "link").symlink_to("changed")
    return folder


@pytest.fixture
def call(repo: Repository) -> Iterator[Call]:
    """The command line; it tunes its process, which here is that of the tests."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()

    def run(*arguments: str) -> Result:
        environment = {"RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": repo.location, "RESTIC_CACERT": None}
        return CliRunner().invoke(vault, list(arguments), env=environment, catch_exceptions=False)

    yield run
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    sys.setswitchinterval(interval)


@pytest.fixture
def changes(repo: Repository) -> Callable[..., tuple[dict[str, str], dict[str, Any]]]:
    """Compares two snapshots: letters by path, and the statistics."""

    def look(first: str, second: str) -> tuple[dict[str, str], dict[str, Any]]:
        seen: dict[str, str] = {}
        statistics = compare(repo, first, second, lambda path, letters: seen.update({path.decode(): letters}))
        return seen, statistics

    return look


def _backup(repo: Repository, folder: Path) -> str:
    return backup(repo, [folder], as_root=True, force=True).snapshot_id


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (stat.S_IFREG | 0o644, "-rw-r--r--"),
        (stat.S_IFREG | 0o4755, "urwxr-xr-x"),
        (stat.S_IFDIR | 0o1777, "dtrwxrwxrwx"),
        (stat.S_IFLNK | 0o777, "Lrwxrwxrwx"),
        (stat.S_IFCHR | 0o600, "Dcrw-------"),
        (stat.S_IFIFO | 0o640, "prw-r-----"),
    ],
)
def test_modes_are_written_as_restic_writes_them(mode: int, text: str) -> None:
    assert mode_text(go_mode(mode)) == text


def test_ls_gives_files_a_size_and_folders_none(repo: Repository, source: Path, call: Call) -> None:
    (source / "changed").chmod(0o640)
    _backup(repo, source)
    nodes = {
        node["path"]: node
        for node in map(json.loads, call("ls", "latest", "--json").output.splitlines())
        if node["message_type"] == "node"
    }
    assert nodes["/changed"]["permissions"] == "-rw-r-----"
    assert nodes["/changed"]["size"] == 6
    assert "size" not in nodes["/same"]
    assert nodes["/same"]["permissions"].startswith("d")


def test_a_copied_file_adds_no_blobs(repo: Repository, source: Path, changes: Any) -> None:
    first = _backup(repo, source)
    (source / "copy").write_bytes(b"kept" * 100)
    (source / "new").write_bytes(b"n" * 7)
    seen, statistics = changes(first, _backup(repo, source))
    assert seen == {"/copy": "+", "/new": "+"}
    added = statistics["added"]
    assert (added["files"], added["data_blobs"], added["tree_blobs"]) == (2, 1, 1)
    assert statistics["removed"]["data_blobs"] == 0


def test_what_lies_below_a_folder_that_became_a_file_is_not_counted(
    repo: Repository, source: Path, changes: Any
) -> None:
    first = _backup(repo, source)
    shutil.rmtree(source / "same")
    (source / "same").write_bytes(b"a file now")
    seen, statistics = changes(first, _backup(repo, source))
    assert seen == {"/same": "T"}
    for side in ("added", "removed"):
        assert [statistics[side][name] for name in ("files", "dirs", "others")] == [0, 0, 0]
    assert statistics["removed"]["data_blobs"] == 0
    assert statistics["removed"]["tree_blobs"] == 2
    assert statistics["added"]["data_blobs"] == 1


def test_content_that_changed_under_an_untouched_file_is_marked(
    repo: Repository, source: Path, changes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _backup(repo, source)
    (source / "changed").write_bytes(b"after!")
    assert changes(first, _backup(repo, source))[0] == {"/changed": "M"}
    monkeypatch.setattr("migration_ops.vault.diff._looks_untouched", lambda _left, _right: True)
    assert changes(first, "latest")[0] == {"/changed": "M?"}


def test_bytes_of_a_difference_are_those_of_the_content(repo: Repository, source: Path, changes: Any) -> None:
    (source / "only").mkdir()
    first = _backup(repo, source)
    (source / "only/zeros").write_bytes(b"0" * 100_000)
    added = changes(first, _backup(repo, source))[1]["added"]
    assert 100_000 < added["bytes"] < 110_000


def test_equal_snapshots_differ_in_nothing(repo: Repository, source: Path, changes: Any) -> None:
    first = _backup(repo, source)
    seen, statistics = changes(first, first)
    assert seen == {}
    assert set(statistics["added"].values()) == {0}
    assert set(statistics["removed"].values()) == {0}


def test_equal_files_count_once_by_content(repo: Repository, source: Path) -> None:
    _backup(repo, source)
    restored = count(repo, [], "restore-size")
    assert (restored["total_file_count"], restored["total_size"]) == (5, 806)
    # As for restic, everything without content is one more file of that kind.
    by_content = count(repo, [], "files-by-contents")
    assert (by_content["total_file_count"], by_content["total_size"]) == (3, 406)
    by_blob = count(repo, [], "blobs-per-file")
    assert [by_blob[f"total_{name}"] for name in ("file_count", "blob_count", "size")] == [2, 2, 406]
    stored = count(repo, [], "raw-data")
    assert stored["total_blob_count"] == 4
    assert 0 < stored["compression_progress"] <= 100


def test_people_get_lines(repo: Repository, source: Path, call: Call) -> None:
    first = _backup(repo, source)
    (source / "new").write_bytes(b"x" * 2000)
    second = _backup(repo, source)
    told = call("diff", first, second).output
    assert told.startswith("+    /new\n")
    assert "Files:           1 new,     0 removed,     0 changed\n" in told
    assert "Tree Blobs:      1 new,     1 removed\n" in told
    assert "{" not in told
    assert "     Snapshots processed:  2\n" in call("stats").output
    assert "Total Size:  " in call("stats", "--mode", "raw-data").output
    assert "0 B" in stats_text({"total_size": 0}, "restore-size")
    assert "Added:   0 B" in diff_text(compare(repo, first, first, lambda *_: None))


def test_the_last_snapshots_are_those_of_each_host_and_path(repo: Repository, call: Call) -> None:
    for number, path in enumerate(["/a", "/a", "/b", "/b"]):
        store_snapshot(repo, Snapshot("", number * 10**9, "00" * 32, (path,), hostname="source"))
    found = json.loads(call("snapshots", "--latest", "1", "--json").output)
    assert [snapshot["paths"] for snapshot in found] == [["/a"], ["/b"]]


def test_paths_of_filters_may_be_relative(
    repo: Repository, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store_snapshot(repo, Snapshot("", 10**9, "00" * 32, (str(tmp_path / "data"),)))
    assert len(json.loads(call("snapshots", "--path", "data", "--json").output)) == 1
    assert json.loads(call("snapshots", "--path", "other", "--json").output) == []


def test_a_snapshot_of_the_last_day_of_the_calendar_is_listed(repo: Repository, call: Call) -> None:
    store_snapshot(repo, Snapshot("", 253402300799 * 10**9, "00" * 32, ("/a",)))
    told = call("snapshots")
    assert told.exit_code == 0
    assert "1 snapshots" in told.output


def test_sockets_that_are_left_out_are_told(
    source: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)  # a socket's address is shorter than most paths
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    told = call("backup", str(source), "--as-root")
    assert told.exit_code == 0
    assert "warning: 1 sockets were left out" in told.stderr
    assert json.loads(call("backup", str(source), "--json").output.splitlines()[-1])["sockets_skipped"] == 1


def test_a_snapshot_of_the_future_is_warned_of(source: Path, call: Call) -> None:
    assert "lies in the future" in call("backup", str(source), "--time", "9999-12-30").stderr
    assert "lies in the future" not in call("backup", str(source), "--time", "2020-01-01").stderr
