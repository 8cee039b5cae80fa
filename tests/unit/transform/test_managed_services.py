"""What is told of a workload's companions when a managed service replaces it."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, load_rule_sets, transform

Manifest = dict[str, Any]
ENTRY = {"service": "shop/db", "host": "rm-1.mysql.rds.aliyuncs.com", "replaces": ["StatefulSet/shop/db"]}
DB = {"app": "db"}
RULES = load_rule_sets(["traffic"])


def one(api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def workload(
    kind: str, name: str, labels: dict[str, str], pod: Manifest | None = None, **spec: Any
) -> Manifest:
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "x"} | (pod or {})]},
    }
    return one("apps/v1", kind, name, {"selector": {"matchLabels": labels}, "template": template} | spec)


def replaced(*companions: Manifest) -> TransformResult:
    data = {"metadata": {"name": "data"}, "spec": {}}
    database = workload("StatefulSet", "db", DB, serviceName="db", volumeClaimTemplates=[data])
    service = one("v1", "Service", "db", {"selector": DB, "ports": [{"port": 3306}]})
    parameters = Parameters(params={"managed_services": [ENTRY]})
    return transform([database, service, *companions], RULES, parameters)


def policy(labels: dict[str, str]) -> Manifest:
    egress = [{"to": [{"podSelector": {"matchLabels": labels}}]}]
    return one("networking.k8s.io/v1", "NetworkPolicy", "web", {"podSelector": {}, "egress": egress})


def web(address: str) -> Manifest:
    return workload("Deployment", "web", {"app": "web"}, {"env": [{"name": "DB", "value": address}]})


def autoscaler(name: str) -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name}
    return one("autoscaling/v2", "HorizontalPodAutoscaler", "x", {"scaleTargetRef": target, "maxReplicas": 3})


def budget(labels: dict[str, str]) -> Manifest:
    return one("policy/v1", "PodDisruptionBudget", "x", {"selector": {"matchLabels": labels}})


def headless(labels: dict[str, str]) -> Manifest:
    return one(
        "v1", "Service", "db-headless", {"clusterIP": "None", "selector": labels, "ports": [{"port": 1}]}
    )


CLAIM = one("v1", "PersistentVolumeClaim", "data-db-0", {"resources": {"requests": {"storage": "1Gi"}}})


@pytest.mark.parametrize(
    ("companion", "severity", "told"),
    [
        (policy(DB), "decision", "/spec/egress/0/to/0 allows traffic to the pods of StatefulSet/shop/db"),
        (headless(DB), "warning", "leads only to pods of StatefulSet/shop/db"),
        (autoscaler("db"), "warning", "scales StatefulSet/shop/db"),
        (budget(DB), "warning", "protects only pods of StatefulSet/shop/db"),
        (CLAIM, "decision", "it held the data of StatefulSet/shop/db"),
        (
            web("db-0.db-headless.shop.svc:3306"),
            "decision",
            "calls db-0.db-headless, a pod of StatefulSet/shop/db",
        ),
    ],
    ids=["policy", "headless Service", "autoscaler", "budget", "claim", "pod's name"],
)
def test_what_is_of_no_use_without_it_is_told(companion: Manifest, severity: str, told: str) -> None:
    findings = replaced(companion).findings

    assert [(finding.severity, finding.object.rpartition("/")[2]) for finding in findings] == [
        (severity, companion["metadata"]["name"])
    ]
    assert told in findings[0].message


@pytest.mark.parametrize(
    "companion",
    [
        policy({"app": "web"}),
        headless({"app": "web"}),
        autoscaler("other"),
        budget({"app": "web"}),
        web("db:3306"),
    ],
    ids=["policy", "headless Service", "autoscaler", "budget", "the Service's name"],
)
def test_what_belongs_to_others_is_not(companion: Manifest) -> None:
    assert replaced(companion).findings == []


def test_addresses_of_the_managed_service_itself_are_nobodys_handiwork() -> None:
    service = one("v1", "Service", "db", {"selector": DB, "ports": [{"port": 3306}]})
    parameters = Parameters(params={"managed_services": [{"service": "shop/db", "host": "10.8.8.8"}]})

    result = transform([service], load_rule_sets(["traffic", "references"]), parameters)

    assert {item["kind"] for item in result.objects} == {"Service", "EndpointSlice"}
    assert not [finding for finding in result.findings if finding.severity == "warning"]
