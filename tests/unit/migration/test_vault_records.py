"""Restore points and journals are kept in the vault, and found there again by anybody who can open it."""

from datetime import UTC, datetime, timedelta

import pytest

from migration_ops.cluster import Capture, CapturedObject, LeftOut
from migration_ops.migration import Plan, RestorePointError
from migration_ops.migration.errors import GapError, MigrationError
from migration_ops.migration.journal import QUIESCE_BEGUN, Journal
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, VolumeRecord
from migration_ops.migration.stopping import choose_run
from migration_ops.migration.vault_records import (
    captured_objects,
    commit_restore_point,
    find_restore_points,
    find_volume_snapshot,
    get_restore_point,
    latest_restore_point,
    read_document,
    save_documents,
)
from migration_ops.migration.volumes import BackupTask
from migration_ops.vault import backup, init_repository, list_snapshots, open_repository
from migration_ops.vault.backend import FileKind

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"namespace": "shop", "name": "keys"},
    "data": {"password": "c2VjcmV0"},
}
PLAN = Plan.model_validate(
    {
        "apiVersion": "migration-ops/v1",
        "name": "shop",
        "source": {"conn_id": "a"},
        "vault": {"conn_id": "v"},
        "movers": {"image": "m"},
    }
)


@pytest.fixture
def repository(tmp_path):
    return init_repository(str(tmp_path / "vault"), "password")


def reopened(repository):
    """The vault as another process sees it."""
    return open_repository(repository.location, "password")


def point(name="p1", plan="shop", hours=0):
    return RestorePoint(
        id=name,
        plan=plan,
        kind="full",
        started=NOON + timedelta(hours=hours),
        finished=NOON + timedelta(hours=hours, minutes=1),
        cluster=SourceCluster(name="source", identity="uid", version="v1.20.2"),
        volumes=[VolumeRecord(namespace="shop", claim="data", snapshot_id="abc", bytes=5)],
        objects={"v1/Secret": 1},
    )


def capture(*manifests):
    return Capture(objects=[CapturedObject(manifest, "chosen") for manifest in manifests], claims=[])


def test_a_committed_point_is_found_with_its_objects(repository):
    commit_restore_point(repository, point(), capture(SECRET))
    found = latest_restore_point(reopened(repository), "shop")
    assert found.model_copy(update={"resources_snapshot": ""}) == point()
    assert captured_objects(reopened(repository), found) == [SECRET]
    (saved,) = list_snapshots(repository, tags=["content=resources"])
    assert f"began={NOON.isoformat()}" in saved.tags


def final(parent):
    return point("final").model_copy(update={"kind": "final", "parent": parent})


@pytest.mark.parametrize("unreadable", ["v1/Secret", "v1/Secret in shop", "v1"])
def test_a_last_point_isnt_committed_without_what_cant_be_read_for_a_moment(repository, unreadable):
    commit_restore_point(repository, point(), capture(SECRET))
    lacking = Capture([], claims=[], unreadable=[LeftOut(unreadable, "webhook: connection refused")])
    with pytest.raises(GapError, match="v1/Secret: webhook: connection refused") as raised:
        commit_restore_point(repository, final("p1"), lacking)
    assert raised.value.retryable
    assert latest_restore_point(repository, "shop").id == "p1"


@pytest.mark.parametrize(
    ("manifests", "unreadable"),
    [
        ([SECRET], [LeftOut("v1/Secret in other", "forbidden")]),
        ([], []),
        ([], [LeftOut("metrics.k8s.io/v1beta1", "503"), LeftOut("v1/Secrets", "x")]),
    ],
    ids=["all of it was read elsewhere", "it was deleted meanwhile", "others can't be read"],
)
def test_what_is_unreadable_and_was_never_held_is_no_reason_to_stop(repository, manifests, unreadable):
    commit_restore_point(repository, point(), capture(SECRET))
    found = Capture(capture(*manifests).objects, claims=[], unreadable=unreadable)
    assert commit_restore_point(repository, final("p1"), found)


def gadget(version):
    metadata = {"name": "one", "namespace": "shop"}
    return {"apiVersion": f"example.com/{version}", "kind": "Gadget", "metadata": metadata}


def test_what_was_read_in_another_version_is_there(repository):
    held = point().model_copy(update={"objects": {"example.com/v2/Gadget": 1}})
    commit_restore_point(repository, held, capture(gadget("v2")))
    unreadable = [LeftOut("example.com/v2/Gadget", "its webhook is away")]
    found = Capture(capture(gadget("v1")).objects, claims=[], unreadable=unreadable)
    assert commit_restore_point(repository, final("p1"), found)


def test_what_was_held_in_another_version_is_missed(repository):
    held = point().model_copy(update={"objects": {"example.com/v1/Gadget": 1}})
    commit_restore_point(repository, held, capture(gadget("v1")))
    lacking = Capture(
        [], claims=[], unreadable=[LeftOut("example.com/v2/Gadget in shop", "webhook: refused")]
    )
    with pytest.raises(GapError, match=r"example\.com/v1/Gadget: webhook: refused"):
        commit_restore_point(repository, final("p1"), lacking)


def test_a_point_before_that_was_forgotten_is_no_reason_to_stop(repository):
    lacking = Capture([], claims=[], unreadable=[LeftOut("v1/Secret", "forbidden")])
    assert commit_restore_point(repository, final("gone"), lacking)


