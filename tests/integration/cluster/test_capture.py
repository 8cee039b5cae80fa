"""What comes out of a real cluster, and what stays there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migration_ops.cluster import (
    Capture,
    Cluster,
    ObjectReference,
    Selection,
    capture,
    check_permissions,
    discover,
    discovery,
    read_capture,
    reference_of,
    source_permissions,
    storage_classes,
    wait_ready,
    write_capture,
)
from migration_ops.cluster.definitions import wait_established

from .conftest import (
    PATIENCE_SECONDS,
    claim,
    crd,
    create,
    deployment,
    exists,
    obj,
    pod_template,
    read,
    stateful_set,
)

pytestmark = pytest.mark.lab

RBAC = "rbac.authorization.k8s.io/v1"


def names_of(captured: Capture) -> dict[str, str]:
    """Reference and reason of each captured object."""
    return {reference_of(one.manifest): one.reason for one in captured.objects}


def test_a_server_says_its_version_identity_and_kinds(source_cluster: Cluster) -> None:
    assert source_cluster.version().startswith("v")
    assert len(source_cluster.identity()) == 36
    kinds = discover(source_cluster)
    assert ("apps", "Deployment", True) in {(one.group, one.kind, one.namespaced) for one in kinds}
    preferred = [one.version for one in kinds if one.kind == "Ingress" and one.group == "networking.k8s.io"]
    assert preferred == ["v1", "v1beta1"]
    assert abs(source_cluster.clock_skew_seconds()) < 2


def test_the_old_cluster_serves_betas_that_the_new_one_does_not(
    source_cluster: Cluster, target_cluster: Cluster
) -> None:
    beta = "networking.k8s.io/v1beta1/Ingress"
    assert beta in discovery(source_cluster).api_names()
    assert beta not in discovery(target_cluster).api_names()


def test_storage_classes_of_both_clusters_are_listed(
    source_cluster: Cluster, target_cluster: Cluster
) -> None:
    assert "gp2" in [one["metadata"]["name"] for one in storage_classes(source_cluster)]
    assert "alicloud-disk-essd" in [one["metadata"]["name"] for one in storage_classes(target_cluster)]


def test_an_administrator_has_every_right(source_cluster: Cluster) -> None:
    results = check_permissions(source_cluster, source_permissions(["default"]))
    assert [str(one.permission) for one in results if not one.allowed] == []


def test_roots_come_along_and_what_controllers_made_stays(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(source_cluster)
    objects = [
        stateful_set(space, "db"),
        deployment(space, "web"),
        obj(
            "Service",
            space,
            "db",
            spec={"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 1}]},
        ),
        obj("ConfigMap", space, "settings", data={"a": "b"}),
        obj("Secret", space, "password", stringData={"a": "b"}),
    ]
    create(source_cluster, *objects)
    assert wait_ready(source_cluster, objects, PATIENCE_SECONDS).ready

    captured = capture(source_cluster, Selection(namespaces_include=(space,)))

    found = names_of(captured)
    assert {name: found[name] for name in found if f"/{space}/" in name} == {
        f"apps/v1/Deployment/{space}/web": "chosen",
        f"apps/v1/StatefulSet/{space}/db": "chosen",
        f"v1/ConfigMap/{space}/settings": "chosen",
        f"v1/PersistentVolumeClaim/{space}/data-db-0": "chosen",
        f"v1/Secret/{space}/password": "chosen",
        f"v1/Service/{space}/db": "chosen",
    }
    assert f"v1/Namespace//{space}" in found
    left = {one.object.rpartition("/")[0] + "/" for one in captured.left_out}
    assert {
        f"v1/Pod/{space}/",
        f"apps/v1/ReplicaSet/{space}/",
        f"v1/Endpoints/{space}/",
        f"v1/Secret/{space}/",
    } <= left
    assert captured.unreadable == []
    assert all("managedFields" not in one.manifest["metadata"] for one in captured.objects)


def test_a_whole_cluster_is_taken_without_its_platform_and_what_it_makes_itself(
    source_cluster: Cluster, namespace_in: Callable[..., str], unique: str
) -> None:
    space = namespace_in(source_cluster)
    platform = namespace_in(source_cluster, f"gke-{unique}")
    web = deployment(space, "web")
    create(
        source_cluster,
        web,
        obj("ConfigMap", platform, "of-an-add-on"),
        obj("Service", space, "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]}),
        obj("Service", space, "outside", spec={"ports": [{"port": 80}]}),
        obj("Endpoints", space, "outside", subsets=[{"addresses": [{"ip": "192.0.2.1"}]}]),
        obj("Lease", space, "leader", "coordination.k8s.io/v1", spec={"holderIdentity": "a"}),
        obj(
            "Job",
            space,
            "done",
            "batch/v1",
            spec={"completions": 0, "template": pod_template({}, restartPolicy="Never")},
        ),
        obj("ConfigMap", space, "going", metadata={"finalizers": ["example.com/held"]}),
    )
    going = f"/api/v1/namespaces/{space}/configmaps/going"
    source_cluster.request("DELETE", going)
    try:
        assert wait_ready(source_cluster, [web], PATIENCE_SECONDS).ready
        await_object(source_cluster, f"v1/ConfigMap/{space}/kube-root-ca.crt")
        await_field(source_cluster, f"v1/Endpoints/{space}/web", "subsets")
        await_field(source_cluster, f"batch/v1/Job/{space}/done", "status", "completionTime")
        captured = capture(source_cluster, Selection(cluster_scoped=True))
    finally:
        source_cluster.patch(going, {"metadata": {"finalizers": None}})

    reasons = {one.object: one.reason for one in captured.left_out}
    existing = {one["metadata"]["name"] for one in source_cluster.get("/api/v1/namespaces")["items"]}
    platforms = {name for name in existing if name.startswith("kube-")} | {platform}
    assert {"kube-system", "kube-public", "kube-node-lease"} <= platforms
    assert {reasons[f"v1/Namespace//{name}"] for name in platforms} == {"belongs to the platform"}
    found = [ObjectReference.of(one.manifest) for one in captured.objects]
    assert {one.namespace for one in found} & platforms == set()
    assert {one.name for one in found if one.kind == "Namespace"} & platforms == set()
    # The cluster's own, wherever they lie: it has them, so this is no empty question.
    for kind in ("Node", "Event", "Lease", "EndpointSlice", "ReplicaSet", "APIService"):
        assert [one for one in found if one.kind == kind and one.namespace in {"", space}] == [], kind
    assert [one for one in found if one.name == "kube-root-ca.crt"] == []
    assert [one for one in found if one.name.startswith("system:") or one.name == "cluster-admin"] == []
    assert [one for one in found if one.name.startswith("system-") and one.kind == "PriorityClass"] == []
    assert ObjectReference.parse("v1/Service/default/kubernetes") not in found
    tokens = [
        one
        for one in captured.objects
        if one.manifest["kind"] == "Secret" and one.manifest["type"] == "kubernetes.io/service-account-token"
    ]
    assert tokens == []

    assert {str(one) for one in found if one.namespace == space} == {
        f"apps/v1/Deployment/{space}/web",
        f"v1/Service/{space}/web",
        f"v1/Service/{space}/outside",
        f"v1/Endpoints/{space}/outside",
    }
    assert reasons[f"v1/ConfigMap/{space}/going"] == "being deleted"
    assert reasons[f"v1/ConfigMap/{space}/kube-root-ca.crt"].startswith("every cluster writes its own")
    assert reasons[f"v1/Endpoints/{space}/web"] == "filled in by the endpoints controller"
    assert reasons[f"v1/ServiceAccount/{space}/default"] == "every namespace has it"
    assert reasons[f"batch/v1/Job/{space}/done"] == "has ended"
    assert reasons["coordination.k8s.io/v1/Lease"] == "describes the running cluster, not the application"


def await_field(cluster: Cluster, text: str, *path: str) -> None:
    """Wait until an object has a field: controllers write it in their own time."""
    deadline = time.monotonic() + 180
    while True:
        found: Any = read(cluster, text) if exists(cluster, text) else {}
        for key in path:
            found = (found or {}).get(key)
        if found:
            return
        assert time.monotonic() < deadline, f"{text} got no {'.'.join(path)}"
        time.sleep(0.2)


def await_object(cluster: Cluster, text: str) -> None:
    """Wait until an object is there."""
    await_field(cluster, text, "metadata")


def test_a_claim_knows_its_pod_node_class_and_volume(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(source_cluster)
    workload = stateful_set(space, "db")
    create(source_cluster, workload)
    assert wait_ready(source_cluster, [workload], PATIENCE_SECONDS).ready

    (found,) = capture(source_cluster, Selection(namespaces_include=(space,))).claims

    assert (found.namespace, found.name, found.storage_class) == (space, "data-db-0", "gp2")
    assert found.mounted_by == (f"v1/Pod/{space}/db-0",)
    assert found.node
    assert found.volume_name.startswith("pvc-")
    assert (found.access_modes, found.volume_mode) == (("ReadWriteOnce",), "Filesystem")


def test_an_excluded_volume_keeps_its_claim_only_where_a_pod_needs_it(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(source_cluster)
    excluded = {"annotations": {"migration-ops.io/exclude": "true"}}
    workload = deployment(space, "web", claims=["cache"])
    create(source_cluster, claim(space, "cache", **excluded), claim(space, "old", **excluded), workload)
    assert wait_ready(source_cluster, [workload], PATIENCE_SECONDS).ready

    captured = capture(source_cluster, Selection(namespaces_include=(space,)))

    assert captured.claims == []
    found = names_of(captured)
    assert f"v1/PersistentVolumeClaim/{space}/cache" in found
    assert f"v1/PersistentVolumeClaim/{space}/old" not in found
    reasons = {one.object: one.reason for one in captured.left_out}
    assert "kept, empty" in reasons[f"v1/PersistentVolumeClaim/{space}/cache"]
    assert "nothing mounts it" in reasons[f"v1/PersistentVolumeClaim/{space}/old"]


def test_labels_choose_and_the_closure_brings_what_the_chosen_need(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str], unique: str
) -> None:
    space = namespace_in(source_cluster)
    template = pod_template({"app": "web"}, serviceAccountName="web", priorityClassName=unique)
    template["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    web = deployment(space, "web", template=template)
    other = deployment(space, "other", replicas=0)
    create(
        source_cluster,
        obj("PriorityClass", None, unique, "scheduling.k8s.io/v1", value=7),
        obj("ServiceAccount", space, "web"),
        obj("ConfigMap", space, "settings", data={"a": "b"}),
        obj("ConfigMap", space, "unused", data={"a": "b"}),
        obj(
            "ClusterRole",
            None,
            unique,
            RBAC,
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        ),
        obj(
            "ClusterRoleBinding",
            None,
            unique,
            RBAC,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": unique},
            subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": space}],
        ),
        obj(
            "PodDisruptionBudget",
            space,
            "web",
            "policy/v1beta1",
            spec={"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        ),
        web,
        other,
    )
    try:
        selection = Selection(namespaces_include=(space,), label_selectors=("app in (web)",))
        found = names_of(capture(source_cluster, selection))
    finally:
        for path in (
            f"/apis/scheduling.k8s.io/v1/priorityclasses/{unique}",
            f"/apis/{RBAC}/clusterroles/{unique}",
            f"/apis/{RBAC}/clusterrolebindings/{unique}",
        ):
            source_cluster.request("DELETE", path)

    user = f"apps/v1/Deployment/{space}/web"
    account = f"v1/ServiceAccount/{space}/web"
    assert found == {
        user: "chosen",
        f"v1/ConfigMap/{space}/settings": f"environment of container main of {user}",
        account: f"service account of {user}",
        f"scheduling.k8s.io/v1/PriorityClass//{unique}": f"priority class of {user}",
        f"{RBAC}/ClusterRoleBinding//{unique}": f"grants rights to {account}",
        f"{RBAC}/ClusterRole//{unique}": f"role of {RBAC}/ClusterRoleBinding//{unique}",
        f"policy/v1beta1/PodDisruptionBudget/{space}/web": f"acts on the pods of Deployment {space}/web",
        f"v1/Namespace//{space}": "namespace of chosen objects",
    }


def test_custom_resources_bring_their_definition(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str], unique: str
) -> None:
    space = namespace_in(source_cluster)
    group = f"{unique}.example.com"
    create(source_cluster, crd(group))
    try:
        assert wait_established(source_cluster, [f"widgets.{group}"], 20) == {}
        create(source_cluster, obj("Widget", space, "w", f"{group}/v1", spec={"size": 1}))
        found = names_of(capture(source_cluster, Selection(namespaces_include=(space,))))
    finally:
        source_cluster.request(
            "DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"
        )
    definition = f"apiextensions.k8s.io/v1/CustomResourceDefinition//widgets.{group}"
    assert found[definition] == f"definition of {group}/v1/Widget/{space}/w"


def test_a_capture_comes_back_from_its_folder_as_it_was(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str], tmp_path: Path
) -> None:
    space = namespace_in(source_cluster)
    create(source_cluster, obj("ConfigMap", space, "settings", data={"a": "b"}), claim(space, "data"))
    captured = capture(source_cluster, Selection(namespaces_include=(space,)))

    write_capture(captured, tmp_path)

    assert (tmp_path / f"resources/core/ConfigMap/{space}/settings.json").is_file()
    assert (tmp_path / f"resources/core/Namespace/_cluster/{space}.json").is_file()
    assert read_capture(tmp_path) == captured
