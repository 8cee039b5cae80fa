"""Old restore points go as a whole, and never while a cutover may need them."""

from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.cluster import Capture
from migration_ops.migration import Plan, retention
from migration_ops.migration.journal import QUIESCE_BEGUN, Journal
from migration_ops.migration.plan_sections import Retention
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, snapshot_tags
from migration_ops.migration.retention import (
    STOPS_AND_ENDS,
    CutoverUnderWayError,
    forget_points,
    open_cutover,
    policy_of,
)
from migration_ops.migration.vault_records import commit_restore_point, find_restore_points
from migration_ops.vault import backup, init_repository, list_snapshots


@pytest.fixture
def repository(tmp_path):
    return init_repository(str(tmp_path / "vault"), "password")


@pytest.fixture
def journal(repository):
    return Journal(repository, "shop", "source")


def plan(**retention):
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "vault": {"conn_id": "v"},
            "movers": {"image": "m"},
            "retention": retention,
        }
    )


def volume(repository, tmp_path, point, plan_name="shop"):
    (tmp_path / "data").mkdir(exist_ok=True)
    tags = snapshot_tags(plan_name, point, "volume", "shop", "data")
    return backup(repository, [tmp_path / "data"], tags=tags, hostname="s", as_root=True).snapshot_id


def committed(repository, tmp_path, point, plan_name="shop", *, partial=False):
    volume(repository, tmp_path, point, plan_name)
    now = datetime.now(UTC)
    record = RestorePoint(
        id=point,
        plan=plan_name,
        kind="full",
        started=now,
        finished=now,
        cluster=SourceCluster(name="s", identity="u", version="v1.20.2"),
        partial=partial,
    )
    commit_restore_point(repository, record, Capture(objects=[], claims=[]))


def test_the_policy_decides_over_points_and_takes_their_volumes_along(repository, tmp_path):
    for number in range(4):
        committed(repository, tmp_path, f"p{number}")
    committed(repository, tmp_path, "other", "blog")
    result = forget_points(plan(keep_last=2), repository, [])
    assert (result.kept, result.points) == (["p3", "p2"], ["p0", "p1"])
    assert [point.id for point in find_restore_points(repository, "shop")] == ["p2", "p3"]
    left = list_snapshots(repository, tags=["content=volume"])
    assert len(left) == 3
    assert [point.id for point in find_restore_points(repository, "blog")] == ["other"]


def test_points_of_some_namespaces_push_no_whole_one_out(repository, tmp_path):
    for number in range(2):
        committed(repository, tmp_path, f"whole{number}")
    for number in range(4):
        committed(repository, tmp_path, f"part{number}", partial=True)
    result = forget_points(plan(keep_last=2), repository, [])
    assert result.kept == ["part3", "part2", "whole1", "whole0"]
    assert result.points == ["part0", "part1"]


def test_the_newest_whole_point_stays_whatever_the_policy_says(repository, tmp_path, monkeypatch):
    for number in range(2):
        committed(repository, tmp_path, f"whole{number}")
    committed(repository, tmp_path, "part", partial=True)
    monkeypatch.setattr(retention, "apply_policy", lambda snapshots, _policy: ([], snapshots, []))
    assert forget_points(plan(), repository, []).kept == ["whole1"]


def test_nothing_to_forget_is_nothing_done(repository, tmp_path):
    committed(repository, tmp_path, "p0")
    result = forget_points(plan(keep_last=3), repository, [])
    assert (result.kept, result.points, result.leftovers) == (["p0"], [], 0)


def test_volumes_of_a_run_that_never_committed_go_when_nobody_will_retry_it(repository, tmp_path):
    committed(repository, tmp_path, "p0")
    volume(repository, tmp_path, "lost")
    assert forget_points(plan(), repository, []).leftovers == 0
    later = datetime.now(UTC) + timedelta(days=3)
    assert forget_points(plan(), repository, [], now=later).leftovers == 1
    assert len(list_snapshots(repository, tags=["content=volume"])) == 1


def test_while_a_cutover_is_under_way_nothing_is_forgotten(repository, journal, tmp_path):
    for number in range(3):
        committed(repository, tmp_path, f"p{number}")
    journal.write("run-1", QUIESCE_BEGUN)
    with pytest.raises(CutoverUnderWayError, match="run-1"):
        forget_points(plan(keep_last=1), repository, journal.events())
    journal.write("run-1", "finished")
    assert forget_points(plan(keep_last=1), repository, journal.events()).points == ["p0", "p1"]


@pytest.mark.parametrize("end", ["finished", "rolled-back", "resumed"])
def test_a_cutover_is_over_by_whatever_ended_it(journal, end):
    assert open_cutover([]) is None
    journal.write("run-1", QUIESCE_BEGUN)
    assert open_cutover(journal.events()) == "run-1"
    journal.write("another-run", end)
    assert open_cutover(journal.events()) is None


def test_only_events_of_the_names_that_matter_are_read(journal):
    for name in ("prepared", QUIESCE_BEGUN, "restored", "finished"):
        journal.write("run-1", name)
    assert [one.name for one in journal.events(names=STOPS_AND_ENDS)] == [QUIESCE_BEGUN, "finished"]
    assert len(journal.events()) == 4


def test_journals_outlive_their_points(repository, journal, tmp_path):
    for number in range(2):
        committed(repository, tmp_path, f"p{number}")
    journal.write("run-1", "finished")
    forget_points(plan(keep_last=1), repository, journal.events())
    assert [event.name for event in journal.events()] == ["finished"]


def test_a_duration_to_keep_is_never_rounded_down():
    assert policy_of(Retention.model_validate({"keep_within": "36h"})).within == "1d12h"
    assert policy_of(Retention.model_validate({"keep_within": "90m"})).within == "0d2h"
    assert policy_of(Retention()).within == ""
