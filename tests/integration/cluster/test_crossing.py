"""An application crosses from the old cluster to the modern one, and the source comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migration_ops.cluster import (
    Cluster,
    Selection,
    apply,
    capture,
    discovery,
    quiesce,
    read_capture,
    reference_of,
    resume,
    roll_back,
    wait_ready,
    write_capture,
)

from .conftest import PATIENCE_SECONDS, create, deployment, exists, obj, pod_template, read, stateful_set

pytestmark = pytest.mark.lab


def test_a_captured_application_starts_in_the_modern_cluster_as_it_ran(
    source_cluster: Cluster,
    target_cluster: Cluster,
    namespace_in: Callable[[Cluster], str],
    cleaned_namespace: Callable[[str], str],
    tmp_path: Path,
) -> None:
    space = cleaned_namespace(namespace_in(source_cluster))
    backend = {"serviceName": "web", "servicePort": 80}
    cron = {"template": pod_template({}, restartPolicy="Never")}
    scale = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    selector = {"matchLabels": {"app": "web"}}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    workloads = [stateful_set(space, "db"), deployment(space, "web", replicas=2)]
    create(
        source_cluster,
        *workloads,
        obj(
            "Service",
            space,
            "db",
            spec={"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 5432}]},
        ),
        obj(
            "Service",
            space,
            "web",
            spec={"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        ),
        obj("Ingress", space, "web", "networking.k8s.io/v1beta1", spec={"backend": backend}),
        obj(
            "CronJob",
            space,
            "nightly",
            "batch/v1beta1",
            spec={"schedule": "0 0 29 2 *", "jobTemplate": {"spec": cron}},
        ),
        obj(
            "PodDisruptionBudget",
            space,
            "web",
            "policy/v1beta1",
            spec={"minAvailable": 1, "selector": selector},
        ),
        obj(
            "HorizontalPodAutoscaler",
            space,
            "web",
            "autoscaling/v2beta2",
            spec={"minReplicas": 2, "maxReplicas": 4, "scaleTargetRef": scale, "metrics": [metric]},
        ),
        obj("ConfigMap", space, "settings", data={"a": "b"}),
        obj("Secret", space, "password", data={"a": "Yg=="}),
    )
    assert wait_ready(source_cluster, workloads, PATIENCE_SECONDS).ready

    quiesce(source_cluster, [space], plan=space, run="1", timeout=PATIENCE_SECONDS)
    write_capture(capture(source_cluster, Selection(namespaces_include=(space,))), tmp_path)
    objects = read_capture(tmp_path).manifests(discovery(target_cluster).api_names())
    for manifest in objects:  # what a rule would do
        if manifest["kind"] == "PersistentVolumeClaim":
            manifest["spec"]["storageClassName"] = "alicloud-disk-essd"
    objects = [one for one in objects if one["kind"] not in {"StorageClass", "PersistentVolume"}]

    verdicts = apply(target_cluster, objects, plan=space, run="1", dry_run=True)
    assert [one for one in verdicts if one.action == "failed"] == []
    results = apply(target_cluster, objects, plan=space, run="1")
    assert {one.action for one in results} <= {"created", "skipped"}, results
    ready = wait_ready(target_cluster, objects, PATIENCE_SECONDS)
    assert ready.ready, [str(one) for one in ready.not_ready]

    assert read(target_cluster, f"apps/v1/Deployment/{space}/web")["spec"]["replicas"] == 2
    assert read(target_cluster, f"batch/v1beta1/CronJob/{space}/nightly")["spec"]["suspend"] is False
    scaler = read(target_cluster, f"autoscaling/v2beta2/HorizontalPodAutoscaler/{space}/web")
    assert scaler["spec"]["metrics"] == [metric]
    ingress = read(target_cluster, f"networking.k8s.io/v1/Ingress/{space}/web")
    assert ingress["spec"]["defaultBackend"] == {"service": {"name": "web", "port": {"number": 80}}}
    assert read(source_cluster, f"apps/v1/Deployment/{space}/web")["spec"]["replicas"] == 0

    undone = roll_back(target_cluster, plan=space, run="1")
    assert undone.problems == ()
    assert not exists(target_cluster, f"v1/Namespace//{space}")
    assert resume(source_cluster, space, timeout=PATIENCE_SECONDS).complete
    names = {reference_of(one.manifest) for one in capture(source_cluster, Selection((space,))).objects}
    assert f"apps/v1/Deployment/{space}/web" in names
