"""What a backup has before it is looked up with bounded effort, for its progress."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from migration_ops.vault.backup import _expected, _status
from migration_ops.vault.backup_counts import BackupCounts
from migration_ops.vault.clock import now
from migration_ops.vault.expectation import Expectation, look_up
from migration_ops.vault.snapshot import Snapshot


def test_the_sizes_of_regular_files_are_summed_up_and_nothing_is_followed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "a").write_bytes(b"x" * 1000)
    (tree / "folder" / "b").write_bytes(b"x" * 10)
    (tmp_path / "outside").write_bytes(b"x" * 5000)
    (tree / "link").symlink_to(tmp_path / "outside")
    (tree / "folder" / "up").symlink_to(tmp_path)
    os.mkfifo(tree / "pipe")
    assert look_up([tree]) == Expectation(1010, 2)
    assert look_up([tree / "a", tree / "folder", tree / "gone"]) == Expectation(1010, 2)


def test_what_takes_too_long_to_look_up_is_not_known(tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / str(number)).write_bytes(b"x")
    assert look_up([tmp_path]) == Expectation(600, 600)
    assert look_up([tmp_path], patience_seconds=-1.0) == Expectation()


def test_progress_is_a_part_of_what_is_expected_and_never_more_than_all_of_it() -> None:
    counts = BackupCounts()
    counts.bytes_read = 250
    part = _status(counts, Expectation(1000, 4), now() - 10**10)
    assert (part["percent_done"], part["bytes_done"], part["total_bytes"]) == (0.25, 250, 1000)
    assert part["seconds_remaining"] == 30
    counts.bytes_read = 1250
    grown = _status(counts, Expectation(1000, 4), now() - 10**10)
    assert (grown["percent_done"], grown["total_bytes"], grown["seconds_remaining"]) == (0.0, 1250, 0)
    counts.bytes_read = 1000
    assert _status(counts, Expectation(1000, 4), now() - 10**10)["percent_done"] == 1.0


def test_a_volume_that_has_grown_since_its_parent_is_looked_at_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3000)
    summary = {"total_bytes_processed": 500, "total_files_processed": 9}
    parent = cast("Snapshot", SimpleNamespace(summary=summary))
    assert _expected(parent, [tmp_path], []) == Expectation(3000, 1)
    assert _expected(parent, [tmp_path], ["*.log"]) == Expectation(500, 9)


def test_without_an_expectation_nothing_is_said_to_be_nearly_done() -> None:
    counts = BackupCounts()
    counts.bytes_read = 250
    unknown = _status(counts, Expectation(), now() - 10**10)
    assert (unknown["percent_done"], unknown["bytes_done"], unknown["seconds_remaining"]) == (0.0, 250, 0)
