"""The readiness report on two real clusters: what would go wrong is found, and nothing is changed."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from migration_ops.cluster import Cluster, NotFound, ObjectReference, discovery
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report import (
    ImageProbe,
    ReadinessReport,
    gather,
    is_settled,
    look_at_probes,
    readiness_report,
    remove_probes,
    start_probes,
)
from migration_ops.migration.readiness_report.image_probing import TWO_TRIES_SECONDS
from tests.lab.foreign import AnyCluster

pytestmark = pytest.mark.lab

Manifest = dict[str, Any]
PAUSE = "docker.io/local/pause:1"
NOWHERE = "registry.invalid/shop/web:1"


@pytest.fixture(scope="module")
def source_cluster(source: AnyCluster) -> Iterator[Cluster]:
    cluster = Cluster.from_kubeconfig(source.kubeconfig, name="source")
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def target_cluster(target: AnyCluster) -> Iterator[Cluster]:
    cluster = Cluster.from_kubeconfig(target.kubeconfig, name="target")
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def application(source_cluster: Cluster) -> Iterator[str]:
    """An application in the source that would have several troubles in the target."""
    namespace = f"ready-{uuid.uuid4().hex[:8]}"
    create(source_cluster, made("Namespace", "", namespace))
    create(source_cluster, made("ConfigMap", namespace, "settings", data={"colour": "green"}))
    create(
        source_cluster, made("Secret", namespace, "login", stringData={"password": "a-marker-of-a-secret"})
    )
    create(source_cluster, workload(namespace, "modest", requests={"cpu": "1m"}))
    create(source_cluster, workload(namespace, "greedy", requests={"memory": "64Ti"}))
    create(source_cluster, workload(namespace, "picky", nodeSelector={"example.com/disk": "no-such"}))
    create(source_cluster, workload(namespace, "tied", volumes=[{"name": "v", "hostPath": {"path": "/srv"}}]))
    elsewhere = made("StorageClass", "", namespace, "storage.k8s.io/v1", provisioner="ebs.csi.aws.com")
    create(source_cluster, elsewhere)
    create(source_cluster, made("PersistentVolumeClaim", namespace, "waiting", spec=claim_spec(namespace)))
    yield namespace
    delete_namespace(source_cluster, namespace)
    source_cluster.request("DELETE", f"/apis/storage.k8s.io/v1/storageclasses/{namespace}")


@pytest.fixture(scope="module")
def plan(application: str) -> Plan:
    return Plan.model_validate(
        {
            "apiVersion": "migration-ops/v1",
            "name": "ready",
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "c"},
            "movers": {"image": "mover:1"},
            "select": {"namespaces": {"include": [application]}},
            "namespaces": {application: f"{application}-there"},
            "transform": {"rules": ["api-versions"]},
            "quiesce": {"waves": [["deployment/modest", "statefulset/none"]]},
        }
    )


@pytest.fixture(scope="module")
def report(plan: Plan, source_cluster: Cluster, target_cluster: Cluster) -> ReadinessReport:
    return readiness_report(gather(plan, source_cluster, target_cluster, run="run-1"))


@pytest.fixture
def room(target_cluster: Cluster) -> Iterator[str]:
    """A namespace of the target."""
    namespace = f"ready-{uuid.uuid4().hex[:8]}"
    create(target_cluster, made("Namespace", "", namespace))
    yield namespace
    delete_namespace(target_cluster, namespace)


def made(kind: str, namespace: str, name: str, api_version: str = "v1", **content: Any) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def workload(namespace: str, name: str, requests: dict[str, str] | None = None, **pod: Any) -> Manifest:
    container = {"name": "main", "image": PAUSE, "resources": {"requests": requests or {}}}
    container["volumeMounts"] = [{"name": one["name"], "mountPath": "/v"} for one in pod.get("volumes", [])]
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], **pod}}
    # Without replicas nothing runs here; the checks are about what would run in the target.
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return made("Deployment", namespace, name, "apps/v1", spec=spec)


def claim_spec(storage_class: str) -> Manifest:
    return {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": "1Mi"}},
    }


def create(cluster: Cluster, manifest: Manifest) -> None:
    reference = ObjectReference.of(manifest)
    resource = discovery(cluster).for_object(reference)
    assert resource is not None
    cluster.request("POST", resource.path(reference.namespace), body=manifest)


def delete_namespace(cluster: Cluster, name: str) -> None:
    with suppress(NotFound):
        cluster.request("DELETE", f"/api/v1/namespaces/{name}", body={"propagationPolicy": "Background"})


def about(report: ReadinessReport, name: str) -> dict[str, str]:
    """Severity by check of the findings on one object."""
    return {one.check: one.severity for one in report.findings if one.object.endswith(f"/{name}")}


def test_both_clusters_are_read_and_all_checks_run(report: ReadinessReport) -> None:
    assert {"identity", "permissions", "storage", "dry run", "existing objects", "probes"} <= set(
        report.checked
    )
    assert len(set(report.checked)) == len(report.checked) >= 37
    assert not [one for one in report.findings if one.check in {"permissions", "clock"}]


def test_a_class_that_nothing_in_the_target_provides_for_blocks(report: ReadinessReport) -> None:
    assert about(report, "waiting")["storage"] == "blocker"


def test_volumes_outside_of_claims_are_found(report: ReadinessReport) -> None:
    assert about(report, "tied") == {"volumes": "decision"}


def test_a_wave_that_names_nothing_is_found(report: ReadinessReport) -> None:
    (found,) = [one for one in report.findings if one.object == "quiesce.waves[0]"]
    assert "statefulset/none" in found.reason


def test_a_modest_workload_has_no_finding(report: ReadinessReport) -> None:
    assert about(report, "modest") == {}


def test_no_secret_is_in_the_report(report: ReadinessReport) -> None:
    assert "a-marker-of-a-secret" not in report.model_dump_json()


def test_room_and_selectors_are_judged_by_the_targets_own_nodes(
    plan: Plan, source_cluster: Cluster, target_cluster: Cluster, application: str
) -> None:
    for name in ("greedy", "picky"):
        path = f"/apis/apps/v1/namespaces/{application}/deployments/{name}"
        source_cluster.patch(path, {"spec": {"replicas": 1}})
    report = readiness_report(gather(plan, source_cluster, target_cluster, run="run-2"))
    assert about(report, "greedy")["capacity"] == "blocker"
    assert about(report, "picky")["placement"] == "blocker"


def test_a_dry_run_leaves_nothing_behind(
    report: ReadinessReport, target_cluster: Cluster, application: str
) -> None:
    assert "dry run" in report.checked
    with pytest.raises(NotFound):
        target_cluster.get(f"/api/v1/namespaces/{application}-there")


def test_what_the_target_has_already_is_found(
    plan: Plan, source_cluster: Cluster, target_cluster: Cluster, application: str, room: str
) -> None:
    create(target_cluster, made("ConfigMap", room, "settings", data={"colour": "red"}))
    here = plan.model_copy(update={"namespaces": {application: room}})
    report = readiness_report(gather(here, source_cluster, target_cluster, run="run-3"))
    assert about(report, "settings") == {"existing": "warning"}
    assert target_cluster.get(f"/api/v1/namespaces/{room}/configmaps/settings")["data"] == {"colour": "red"}


def test_a_quota_that_is_too_small_is_found(
    plan: Plan, source_cluster: Cluster, target_cluster: Cluster, application: str, room: str
) -> None:
    create(
        target_cluster, made("ResourceQuota", room, "small", spec={"hard": {"count/deployments.apps": "2"}})
    )
    here = plan.model_copy(update={"namespaces": {application: room}})
    report = readiness_report(gather(here, source_cluster, target_cluster, run="run-4"))
    assert about(report, "small") == {"quota": "blocker"}


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_probe_tells_images_that_come_from_those_that_do_not(
    side: str, request: pytest.FixtureRequest
) -> None:
    cluster: Cluster = request.getfixturevalue(f"{side}_cluster")
    namespace = f"ready-{uuid.uuid4().hex[:8]}"
    strict = made("Namespace", "", namespace)
    strict["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
    create(cluster, strict)
    try:
        wait_for(lambda: account_exists(cluster, namespace))
        secret = made("Secret", "not-there-yet", "acr", type="kubernetes.io/dockerconfigjson")
        secret["data"] = {".dockerconfigjson": base64.b64encode(b'{"auths": {}}').decode()}
        probe = ImageProbe(namespace, (PAUSE, NOWHERE), ("acr",), secrets_from="not-there-yet")
        started = start_probes(cluster, [probe], [secret], plan="ready", run="run-1")
        assert start_probes(cluster, [probe], [secret], plan="ready", run="run-1") == started

        def states() -> dict[str, str] | None:
            pulls = look_at_probes(cluster, started)
            return {one.image: one.state for one in pulls} if is_settled(pulls, TWO_TRIES_SECONDS) else None

        assert wait_for(states) == {PAUSE: "pulled", NOWHERE: "failed"}
        remove_probes(cluster, started)
        wait_for(lambda: not own_objects(cluster, namespace))
    finally:
        delete_namespace(cluster, namespace)


def own_objects(cluster: Cluster, namespace: str) -> list[str]:
    """Names of what a probe made."""
    paths = (f"/apis/batch/v1/namespaces/{namespace}/jobs", f"/api/v1/namespaces/{namespace}/secrets")
    query = {"labelSelector": "migration-ops.io/image-probe=true"}
    return [one["metadata"]["name"] for path in paths for one in cluster.get(path, query=query)["items"]]


def account_exists(cluster: Cluster, namespace: str) -> bool:
    try:
        cluster.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
    except NotFound:
        return False
    return True


def wait_for(look: Any, seconds: float = 90) -> Any:
    """Look until there is something; fail when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.5)
    return found
