"""Small clusters and workloads to be checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migration_ops.cluster import ApiResource, Capture, CapturedObject, Discovery
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.facts import ClusterFacts

Manifest = dict[str, Any]

SERVED = [
    ("", "v1", "Service", "services"),
    ("", "v1", "ConfigMap", "configmaps"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("apps", "v1", "Deployment", "deployments"),
    ("apps", "v1", "StatefulSet", "statefulsets"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses"),
]


def discovery_of(*kinds: tuple[str, str, str, str]) -> Discovery:
    return Discovery(
        tuple(ApiResource(group, version, kind, plural, True) for group, version, kind, plural in kinds)
    )


@pytest.fixture
def make_facts() -> Callable[..., ClusterFacts]:
    def make(*objects: Manifest, **options: Any) -> ClusterFacts:
        found: dict[tuple[str, str], list[Manifest]] = {}
        for one in objects:
            group = one["apiVersion"].rpartition("/")[0]
            found.setdefault((group, one["kind"]), []).append(one)
        settings = {
            "name": "target",
            "version": "v1.32.1",
            "identity": "t",
            "served": discovery_of(*SERVED),
            "objects": found,
        }
        return ClusterFacts(**(settings | options))

    return make


@pytest.fixture
def make_node() -> Callable[..., Manifest]:
    def make(name: str = "n1", cpu: str = "4", memory: str = "8Gi", **options: Any) -> Manifest:
        allocatable = {"cpu": cpu, "memory": memory, "pods": "110"} | options.get("offers", {})
        ready = "True" if options.get("ready", True) else "False"
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": options.get("labels", {})},
            "spec": {"taints": options.get("taints", []), "unschedulable": options.get("cordoned", False)},
            "status": {"allocatable": allocatable, "conditions": [{"type": "Ready", "status": ready}]},
        }

    return make


@pytest.fixture
def make_deployment() -> Callable[..., Manifest]:
    def make(name: str = "web", replicas: int = 1, kind: str = "Deployment", **spec: Any) -> Manifest:
        requests = spec.pop("requests", {})
        container = {"name": "main", "image": "registry/web:1", "resources": {"requests": requests}}
        container |= spec.pop("container", {})
        return {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "shop-prod"},
            "spec": {
                "replicas": replicas,
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [container], **spec},
                },
            },
        }

    return make


@pytest.fixture
def make_claim() -> Callable[..., Manifest]:
    def make(name: str = "data", storage: str = "20Gi", **spec: Any) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": "shop-prod"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": storage}},
                **spec,
            },
        }

    return make


@pytest.fixture
def make_capture() -> Callable[..., Capture]:
    def make(*manifests: Manifest, **options: Any) -> Capture:
        objects = [CapturedObject(one, "chosen") for one in manifests]
        return Capture(objects=objects, **({"claims": []} | options))

    return make


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    def make(**sections: Any) -> Plan:
        document = {
            "apiVersion": "migration-ops/v1",
            "name": "shop",
            "source": {"conn_id": "shop_source"},
            "target": {"conn_id": "shop_target"},
            "vault": {"conn_id": "shop_vault"},
            "movers": {"image": "mover:1"},
            "namespaces": {"shop": "shop-prod"},
        }
        return Plan.model_validate(document | sections)

    return make
