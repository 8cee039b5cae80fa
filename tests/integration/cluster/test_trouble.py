"""What stands in the way on real clusters: accounts with few rights, dead webhooks, stubborn objects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from migration_ops.cluster import (
    Cluster,
    Forbidden,
    Permission,
    Selection,
    ServerFailed,
    apply,
    capture,
    check_permissions,
    reference_of,
    roll_back,
)

from .conftest import Manifest, as_account, crd, create, deployment, exists, obj, read

pytestmark = pytest.mark.lab

RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"


@pytest.fixture
def limited(source_cluster: Cluster, namespace_in: Callable[[Cluster], str]) -> Iterator[tuple[Cluster, str]]:
    """An account that may read workloads and ConfigMaps of its own namespace, and nothing else."""
    space = namespace_in(source_cluster)
    rules = [
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["get", "list"]},
    ]
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "few"}
    subjects = [{"kind": "ServiceAccount", "name": "few", "namespace": space}]
    create(
        source_cluster,
        obj("ServiceAccount", space, "few"),
        obj("Role", space, "few", RBAC, rules=rules),
        obj("RoleBinding", space, "few", RBAC, roleRef=role_ref, subjects=subjects),
        obj("ConfigMap", space, "settings", data={"a": "b"}),
        obj("Secret", space, "password", data={"a": "Yg=="}),
        deployment(space, "web", replicas=0),
    )
    connection = as_account(source_cluster, space, "few")
    yield connection, space
    connection.close()


def test_kinds_that_may_not_be_read_are_reported(limited: tuple[Cluster, str]) -> None:
    cluster, space = limited

    captured = capture(cluster, Selection(namespaces_include=(space,)))

    names = {reference_of(one.manifest) for one in captured.objects}
    assert {f"v1/ConfigMap/{space}/settings", f"apps/v1/Deployment/{space}/web"} <= names
    unreadable = {one.object: one.reason for one in captured.unreadable}
    assert f"v1/Secret in {space}" in unreadable
    assert "forbidden" in unreadable[f"v1/Secret in {space}"]
    assert f"v1/ConfigMap in {space}" not in unreadable


def test_missing_rights_are_found_before_they_are_missed(limited: tuple[Cluster, str]) -> None:
    cluster, space = limited
    needed = [
        Permission("list", "configmaps", namespace=space),
        Permission("list", "secrets", namespace=space),
        Permission("patch", "deployments", "apps", space),
    ]
    assert [one.allowed for one in check_permissions(cluster, needed)] == [True, False, False]
    with pytest.raises(Forbidden, match="grant this verb"):
        cluster.get(f"/api/v1/namespaces/{space}/secrets", what="list secrets")


def webhook(name: str, space: str, policy: str = "Fail") -> Manifest:
    """A webhook on ConfigMaps of one namespace whose backend never comes."""
    config = {"service": {"namespace": space, "name": "nobody", "port": 443, "path": "/"}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
    hook = {
        "name": "hook.example.com",
        "clientConfig": config,
        "rules": [rule],
        "failurePolicy": policy,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
        "namespaceSelector": {"matchLabels": {"watched": name}},
    }
    return obj("ValidatingWebhookConfiguration", None, name, ADMISSION, webhooks=[hook])


def create_working_webhook(cluster: Cluster, name: str, space: str) -> None:
    """Create it, and wait until the API server asks it: it takes webhooks over some moments later."""
    cluster.patch(f"/api/v1/namespaces/{space}", {"metadata": {"labels": {"watched": name}}})
    create(cluster, webhook(name, space))
    path, trial = f"/api/v1/namespaces/{space}/configmaps", obj("ConfigMap", space, "trial")
    for _ in range(300):
        try:
            cluster.request("POST", path, query={"dryRun": "All"}, body=trial, retry_seconds=0)
        except ServerFailed:
            return
        time.sleep(0.2)
    raise AssertionError(f"webhook {name} is never asked")


@pytest.fixture
def without_webhook(target_cluster: Cluster, unique: str) -> Iterator[None]:
    """Takes the webhook away after the test."""
    yield
    path = f"/apis/{ADMISSION}/validatingwebhookconfigurations/{unique}"
    if exists(target_cluster, f"{ADMISSION}/ValidatingWebhookConfiguration//{unique}"):
        target_cluster.request("DELETE", path)


@pytest.mark.usefixtures("without_webhook")
def test_a_webhook_without_backend_is_held_back(
    target_cluster: Cluster, unique: str, cleaned_namespace: Callable[[str], str]
) -> None:
    space = cleaned_namespace(unique)
    objects = [
        webhook(unique, space),
        obj("ConfigMap", space, "settings"),
        obj("Namespace", None, space, metadata={"labels": {"watched": unique}}),
    ]
    results = {
        one.object: one for one in apply(target_cluster, objects, plan="p", run=unique, patience_seconds=2)
    }

    held = results[f"{ADMISSION}/ValidatingWebhookConfiguration//{unique}"]
    assert held.action == "skipped"
    assert f"{space}/nobody has no ready endpoint" in held.message
    assert results[f"v1/ConfigMap/{space}/settings"].action == "created"
    assert not exists(target_cluster, f"{ADMISSION}/ValidatingWebhookConfiguration//{unique}")


@pytest.mark.usefixtures("without_webhook")
def test_a_dead_webhook_of_the_target_is_named_and_waited_for_once(
    target_cluster: Cluster, namespace_in: Callable[[Cluster], str], unique: str
) -> None:
    space = namespace_in(target_cluster)
    create_working_webhook(target_cluster, unique, space)
    objects = [obj("ConfigMap", space, f"c-{number}") for number in range(40)]

    began = time.monotonic()
    results = apply(target_cluster, objects, plan="p", run=unique, patience_seconds=4)

    assert {one.action for one in results} == {"failed"}
    assert "failed calling webhook" in results[0].message
    assert "hook.example.com" in results[0].message
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("without_webhook")
def test_objects_are_admitted_as_soon_as_the_webhook_is_gone(
    target_cluster: Cluster, namespace_in: Callable[[Cluster], str], unique: str
) -> None:
    space = namespace_in(target_cluster)
    create_working_webhook(target_cluster, unique, space)

    def open_the_way() -> None:
        time.sleep(3)
        target_cluster.request("DELETE", f"/apis/{ADMISSION}/validatingwebhookconfigurations/{unique}")

    helper = threading.Thread(target=open_the_way)
    helper.start()
    (result,) = apply(
        target_cluster, [obj("ConfigMap", space, "c")], plan="p", run=unique, patience_seconds=40
    )
    helper.join()
    assert result.action == "created"


def test_a_dry_run_checks_custom_resources_against_a_definition_of_the_set(
    target_cluster: Cluster, unique: str
) -> None:
    group = f"{unique}.example.com"
    good = obj("Widget", unique, "good", f"{group}/v1", spec={"size": 1})
    bad = obj("Widget", unique, "bad", f"{group}/v1", spec={"size": 0})
    objects = [good, bad, crd(group), obj("Namespace", None, unique)]
    results = {one.object: one for one in apply(target_cluster, objects, plan="p", run=unique, dry_run=True)}
    assert results[f"{group}/v1/Widget/{unique}/good"].action == "created"
    assert results[f"{group}/v1/Widget/{unique}/bad"].action == "failed"
    assert "spec.size" in results[f"{group}/v1/Widget/{unique}/bad"].message


def test_a_dry_run_of_recreate_is_not_stopped_by_what_is_there(
    target_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(target_cluster)
    create(target_cluster, deployment(space, "web", replicas=0))
    other = deployment(space, "web", replicas=0)
    other["spec"]["selector"]["matchLabels"] = {"app": "other"}
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}

    def outcome(policy: str) -> str:
        (result,) = apply(target_cluster, [other], plan="p", run=space, existing=policy, dry_run=True)  # type: ignore[arg-type]
        return result.action

    assert outcome("update") == "failed"
    assert outcome("recreate") != "failed"
    assert read(target_cluster, f"apps/v1/Deployment/{space}/web")["spec"]["selector"]["matchLabels"] == {
        "app": "web"
    }


def test_what_cannot_be_deleted_is_a_problem_and_names_its_holder(
    target_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(target_cluster)
    apply(target_cluster, [obj("ConfigMap", space, "c"), obj("ConfigMap", space, "d")], plan="p", run=space)
    path = f"/api/v1/namespaces/{space}/configmaps/c"
    target_cluster.patch(path, {"metadata": {"finalizers": ["example.com/hold"]}})
    try:
        undone = roll_back(target_cluster, plan="p", run=space, timeout=1)
        assert undone.deleted == (f"v1/ConfigMap/{space}/d",)
        (problem,) = undone.problems
        assert "held by example.com/hold" in problem
    finally:
        target_cluster.patch(path, {"metadata": {"finalizers": None}})


def test_custom_resources_are_captured_in_all_served_versions(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str], unique: str
) -> None:
    space = namespace_in(source_cluster)
    group = f"{unique}.example.com"
    definition = crd(group)
    older = {**definition["spec"]["versions"][0], "name": "v1beta1", "storage": False}
    definition["spec"]["versions"].append(older)
    apply(source_cluster, [definition], plan="p", run=unique)
    try:
        create(source_cluster, obj("Widget", space, "w", f"{group}/v1", spec={"size": 1}))
        captured = capture(source_cluster, Selection(namespaces_include=(space,)))
    finally:
        source_cluster.request(
            "DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"
        )
    (found,) = [one for one in captured.objects if one.manifest["kind"] == "Widget"]
    assert found.manifest["apiVersion"] == f"{group}/v1"
    assert [one["apiVersion"] for one in found.alternates] == [f"{group}/v1beta1"]
    assert found.for_target({f"{group}/v1beta1/Widget"})["apiVersion"] == f"{group}/v1beta1"


def test_custom_resources_come_along_and_go_again_while_their_webhook_is_away(
    source_cluster: Cluster,
    target_cluster: Cluster,
    namespace_in: Callable[[Cluster], str],
    cleaned_namespace: Callable[[str], str],
    unique: str,
) -> None:
    space = namespace_in(source_cluster)
    cleaned_namespace(space)
    group = f"{unique}.example.com"
    definition = crd(group)
    newer = {**definition["spec"]["versions"][0], "name": "v2", "storage": False}
    definition["spec"]["versions"].append(newer)
    widget = obj("Widget", space, "w", f"{group}/v1", spec={"size": 1})
    # Nothing stands behind the Service: what is stored as v1 can't be given as v2, which servers prefer.
    client = {"service": {"namespace": space, "name": "hook", "path": "/"}}
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": client}
    apply(source_cluster, [definition], plan="p", run=unique)
    try:
        create(source_cluster, widget, obj("Service", space, "hook", spec={"ports": [{"port": 443}]}))
        conversion = {"spec": {"conversion": {"strategy": "Webhook", "webhook": webhook}}}
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"
        source_cluster.patch(path, conversion)

        captured = capture(source_cluster, Selection(namespaces_include=(space,)))

        taken = {reference_of(one.manifest) for one in captured.objects}
        assert {f"{group}/v1/Widget/{space}/w", f"v1/Service/{space}/hook"} <= taken
        assert captured.unreadable == []
        for _ in range(2):
            results = apply(target_cluster, captured.manifests(), plan="p", run=unique, patience_seconds=5)
            assert [one.message for one in results if one.action == "failed"] == []
        undone = roll_back(target_cluster, plan="p", run=unique, timeout=30)
        assert (undone.problems, undone.kept) == ((), ())
        assert f"{group}/v1/Widget/{space}/w" in undone.deleted
    finally:
        source_cluster.patch(path, {"spec": {"conversion": {"strategy": "None", "webhook": None}}})
        roll_back(source_cluster, plan="p", run=unique)
