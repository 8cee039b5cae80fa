"""What of the source's platform and network is written into pods, policies, quotas and limits."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, load_rule_sets, transform

SCHEDULING = load_rule_sets(["scheduling"])
REFERENCES = load_rule_sets(["references"])
STORAGE = load_rule_sets(["storage"])
GATE = "target-health.elbv2.k8s.aws/k8s-shop-api-abc"


def one(kind: str, spec: dict[str, Any], name: str = "web", api: str = "v1") -> dict[str, Any]:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def claim(storage: str, name: str | None = "fast") -> dict[str, Any]:
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": storage}},
    }
    return one("PersistentVolumeClaim", spec if name is None else {"storageClassName": name, **spec}, "data")


def storage(*objects: dict[str, Any], **params: Any) -> TransformResult:
    classes = {"fast": "alicloud-disk-essd", "gp3": "alicloud-disk-essd"}
    return transform(objects, STORAGE, Parameters(storage_classes=classes, params=params))


def told(result: TransformResult, severity: str) -> list[str]:
    return [finding.message for finding in result.findings if finding.severity == severity]


@pytest.mark.parametrize(
    "gate",
    [GATE, "target-health.alb.ingress.k8s.aws/a_b_80", "cloud.google.com/load-balancer-neg-ready"],
)
@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_readiness_that_nobody_sets_in_the_target_is_not_waited_for(kind: str, gate: str) -> None:
    pod = {"readinessGates": [{"conditionType": gate}, {"conditionType": "own/ready"}], "containers": []}
    item = (
        one(kind, pod)
        if kind == "Pod"
        else one(kind, {"template": {"spec": pod}, "selector": {}}, api="apps/v1")
    )
    result = transform([item], SCHEDULING, Parameters())

    (kept,) = result.objects
    spec = kept["spec"] if kind == "Pod" else kept["spec"]["template"]["spec"]
    assert spec["readinessGates"] == [{"conditionType": "own/ready"}]
    assert any(gate in message for message in told(result, "info"))


def test_a_label_of_the_sources_own_nodes_is_told() -> None:
    pod = one("Pod", {"nodeSelector": {"rack": "r1", "kubernetes.io/arch": "amd64"}, "containers": []})
    result = transform([pod], SCHEDULING, Parameters())

    (message,) = told(result, "warning")
    assert "rack r1" in message
    assert (
        told(transform([pod], SCHEDULING, Parameters(params={"node_labels": {"rack": "rack"}})), "warning")
        == []
    )


def test_addresses_in_policies_are_told() -> None:
    policy = one(
        "NetworkPolicy",
        {
            "podSelector": {},
            "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.1.0/24"]}}]}],
            "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}],
        },
        api="networking.k8s.io/v1",
    )
    (message,) = told(transform([policy], REFERENCES, Parameters()), "warning")

    assert "10.0.0.0/16, 10.0.1.0/24," in message
    assert "0.0.0.0/0" not in message


def test_name_servers_and_host_entries_are_told() -> None:
    spec = {
        "dnsConfig": {"nameservers": ["10.1.1.53"], "searches": ["corp.example.com"]},
        "hostAliases": [{"ip": "10.1.1.9", "hostnames": ["erp"]}],
        "containers": [],
    }
    (message,) = told(transform([one("Pod", spec)], REFERENCES, Parameters()), "warning")

    assert all(text in message for text in ("10.1.1.53", "corp.example.com", "erp at 10.1.1.9"))


def test_classes_that_a_quota_names_are_mapped() -> None:
    key = "gp3.storageclass.storage.k8s.io/requests.storage"
    result = storage(one("ResourceQuota", {"hard": {key: "100Gi", "pods": "9"}}))

    assert result.objects[0]["spec"]["hard"] == {
        "pods": "9",
        "alicloud-disk-essd.storageclass.storage.k8s.io/requests.storage": "100Gi",
    }


def test_limits_that_the_smallest_disk_exceeds_are_asked_about() -> None:
    limits = one("LimitRange", {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "10Gi"}}]})
    quota = one("ResourceQuota", {"hard": {"requests.storage": "15Gi"}})
    messages = told(storage(claim("5Gi"), limits, quota), "decision")

    assert len(messages) == 2
    assert all("20Gi" in message for message in messages)


def test_limits_that_are_large_enough_are_left_alone() -> None:
    limits = one("LimitRange", {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "40Gi"}}]})
    quota = one("ResourceQuota", {"hard": {"requests.storage": "40Gi"}})

    assert told(storage(claim("5Gi"), limits, quota), "decision") == []


def test_a_claim_without_a_class_gets_what_the_sources_default_becomes() -> None:
    default = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "fast",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "example.com/x",
    }
    result = storage(claim("30Gi", None), default)

    (kept,) = (item for item in result.objects if item["kind"] == "PersistentVolumeClaim")
    assert kept["spec"]["storageClassName"] == "alicloud-disk-essd"
    (message,) = told(storage(claim("30Gi", None)), "warning")
    assert "names no class" in message


def test_a_disk_type_that_nobody_knows_is_a_blocker() -> None:
    facts = {"alicloud-disk-essd": {"disk": "cloud_essd.PL3"}}
    (blocker,) = storage(claim("5Gi"), storage_class_facts=facts).blockers

    assert "cloud_essd.PL3" in blocker.message
    assert "cloud_essd/PL3" in blocker.suggestion
