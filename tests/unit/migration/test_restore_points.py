"""A restore point's record, its tags, and the tasks that volumes become."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from migration_ops.cluster import Claim
from migration_ops.migration import MigrationError, Plan, RestorePointError
from migration_ops.migration.restore_point import (
    RestorePoint,
    SourceCluster,
    VolumeRecord,
    point_id,
    point_kind,
    snapshot_tags,
    tag_values,
)
from migration_ops.migration.volumes import BackupTask, backup_tasks, restore_tasks

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def claim(name="data", modes=("ReadWriteOnce",), node="node-1", mode="Filesystem"):
    return Claim(
        namespace="shop",
        name=name,
        storage_class="gp2",
        capacity="1Gi",
        access_modes=modes,
        volume_mode=mode,
        volume_name="pv",
        mounted_by=(),
        node=node,
    )


def point(*claims, kind="full"):
    return RestorePoint(
        id="20261122T120000Z-full-abc",
        plan="shop",
        kind=kind,
        started=NOON,
        finished=NOON + timedelta(minutes=1),
        cluster=SourceCluster(name="source", identity="uid", version="v1.20.2"),
        volumes=[
            VolumeRecord(namespace="shop", claim=name, snapshot_id=f"snap-{name}", bytes=10)
            for name in claims
        ],
    )


def plan(**more):
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "v"},
            "movers": {"image": "m"},
            **more,
        }
    )


def pvc(namespace, name):
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"storageClassName": "alicloud-disk-essd"},
    }


def test_a_record_is_read_back_as_it_was_written():
    written = point("data").model_dump_json()
    assert RestorePoint.model_validate_json(written) == point("data")


def test_a_record_of_a_later_version_is_still_read():
    document = point("data").model_dump(mode="json") | {"checksums": {"new": "thing"}}
    assert RestorePoint.model_validate(document).id == point().id


def test_ids_sort_by_time_and_are_the_same_for_every_try_of_a_run():
    first = point_id("full", NOON, "manual-1a2b3c4d")
    assert first == "20261122T120000Z-full-1a2b3c4d"
    assert first == point_id("full", NOON.astimezone(timezone(timedelta(hours=8))), "manual-1a2b3c4d")
    assert first < point_id("final", NOON + timedelta(seconds=1), "manual-1a2b3c4d")


def test_a_kind_that_does_not_exist_is_refused():
    assert point_kind("final") == "final"
    with pytest.raises(RestorePointError, match="full, incremental, final"):
        point_kind("complete")


def test_tags_name_plan_point_content_and_volume():
    tags = snapshot_tags("shop", "p1", "volume", "shop", "data")
    assert tags == ["plan=shop", "point=p1", "content=volume", "namespace=shop", "claim=data"]
    assert tag_values([*tags, "free text"])["claim"] == "data"


def test_an_increment_compares_each_volume_with_its_last_snapshot():
    tasks = backup_tasks([claim("data"), claim("new")], point="p", kind="incremental", parent=point("data"))
    assert [task.parent for task in tasks] == ["snap-data", None]
    assert {task.consistency for task in tasks} == {"live"}


def test_a_full_backup_compares_with_nothing():
    tasks = backup_tasks([claim("data")], point="p", kind="full", parent=point("data"))
    assert tasks[0].parent is None


def test_the_final_delta_is_marked_as_quiesced():
    tasks = backup_tasks([claim(node="")], point="p", kind="final", parent=point("data"))
    assert (tasks[0].consistency, tasks[0].node) == ("quiesced", None)


@pytest.mark.parametrize(
    ("modes", "node"),
    [
        (("ReadWriteOnce",), "node-1"),
        (("ReadWriteOncePod",), "node-1"),
        (("ReadWriteMany",), None),
        (("ReadWriteOnce", "ReadWriteMany"), None),
    ],
)
def test_only_a_claim_that_one_node_can_mount_pins_its_mover(modes, node):
    assert backup_tasks([claim(modes=modes)], point="p", kind="full", parent=None)[0].node == node


def test_a_movers_summary_becomes_the_volumes_record():
    task = BackupTask(namespace="shop", claim="data", point="p", consistency="live", capacity="1Gi")
    record = task.record(
        {
            "snapshot_id": "abc",
            "total_bytes_processed": 7,
            "total_files_processed": 2,
            "data_added": 5,
            "data_added_packed": 3,
            "total_duration": 1.5,
        }
    )
    assert (record.bytes, record.files, record.added_bytes, record.seconds) == (7, 2, 3, 1.5)
    assert record.capacity == "1Gi"


def test_volumes_are_restored_into_the_mapped_namespaces_claims():
    mapped = plan(namespaces={"shop": "shop-prod"})
    tasks = restore_tasks(mapped, point("data"), [pvc("shop-prod", "data")], {})
    assert [(task.namespace, task.claim, task.snapshot_id) for task in tasks] == [
        ("shop-prod", "data", "snap-data")
    ]
    assert tasks[0].storage_class == "alicloud-disk-essd"


def test_a_volume_without_a_claim_in_the_target_stops_the_migration():
    with pytest.raises(MigrationError, match=r"shop/data .* has no claim shop-prod/data"):
        restore_tasks(plan(namespaces={"shop": "shop-prod"}), point("data"), [pvc("shop", "data")], {})


def test_a_staged_claim_gets_the_difference_alone():
    (task,) = restore_tasks(plan(), point("data"), [pvc("shop", "data")], {("shop", "data"): "before"})
    assert task.base == "before"


@pytest.mark.parametrize(
    ("depth", "kind", "staged", "verified"),
    [
        ("full", "final", True, 100),
        ("sample", "final", True, 5),
        ("sample", "final", False, 100),
        ("sample", "incremental", True, 100),
        ("metadata", "incremental", False, 0),
    ],
)
def test_the_plan_says_what_is_read_again_and_when(depth, kind, staged, verified):
    holds = {("shop", "data"): "before"} if staged else {}
    chosen = plan(verify={"data": depth})
    (task,) = restore_tasks(chosen, point("data", kind=kind), [pvc("shop", "data")], holds)
    assert (task.verify, task.verify_percent) == (True, verified)


def test_the_movers_before_and_after_the_stop_have_names_of_their_own():
    before, after = (
        backup_tasks([claim()], point="p", kind=kind, parent=None)[0] for kind in ("full", "final")
    )
    assert (before.action, after.action) == ("backup", "final")
