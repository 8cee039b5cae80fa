"""What needs a cluster of its own: API servers that go away in the middle, and kinds of other products.

When the server is back, work goes on, and nothing is missing or double.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from migration_ops.cluster import (
    Cluster,
    Permission,
    QuiesceTimeout,
    Selection,
    apply,
    capture,
    check_permissions,
    quiesce,
    reference_of,
    resume,
    roll_back,
    source_permissions,
    target_permissions,
    wait_ready,
)
from tests.lab import Lab, preflight
from tests.lab.cluster import LabCluster

from .conftest import PATIENCE_SECONDS, Manifest, as_account, claim, crd, create, deployment, obj, read

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(300),
    # Python 3.11's ssl module forgets the socket when a killed server resets the connection between
    # connecting and the handshake (SSLSocket._create raises before it would close).
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
    ),
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]

OBJECTS = 300
RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def own() -> Iterator[LabCluster]:
    """A cluster of this module's own: its API server may be stopped without disturbing other tests."""
    missing = preflight()
    if missing:
        pytest.skip(f"the lab can't run here: {'; '.join(missing)}")
    lab = Lab.up("clusterfaults", clusters=["target"], with_s3=False, with_mover=False)
    yield lab.target
    lab.down()


@pytest.fixture
def cluster(own: LabCluster) -> Iterator[Cluster]:
    """A connection to it."""
    connection = Cluster.from_kubeconfig(own.kubeconfig, name="own", retry_seconds=90)
    yield connection
    connection.close()


@pytest.fixture
def restart(own: LabCluster) -> Iterator[Callable[[float], None]]:
    """Kills the API server and brings it back after some seconds, in the background."""
    threads: list[threading.Thread] = []

    def begin(away_seconds: float) -> None:
        def work() -> None:
            own.stop("apiserver", hard=True)
            time.sleep(away_seconds)
            own.start("apiserver")

        for thread in threads:  # whoever brings the server back must not see it killed by the next
            thread.join()
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join()


