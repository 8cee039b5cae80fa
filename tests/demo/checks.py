"""What must be true after the migration: each check asks the clusters, not the product."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from tests.demo.kube import Kube
from tests.demo.ledger import Entry
from tests.demo.shop.deployment import (
    BYSTANDER,
    DEFINITION,
    SOURCE_NAMESPACE,
    TARGET_CLASS,
    TARGET_NAMESPACE,
    TARGET_REGISTRY,
)
from tests.demo.shop.image.order import Order

POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


@dataclass(frozen=True)
class StoredOrder:
    """A row of the table of orders.

    :param order: its content
    :param checksum: what the writer noted as checksum
    """

    order: Order
    checksum: str


def stored_orders(cluster: Kube, namespace: str) -> list[StoredOrder]:
    """Return all orders of the database in a namespace, by a sequential scan: an index could hide a loss."""
    query = (
        "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;"
        "COPY (SELECT json_build_array(number, customer, item, cents, checksum) FROM orders) TO STDOUT"
    )
    command = [*POSTGRES, "psql", "-q", "-d", "shop", "-c", query]
    rows = [json.loads(line) for line in cluster.execute(namespace, "db-0", command).splitlines() if line]
    return [StoredOrder(Order(*row[:4]), row[4]) for row in rows]


def check_orders(acknowledged: Iterable[Entry], stored: Iterable[StoredOrder]) -> int:
    """Check that every acknowledged order is stored once with the right checksum; return how many those are.

    :raises AssertionError: naming the orders that are lost, doubled or different
    """
    rows = list(stored)
    times = Counter(row.order.number for row in rows)
    twice = sorted(number for number, count in times.items() if count > 1)
    assert not twice, f"stored more than once: orders {twice[:10]} ({len(twice)} in all)"
    damaged = sorted(row.order.number for row in rows if row.order.checksum() != row.checksum)
    assert not damaged, f"checksums don't fit their content: orders {damaged[:10]} ({len(damaged)} in all)"
    by_number = {row.order.number: row.checksum for row in rows}
    entries = list(acknowledged)
    lost = sorted(entry.number for entry in entries if entry.number not in by_number)
    assert not lost, f"acknowledged, but lost: orders {lost[:10]} ({len(lost)} in all of {len(entries)})"
    other = sorted(entry.number for entry in entries if by_number[entry.number] != entry.checksum)
    assert not other, (
        f"stored with another content than acknowledged: orders {other[:10]} ({len(other)} in all)"
    )
    return len(entries)


def ask_web(cluster: Kube, namespace: str, path: str, service: str = "web") -> Any:
    """Return the web tier's JSON answer, asked through its Service from inside of the cluster."""
    address = cluster.core.read_namespaced_service(service, namespace).spec.cluster_ip
    program = (
        f"import urllib.request as r; print(r.urlopen('http://{address}{path}', timeout=10).read().decode())"
    )
    pod = cluster.running_pod(namespace, "db")
    return json.loads(cluster.execute(namespace, pod, ["python3", "-c", program]))


def check_web(target: Kube) -> int:
    """Check that the target's web tier shows orders and may read its settings; return how many it shows."""
    shown = ask_web(target, TARGET_NAMESPACE, "/orders")
    assert shown["shop"] == "Teapots and more", (
        f"the web tier has other settings than the source's: {shown['shop']}"
    )
    assert shown["orders"] > 0, "the web tier shows no orders"
    settings = ask_web(target, TARGET_NAMESPACE, "/settings")
    assert settings["SHOP_NAME"] == shown["shop"], (
        "the service account reads other settings than the pod was given"
    )
    return int(shown["orders"])


def check_mapping(target: Kube) -> None:
    """Check that all images and claims of the target's shop carry the target's names."""
    specs = [
        deployment.spec.template.spec
        for deployment in target.apps.list_namespaced_deployment(TARGET_NAMESPACE).items
    ]
    specs += [
        one.spec.template.spec for one in target.apps.list_namespaced_stateful_set(TARGET_NAMESPACE).items
    ]
    specs += [pod.spec for pod in target.pods(TARGET_NAMESPACE) if is_shops(pod)]
    images = {container.image for spec in specs for container in spec.containers}
    foreign = {image for image in images if not image.startswith(f"{TARGET_REGISTRY}/")}
    assert images, f"there are no workloads in {TARGET_NAMESPACE}"
    assert not foreign, f"images that were not mapped: {foreign}"
    claims = target.core.list_namespaced_persistent_volume_claim(TARGET_NAMESPACE).items
    classes = {claim.metadata.name: claim.spec.storage_class_name for claim in claims}
    wrong = {name: found for name, found in classes.items() if found != TARGET_CLASS}
    assert {"data-db-0", "wal-db-0"} <= classes.keys(), (
        f"claims of the database are missing; there are {classes}"
    )
    assert not wrong, f"claims with another StorageClass than {TARGET_CLASS}: {wrong}"
    templates = target.apps.read_namespaced_stateful_set("db", TARGET_NAMESPACE).spec.volume_claim_templates
    assert {template.spec.storage_class_name for template in templates} == {TARGET_CLASS}


