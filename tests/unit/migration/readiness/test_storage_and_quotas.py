"""Claims against StorageClasses, everything against quotas."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from migration_ops.cluster import Claim
from migration_ops.migration.readiness_report.pods import pod_demands
from migration_ops.migration.readiness_report.quotas import check_limit_ranges, check_quotas
from migration_ops.migration.readiness_report.storage import check_growth, check_storage, check_usage
from migration_ops.migration.restore_point import RestorePoint, SourceCluster, VolumeRecord

DISK, NAS = "diskplugin.csi.alibabacloud.com", "nasplugin.csi.alibabacloud.com"


def storage_class(name="essd", provisioner=DISK, **more):
    return {
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": more.pop("annotations", {})},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer",
        **more,
    }


def quota(hard, used=None):
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "shop-prod"},
        "spec": {"hard": hard},
        "status": {"used": used or {}},
    }


def test_a_class_that_is_missing_blocks_and_names_what_there_is(make_claim):
    (found,) = check_storage([make_claim(storageClassName="gp2")], [storage_class()], [])
    assert found.severity == "blocker"
    assert "gp2 doesn't exist" in found.reason
    assert "the target has essd" in found.suggestion


def test_a_class_that_comes_along_needs_its_provisioner_there(make_claim):
    objects = [make_claim(storageClassName="gp2"), storage_class("gp2", "ebs.csi.aws.com")]
    (found,) = check_storage(objects, [storage_class()], [])
    assert "no ebs.csi.aws.com" in found.reason
    assert check_storage(objects, [storage_class()], [], {"ebs.csi.aws.com"}) == []


def test_a_claim_without_class_needs_a_default_one(make_claim):
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    assert check_storage([make_claim()], [storage_class(annotations=default)], []) == []
    (found,) = check_storage([make_claim()], [storage_class()], [])
    assert "no default" in found.reason


def test_templates_of_stateful_sets_are_looked_at_too(make_deployment, make_claim):
    database = make_deployment("db", kind="StatefulSet")
    database["spec"]["volumeClaimTemplates"] = [make_claim(storageClassName="gone")]
    (found,) = check_storage([database], [storage_class()], [])
    assert found.object == "apps/v1/StatefulSet/shop-prod/db template data"


def test_disks_are_mounted_by_one_node(make_claim):
    shared = make_claim(storageClassName="essd", accessModes=["ReadWriteMany"])
    (found,) = check_storage([shared], [storage_class()], [])
    assert "one node mounts at a time" in found.reason
    shared["spec"]["storageClassName"] = "nas"
    assert check_storage([shared], [storage_class("nas", NAS)], []) == []


@pytest.mark.parametrize(
    ("parameters", "size", "fits"),
    [
        ({"type": "cloud_essd"}, "20Gi", True),
        ({"type": "cloud_essd"}, "19Gi", False),
        ({"type": "cloud_essd", "performanceLevel": "PL2"}, "100Gi", False),
        ({"type": "cloud_essd,cloud_auto"}, "5Gi", True),
        ({"type": "of-tomorrow"}, "1Gi", True),
    ],
)
def test_disks_have_a_smallest_size(make_claim, parameters, size, fits):
    claim = make_claim(storage=size, storageClassName="essd")
    assert (check_storage([claim], [storage_class(parameters=parameters)], []) == []) is fits


def test_immediate_binding_needs_a_decision_only_with_several_zones(make_claim, make_node):
    claim, immediate = make_claim(storageClassName="essd"), storage_class(volumeBindingMode="Immediate")
    zones = [make_node(name, labels={"topology.kubernetes.io/zone": name}) for name in ("a", "b")]
    assert check_storage([claim], [immediate], zones[:1]) == []
    assert [one.severity for one in check_storage([claim], [immediate], zones)] == ["decision"]


def test_a_volume_larger_than_its_claim_is_a_warning(make_claim):
    grown = Claim("shop", "data", "gp2", "30Gi", ("ReadWriteOnce",), "Filesystem", "pv")
    (found,) = check_growth([grown], [make_claim()], {"shop": "shop-prod"})
    assert (found.severity, found.object) == ("warning", "v1/PersistentVolumeClaim/shop-prod/data")


@pytest.mark.parametrize(
    ("size", "expected"), [(15 * 2**30, []), (19 * 2**30, ["warning"]), (21 * 2**30, ["blocker"])]
)
def test_data_must_fit_into_the_claim_that_gets_it(make_claim, make_plan, size, expected):
    now = datetime(2026, 11, 22, tzinfo=UTC)
    latest = RestorePoint(
        id="p",
        plan="shop",
        kind="full",
        started=now,
        finished=now,
        cluster=SourceCluster(name="s", identity="1", version="v1.20.2"),
        volumes=[VolumeRecord(namespace="shop", claim="data", snapshot_id="x", bytes=size)],
    )
    assert [one.severity for one in check_usage(latest, [make_claim()], make_plan())] == expected


@pytest.mark.parametrize(
    ("hard", "blocks"),
    [
        ({"requests.cpu": "3"}, False),
        ({"requests.cpu": "2"}, True),
        ({"pods": "2"}, True),
        ({"count/deployments.apps": "1"}, False),
        ({"persistentvolumeclaims": "0"}, True),
        ({"requests.storage": "10Gi"}, True),
        ({"essd.storageclass.storage.k8s.io/requests.storage": "10Gi"}, True),
        ({"services.nodeports": "0"}, False),
        ({"limits.memory": "1Gi"}, False),
    ],
)
def test_what_comes_is_held_against_what_a_quota_has_left(make_deployment, make_claim, hard, blocks):
    objects = [make_deployment(replicas=3, requests={"cpu": "1"}), make_claim(storageClassName="essd")]
    found = check_quotas(pod_demands(objects), objects, [quota(hard)])
    assert ("blocker" in {one.severity for one in found}) is blocks


def test_what_a_quota_has_used_counts(make_deployment):
    objects = [make_deployment(requests={"cpu": "1"})]
    (found,) = check_quotas(pod_demands(objects), objects, [quota({"cpu": "4"}, {"cpu": "3500m"})])
    assert "1 come and 0.5 of 4 are left" in found.reason


def test_pods_that_say_nothing_are_refused_by_a_compute_quota(make_deployment):
    objects = [make_deployment()]
    (found,) = check_quotas(pod_demands(objects), objects, [quota({"limits.memory": "4Gi"})])
    assert (found.severity, "says nothing on limits.memory" in found.reason) == ("warning", True)


def test_quotas_of_other_namespaces_say_nothing(make_deployment):
    other = quota({"cpu": "0"})
    other["metadata"]["namespace"] = "elsewhere"
    objects = [make_deployment(requests={"cpu": "1"})]
    assert check_quotas(pod_demands(objects), objects, [other]) == []


@pytest.mark.parametrize(
    ("limit", "who"),
    [
        ({"type": "Container", "max": {"cpu": "500m"}}, "apps/v1/Deployment/shop-prod/web container main"),
        ({"type": "Pod", "min": {"cpu": "2"}}, "apps/v1/Deployment/shop-prod/web"),
        (
            {"type": "PersistentVolumeClaim", "max": {"storage": "10Gi"}},
            "v1/PersistentVolumeClaim/shop-prod/data",
        ),
    ],
)
def test_limit_ranges_refuse_what_lies_beyond(make_deployment, make_claim, limit, who):
    objects = [make_deployment(requests={"cpu": "1"}), make_claim()]
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "l", "namespace": "shop-prod"},
        "spec": {"limits": [limit]},
    }
    assert [one.object for one in check_limit_ranges(pod_demands(objects), objects, [limits])] == [who]