def many(space: str) -> list[Manifest]:
    """A namespace full of ConfigMaps and Secrets."""
    objects = [obj("Namespace", None, space)]
    for number in range(OBJECTS // 2):
        objects.append(obj("ConfigMap", space, f"c-{number}", data={"text": "x" * 2000}))
        objects.append(obj("Secret", space, f"s-{number}", data={"a": "Yg=="}))
    return objects


def definition(group: str, kind: str, version: str) -> Manifest:
    """A product's definition, without a schema."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    found = crd(group, kind)
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    found["spec"]["versions"] = [served]
    return found


def test_gitops_and_autoscalers_of_other_products_rest_while_quiesced(cluster: Cluster, unique: str) -> None:
    products = [
        definition("argoproj.io", "Application", "v1alpha1"),
        definition("kustomize.toolkit.fluxcd.io", "Kustomization", "v1"),
        definition("helm.toolkit.fluxcd.io", "HelmRelease", "v2"),
        definition("keda.sh", "ScaledObject", "v1alpha1"),
    ]
    apply(cluster, products, plan="products", run="1")
    automated = {"automated": {"prune": True, "selfHeal": True}}
    flux = "kustomize.toolkit.fluxcd.io/v1"
    inventory = {"inventory": {"entries": [{"id": f"{unique}_web_apps_Deployment", "v": "v1"}]}}
    elsewhere = {"destination": {"namespace": "elsewhere"}, "syncPolicy": automated}
    gitops = [
        obj("Application", unique, "shop", "argoproj.io/v1alpha1", spec={
            "destination": {"namespace": unique}, "syncPolicy": automated}),
        obj("Application", unique, "other", "argoproj.io/v1alpha1", spec=elsewhere),
        obj("Kustomization", unique, "shop", flux, spec={"path": "./"}, status=inventory),
        obj("HelmRelease", unique, "shop", "helm.toolkit.fluxcd.io/v2", spec={"targetNamespace": unique}),
        obj("ScaledObject", unique, "web", "keda.sh/v1alpha1", spec={"scaleTargetRef": {"name": "web"}}),
    ]  # fmt: skip
    create(cluster, obj("Namespace", None, unique), deployment(unique, "web", replicas=0), *gitops)
    names = [reference_of(one) for one in gitops]
    before = {name: read(cluster, name) for name in names}

    record = quiesce(cluster, [unique], plan=unique, run="1", timeout=PATIENCE_SECONDS)

    assert {one.object for one in record.workloads} == {name for name in names if not name.endswith("/other")}
    during = {name: read(cluster, name) for name in names}
    assert during[names[0]]["spec"]["syncPolicy"] == {}
    assert during[names[1]]["spec"] == elsewhere
    assert during[names[2]]["spec"]["suspend"] is True
    assert during[names[3]]["spec"]["suspend"] is True
    assert during[names[4]]["metadata"]["annotations"]["autoscaling.keda.sh/paused"] == "true"

    assert resume(cluster, unique).complete
    after = {name: read(cluster, name) for name in names}
    assert after[names[0]]["spec"] == before[names[0]]["spec"]
    assert after[names[2]]["spec"] == before[names[2]]["spec"]
    assert after[names[4]]["metadata"].get("annotations", {}) == {}


def test_quiesce_waits_until_volumes_are_detached(cluster: Cluster, unique: str) -> None:
    web = deployment(unique, "web", claims=["data"])
    data = claim(unique, "data", "alicloud-disk-essd")
    create(cluster, obj("Namespace", None, unique), data, web)
    assert wait_ready(cluster, [web, data], PATIENCE_SECONDS).ready
    volume = read(cluster, f"v1/PersistentVolumeClaim/{unique}/data")["spec"]["volumeName"]
    spec = {"attacher": "example.com", "nodeName": "n1", "source": {"persistentVolumeName": volume}}
    create(cluster, obj("VolumeAttachment", None, unique, "storage.k8s.io/v1", spec=spec))

    with pytest.raises(QuiesceTimeout, match=f"volume of {unique}/data is attached to node n1"):
        quiesce(cluster, [unique], plan=unique, run="1", timeout=4)
    quiesce(cluster, [unique], plan=unique, run="1", timeout=PATIENCE_SECONDS, wait_detached=False)

    cluster.request("DELETE", f"/apis/storage.k8s.io/v1/volumeattachments/{unique}")
    assert quiesce(cluster, [unique], plan=unique, run="1", timeout=PATIENCE_SECONDS).finished


@pytest.mark.parametrize(("file", "needed"), [("source", source_permissions), ("target", target_permissions)])
def test_the_shipped_roles_grant_all_that_is_needed(
    cluster: Cluster, unique: str, file: str, needed: Callable[[list[str]], list[Permission]]
) -> None:
    shipped = (Path(__file__).parents[3] / f"include/rbac/{file}.yaml").read_text()
    role = next(one for one in yaml.safe_load_all(shipped) if one["kind"] == "ClusterRole")
    role["metadata"]["name"] = unique
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": unique}
    subject = {"kind": "ServiceAccount", "name": "mover", "namespace": unique}
    create(
        cluster,
        obj("Namespace", None, unique),
        obj("ServiceAccount", unique, "mover"),
        role,
        obj("ClusterRoleBinding", None, unique, RBAC, roleRef=role_ref, subjects=[subject]),
    )
    account = as_account(cluster, unique, "mover")
    results = check_permissions(account, needed([unique]))
    assert [str(one.permission) for one in results if not one.allowed] == []
    account.close()


def test_apply_survives_a_restart(cluster: Cluster, unique: str, restart: Callable[[float], None]) -> None:
    seen = 0

    def count(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == OBJECTS // 4:
            restart(1)

    results = apply(cluster, many(unique), plan="p", run=unique, on_result=count)

    # An answer that the server could not send any more: the repeated request finds the object unchanged.
    assert {one.action for one in results} <= {"created", "unchanged"}
    assert len(results) == OBJECTS + 1
    for kind in ("configmaps", "secrets"):
        selector = {"labelSelector": f"migration-ops.io/run={unique}"}
        there = cluster.get(f"/api/v1/namespaces/{unique}/{kind}", query=selector)["items"]
        assert len(there) == OBJECTS // 2
    again = apply(cluster, many(unique), plan="p", run=unique)
    assert {one.action for one in again} == {"unchanged"}


def test_capture_survives_a_restart(
    cluster: Cluster, unique: str, restart: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration_ops.cluster.listing.PAGE", 10)  # many pages, so that it is in the middle
    apply(cluster, many(unique), plan="p", run=unique)
    selection = Selection(namespaces_include=(unique,))
    before = capture(cluster, selection)

    asked = 0
    plain = Cluster.request

    def counting(self: Cluster, method: str, path: str, **options: object) -> object:
        nonlocal asked
        asked += 1
        if asked == 60:
            restart(1)
        return plain(self, method, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Cluster, "request", counting)
    after = capture(cluster, selection)

    assert asked > 60
    assert after.unreadable == []
    names = [reference_of(one.manifest) for one in after.objects]
    assert names == [reference_of(one.manifest) for one in before.objects]


def test_quiesce_and_resume_survive_a_restart(
    cluster: Cluster, unique: str, restart: Callable[[float], None]
) -> None:
    workloads = [deployment(unique, f"web-{number}") for number in range(3)]
    create(cluster, obj("Namespace", None, unique), *workloads)
    assert wait_ready(cluster, workloads, PATIENCE_SECONDS).ready

    record = quiesce(
        cluster, [unique], plan=unique, run="1", timeout=PATIENCE_SECONDS, on_record=lambda _: restart(1)
    )
    assert len(record.workloads) == 3
    restart(1)
    assert resume(cluster, unique, timeout=PATIENCE_SECONDS).complete
    assert read(cluster, f"apps/v1/Deployment/{unique}/web-2")["spec"]["replicas"] == 1


def test_rollback_survives_a_restart(cluster: Cluster, unique: str, restart: Callable[[float], None]) -> None:
    apply(cluster, many(unique), plan="p", run=unique)
    gone = 0

    def count(*_: str) -> None:
        nonlocal gone
        gone += 1
        if gone == OBJECTS // 4:
            restart(1)

    undone = roll_back(cluster, plan="p", run=unique, on_object=count)

    assert undone.problems == ()
    assert roll_back(cluster, plan="p", run=unique).deleted == ()