def test_a_custom_resource_comes_in_a_version_that_the_target_serves(repository):
    old = {
        "apiVersion": "example.com/v1beta1",
        "kind": "Rocket",
        "metadata": {"namespace": "shop", "name": "r"},
    }
    new = {**old, "apiVersion": "example.com/v1"}
    commit_restore_point(repository, point(), Capture([CapturedObject(old, "chosen", (new,))], claims=[]))
    found = latest_restore_point(repository, "shop")
    assert captured_objects(repository, found) == [old]
    assert captured_objects(repository, found, {"example.com/v1/Rocket"}) == [new]


def test_points_are_listed_oldest_first_and_by_plan(repository):
    commit_restore_point(repository, point("p2", hours=2), capture())
    commit_restore_point(repository, point("p1", hours=1), capture())
    commit_restore_point(repository, point("other", plan="blog"), capture())
    assert [found.id for found in find_restore_points(repository, "shop")] == ["p1", "p2"]


def test_a_commit_that_was_repeated_counts_once(repository):
    commit_restore_point(repository, point(), capture())
    second = commit_restore_point(repository, point(), capture(SECRET))
    (found,) = find_restore_points(repository, "shop")
    assert found.resources_snapshot == second


def test_without_a_commit_there_is_no_point_though_its_volumes_are_there(repository, tmp_path):
    (tmp_path / "data").mkdir()
    task = BackupTask(namespace="shop", claim="data", point="p9", consistency="live")
    backup(repository, [tmp_path / "data"], tags=task.tags("shop"), hostname="source", as_root=True)
    assert latest_restore_point(repository, "shop") is None
    assert find_volume_snapshot(repository, "shop", "p9", "shop", "data") is not None
    assert find_volume_snapshot(repository, "shop", "p9", "shop", "other") is None
    with pytest.raises(RestorePointError, match="no restore point p9"):
        get_restore_point(repository, "shop", "p9")


def test_no_id_means_the_newest_point(repository):
    with pytest.raises(RestorePointError, match="no restore point of plan shop yet"):
        get_restore_point(repository, "shop", "")
    commit_restore_point(repository, point("p1", hours=1), capture())
    assert get_restore_point(repository, "shop", "").id == "p1"


def test_documents_come_back(repository):
    snapshot = save_documents(repository, {"a.json": [SECRET], "b.json": {"x": 1}}, ["plan=shop"], "source")
    assert read_document(reopened(repository), snapshot, "a.json") == [SECRET]
    assert read_document(reopened(repository), snapshot, "b.json") == {"x": 1}


def test_nothing_secret_lies_in_the_vault_unsealed(repository, tmp_path):
    commit_restore_point(repository, point(), capture(SECRET))
    files = [path for path in (tmp_path / "vault").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"c2VjcmV0" in path.read_bytes() or b"Secret" in path.read_bytes()]


def test_a_journal_tells_a_run_in_the_order_of_its_events(repository):
    journal = Journal(repository, "shop", "source")
    journal.write("run-1", QUIESCE_BEGUN, data={"workloads": [1]})
    journal.write("run-2", QUIESCE_BEGUN, data={"workloads": [2]})
    journal.write("run-1", "verified", began=NOON)
    again = Journal(reopened(repository), "shop", "source")
    assert [event.name for event in again.events("run-1")] == [QUIESCE_BEGUN, "verified"]
    assert again.last(QUIESCE_BEGUN).data == {"workloads": [2]}
    assert again.last(QUIESCE_BEGUN, "run-1").data == {"workloads": [1]}
    assert again.last("finished") is None
    assert Journal(repository, "blog", "source").events() == []


def test_a_journal_that_was_read_before_tells_also_what_another_process_wrote_since(repository):
    ours, others = (Journal(one, "shop", "eks") for one in (repository, reopened(repository)))
    ours.write("run-1", QUIESCE_BEGUN)
    ours.events()
    others.write("run-1", "resumed")
    assert [event.name for event in ours.events("run-1")] == [QUIESCE_BEGUN, "resumed"]


def test_a_word_in_the_journal_costs_the_same_however_much_the_vault_holds(repository, monkeypatch):
    journal = Journal(repository, "shop", "eks")
    read = []
    load = type(repository).load_unpacked

    def count(self, kind, name):
        read.append(kind)
        return load(self, kind, name)

    for number in range(6):
        journal.write(f"run-{number}", QUIESCE_BEGUN)
    monkeypatch.setattr(type(repository), "load_unpacked", count)
    journal.write("run-7", QUIESCE_BEGUN)
    assert FileKind.SNAPSHOT not in read


def test_rolling_back_takes_the_last_cutover_that_stopped_the_source(repository):
    journal = Journal(repository, "shop", "source")
    with pytest.raises(MigrationError, match="no run stopped the source"):
        choose_run(PLAN, journal, None)
    journal.write("run-1", QUIESCE_BEGUN)
    journal.write("run-2", QUIESCE_BEGUN)
    journal.write("run-2", "quiesced")
    assert choose_run(PLAN, journal, None).run == "run-2"
    assert choose_run(PLAN, journal, None).happened == [QUIESCE_BEGUN, "quiesced"]
    assert choose_run(PLAN, journal, "run-1").run == "run-1"
    with pytest.raises(MigrationError, match="run run-3 stopped"):
        choose_run(PLAN, journal, "run-3")


def test_a_mover_whose_words_were_lost_is_known_by_its_snapshot(repository, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"12345")
    task = BackupTask(namespace="shop", claim="data", point="p1", consistency="quiesced")
    made = backup(repository, [tmp_path / "data"], tags=task.tags("shop"), hostname="source", as_root=True)
    snapshot = find_volume_snapshot(repository, "shop", "p1", "shop", "data")
    record = task.record({**snapshot.summary, "snapshot_id": snapshot.id})
    assert (record.snapshot_id, record.bytes, record.files) == (made.snapshot_id, 5, 1)