def is_shops(pod: client.V1Pod) -> bool:
    """Say whether a pod belongs to the shop, and not to one of the movers that worked beside it."""
    return (pod.metadata.labels or {}).get("app") in {"db", "web", "writer"}


def check_resources(target: Kube) -> None:
    """Check that what belongs to the shop beside its workloads came along."""
    for api_version, kind, name in (
        ("v1", "ConfigMap", "shop"),
        ("v1", "Secret", "db-credentials"),
        ("v1", "ServiceAccount", "web"),
        ("rbac.authorization.k8s.io/v1", "Role", "settings-reader"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", "web-reads-settings"),
        ("v1", "Service", "web-public"),
        ("v1", "Service", "db-members"),
        ("networking.k8s.io/v1", "Ingress", "web"),
        ("autoscaling/v1", "HorizontalPodAutoscaler", "web"),
        ("shop.example.com/v1", "Promotion", "spring-teapots"),
        ("shop.example.com/v1", "Promotion", "last-trays"),
    ):
        found = target.read(api_version, kind, name, TARGET_NAMESPACE)
        assert found, f"{kind} {name} is missing in {TARGET_NAMESPACE}"
        labels = found["metadata"].get("labels") or {}
        assert labels.get("migration-ops.io/plan") == "shop", f"{kind} {name} does not say which plan made it"
    assert target.read("apiextensions.k8s.io/v1", "CustomResourceDefinition", DEFINITION)
    for api_versions, kind, name in (
        (("batch/v1", "batch/v1beta1"), "CronJob", "count-orders"),
        (("policy/v1", "policy/v1beta1"), "PodDisruptionBudget", "web"),
    ):
        assert any(target.read(version, kind, name, TARGET_NAMESPACE) for version in api_versions), (
            f"{kind} {name} is missing"
        )
    annotations = (
        target.core.read_namespaced_service("web-public", TARGET_NAMESPACE).metadata.annotations or {}
    )
    left = [name for name in annotations if "aws" in name]
    assert not left, f"Service web-public still carries annotations of the source's cloud: {left}"


def check_left_out(target: Kube) -> None:
    """Check that the source's cache and its namespace's name did not come along."""
    pages = ask_web(target, TARGET_NAMESPACE, "/cache")["pages"]
    came_along = [page for page in pages if page.startswith(f"{SOURCE_NAMESPACE}-page-")]
    assert not came_along, f"files of the volume that was to be left out: {came_along}"
    assert SOURCE_NAMESPACE not in target.namespaces(), f"namespace {SOURCE_NAMESPACE} was made in the target"


def check_untouched(before: Mapping[str, object], after: Mapping[str, object], cluster: str) -> None:
    """Check that the unrelated application is the same objects with the same content as before."""
    differing = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    assert not differing, f"{cluster}: {BYSTANDER} was touched: {differing}"


def _runs(pod: client.V1Pod) -> bool:
    """Whether a container runs, or none is told of: this kubelet keeps some dead pods for up to a minute."""
    told = pod.status.container_statuses or []
    return not told or any(one.state.running for one in told)


def check_quiesced(source: Kube) -> None:
    """Check that nothing of the source's shop runs, and that its workloads remember what they were."""
    running = [pod.metadata.name for pod in source.pods(SOURCE_NAMESPACE) if is_shops(pod) and _runs(pod)]
    assert not running, f"pods that still run in the source: {running}"
    workloads = source.apps.list_namespaced_deployment(SOURCE_NAMESPACE).items
    workloads += source.apps.list_namespaced_stateful_set(SOURCE_NAMESPACE).items
    for workload in workloads:
        name = workload.metadata.name
        assert workload.spec.replicas == 0, (
            f"{name} in the source still wants {workload.spec.replicas} replicas"
        )
        assert "migration-ops.io/quiesced" in (workload.metadata.annotations or {}), (
            f"{name} does not remember what it was"
        )
    cron_job = source.read("batch/v1beta1", "CronJob", "count-orders", SOURCE_NAMESPACE) or source.read(
        "batch/v1", "CronJob", "count-orders", SOURCE_NAMESPACE
    )
    assert cron_job, "the source's CronJob is gone"
    assert cron_job["spec"].get("suspend") is True, "the source's CronJob is not suspended"


def is_open(cluster: Kube) -> bool:
    """Say whether the shop's workloads are wanted in the source."""
    workloads = cluster.apps.list_namespaced_deployment(SOURCE_NAMESPACE).items
    return bool(workloads) and all(workload.spec.replicas for workload in workloads)


def downtime(entries: Iterable[Entry]) -> float:
    """Return the seconds between the last order in the source and the first one in the target."""
    source = [entry.at for entry in entries if entry.namespace == SOURCE_NAMESPACE]
    target = [entry.at for entry in entries if entry.namespace == TARGET_NAMESPACE]
    return min(target) - max(source)
