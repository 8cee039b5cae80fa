"""Forgetting keeps what restic keeps, and never everything by mistake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migration_ops.vault.clock import NANOSECONDS, as_datetime, now
from migration_ops.vault.duration import Duration, parse_duration
from migration_ops.vault.errors import UsageError
from migration_ops.vault.repository import Repository, init_repository
from migration_ops.vault.retention import Policy, apply_policy, forget
from migration_ops.vault.snapshot import Snapshot, list_snapshots, store_snapshot

PASSWORD = "a password of the tests"
DAY = 86400 * NANOSECONDS


def _snapshot(
    days_ago: float, *, name: str = "", tags: Sequence[str] = (), paths: Sequence[str] = ("/data",)
) -> Snapshot:
    moment = now() - int(days_ago * DAY)
    return Snapshot(name, moment, "00" * 32, tuple(paths), hostname="source", tags=tuple(tags))


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A repository without snapshots."""
    return init_repository(str(tmp_path / "repository"), PASSWORD)


def _kept(snapshots: Sequence[Snapshot], policy: Policy) -> list[str]:
    return sorted(snapshot.id for snapshot in apply_policy(snapshots, policy)[0])


def test_a_window_keeps_all_snapshots_if_all_lie_in_the_future() -> None:
    snapshots = [_snapshot(-400, name="a"), _snapshot(-30, name="b")]
    assert _kept(snapshots, Policy(within="1d")) == ["a", "b"]


def test_a_window_is_counted_from_the_newest_that_is_not_in_the_future() -> None:
    snapshots = [_snapshot(-30, name="future"), _snapshot(10, name="newest"), _snapshot(12, name="old")]
    assert _kept(snapshots, Policy(within="1d")) == ["future", "newest"]


@pytest.mark.parametrize("days", [-3_000_000, 800_000])
def test_snapshots_of_times_that_no_calendar_has_are_kept_and_removed_like_others(days: int) -> None:
    odd = Snapshot("odd", now() - days * DAY, "00" * 32, ("/data",), utc_offset=14 * 3600)
    assert as_datetime(odd.time).tzinfo is UTC
    assert _kept([odd], Policy(daily=1)) == ["odd"]


@pytest.mark.parametrize("text", ["x", "5", "d", "5d5", "5x", "-5d", "5d 3h", "9" * 30 + "d"])
def test_what_is_no_duration_is_refused_before_the_repository_is_looked_at(
    text: str, repo: Repository
) -> None:
    repo.backend.close()
    with pytest.raises(UsageError, match=r"--keep-within: .* is no duration; write it like 2y5m7d3h"):
        forget(repo, policy=Policy(within=text))


@pytest.mark.parametrize("text", ["9999y", "99999999999999y", "999999999d", "999999999999d", "999999999999h"])
def test_a_duration_that_reaches_back_too_far_is_refused(text: str, repo: Repository) -> None:
    with pytest.raises(UsageError, match="reaches back beyond the year 1"):
        forget(repo, policy=Policy(within=text))


def test_durations_are_read_as_restic_reads_them() -> None:
    assert parse_duration(" 2y5m7d3h ") == Duration(2, 5, 7, 3)
    assert parse_duration("3h2d") == Duration(days=2, hours=3)
    assert parse_duration("5d7d") == Duration(days=7)
    assert parse_duration("").is_zero
    assert Duration(months=1).before(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize("policy", [Policy(), Policy(within="0d"), Policy(within="0y0m0d0h")])
def test_without_a_policy_nothing_is_removed_and_that_is_said(repo: Repository, policy: Policy) -> None:
    store_snapshot(repo, _snapshot(1))
    with pytest.raises(UsageError, match="no policy was given, so nothing was removed"):
        forget(repo, policy=policy)
    with pytest.raises(UsageError, match="would remove everything: choose with --tag"):
        forget(repo, policy=policy, allow_remove_all=True)
    assert len(list_snapshots(repo)) == 1


def test_a_policy_that_keeps_nothing_of_one_group_removes_nothing_of_any(repo: Repository) -> None:
    store_snapshot(repo, _snapshot(1, tags=["keep"]))
    store_snapshot(repo, _snapshot(2))
    store_snapshot(repo, _snapshot(3, paths=["/other"]))
    with pytest.raises(UsageError, match="keeps none of the 1 snapshots of host 'source', /other; nothing"):
        forget(repo, policy=Policy(tags=(("keep",),)))
    with pytest.raises(UsageError, match="nothing was removed"):
        forget(repo, policy=Policy(tags=(("nope",),)), allow_remove_all=True)
    assert len(list_snapshots(repo)) == 3


def test_what_is_chosen_is_removed_as_a_whole_if_that_is_allowed(repo: Repository) -> None:
    stays = store_snapshot(repo, _snapshot(1))
    store_snapshot(repo, _snapshot(2, tags=["old"]))
    assert len(forget(repo, tags=[["old"]], allow_remove_all=True).removed) == 1
    assert [snapshot.id for snapshot in list_snapshots(repo)] == [stays]


def test_an_empty_tag_stands_for_a_snapshot_without_tags(repo: Repository) -> None:
    untagged = store_snapshot(repo, _snapshot(1))
    tagged = store_snapshot(repo, _snapshot(1, tags=["x"]))
    assert [snapshot.id for snapshot in list_snapshots(repo, any_tags=[[""]])] == [untagged]
    summary = forget(repo, policy=Policy(tags=(("",),)))
    assert [snapshot.id for snapshot in summary.kept] == [untagged]
    assert [snapshot.id for snapshot in summary.removed] == [tagged]


def test_lists_of_tags_are_alternatives_of_which_each_wants_all(repo: Repository) -> None:
    both = store_snapshot(repo, _snapshot(3, tags=["x", "y"]))
    one = store_snapshot(repo, _snapshot(2, tags=["x"]))
    store_snapshot(repo, _snapshot(1, tags=["y"]))

    def found(*lists: list[str]) -> list[str]:
        return [snapshot.id for snapshot in list_snapshots(repo, any_tags=lists)]

    assert found(["x", "y"]) == [both]
    assert found(["x", "y"], ["x"]) == [both, one]
    assert len(found()) == 3


def test_times_are_counted_in_the_zone_in_which_they_were_written() -> None:
    late = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    times = [int((late + timedelta(hours=each)).timestamp()) * NANOSECONDS for each in (0, 1)]
    for offset, kept in ((0, ["0", "1"]), (8 * 3600, ["1"])):
        snapshots = [
            Snapshot(str(number), moment, "00" * 32, ("/data",), utc_offset=offset)
            for number, moment in enumerate([times[0], times[1]])
        ]
        # The oldest is kept in any case while the policy has count left.
        assert _kept(snapshots, Policy(monthly=1 if kept == ["1"] else 2)) == kept
