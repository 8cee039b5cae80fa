"""Bringing objects into a real target: order, policies, dry runs, repeating, rolling back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from migration_ops.cluster import (
    Cluster,
    ObjectReference,
    ObjectResult,
    ReadinessResult,
    apply,
    discovery,
    reference_of,
    roll_back,
    wait_ready,
)

from .conftest import (
    PATIENCE_SECONDS,
    Manifest,
    claim,
    claim_spec,
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
PLAN = "migration-ops.io/plan"
RUN = "migration-ops.io/run"
BY_THE_CLOUD = {"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"}
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


def actions(results: list[ObjectResult]) -> dict[str, str]:
    """What was done, by object."""
    return {one.object: one.action for one in results}


def shop(space: str) -> list[Manifest]:
    """An application as a capture would hold it, in no good order."""
    service_spec = {
        "type": "NodePort",
        "clusterIP": "172.20.99.99",
        "clusterIPs": ["172.20.99.99"],
        "selector": {"app": "web"},
        "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30999, "targetPort": 80}],
    }
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    scale = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    job = {"spec": {"template": pod_template({}, restartPolicy="Never")}}
    nightly = {"schedule": "0 0 29 2 *", "jobTemplate": job}
    template = pod_template({"app": "web"}, ["files"], serviceAccountName="web")
    web = deployment(space, "web", template=template)
    web["status"] = {"replicas": 1}
    web["metadata"] |= {
        "uid": "11111111-0000-0000-0000-000000000000",
        "resourceVersion": "5",
        "generation": 3,
    }
    bound = {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    files = claim(space, "files", "alicloud-disk-essd", **bound)
    files["spec"]["volumeName"] = "pvc-of-the-source"
    ingress_spec = {
        "rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
            "service": {"name": "web", "port": {"number": 80}}}}]}}]
    }  # fmt: skip
    budget_spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    return [
        obj("Ingress", space, "web", "networking.k8s.io/v1", spec=ingress_spec),
        web,
        obj("CronJob", space, "nightly", "batch/v1beta1", spec=nightly),
        obj("PodDisruptionBudget", space, "web", "policy/v1beta1", spec=budget_spec),
        obj("HorizontalPodAutoscaler", space, "web", "autoscaling/v2beta2", spec={
            "maxReplicas": 3, "minReplicas": 1, "scaleTargetRef": scale}),
        obj("Service", space, "web", spec=service_spec),
        files,
        obj("PersistentVolume", None, "pvc-of-the-source", spec={}, metadata={"annotations": BY_THE_CLOUD}),
        obj("Secret", space, "password", data={"a": "Yg=="}),
        obj("ConfigMap", space, "settings", data={"a": "b"}),
        obj("RoleBinding", space, "reader", RBAC, roleRef=role_ref,
            subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": space}]),
        obj("Role", space, "reader", RBAC, rules=[PODS]),
        obj("ServiceAccount", space, "web", secrets=[{"name": "web-token-abcde"}]),
        obj("Namespace", None, space, spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"}),
    ]  # fmt: skip


@pytest.fixture
def space(unique: str, cleaned_namespace: Callable[[str], str]) -> str:
    """The name of a namespace that does not exist yet."""
    return cleaned_namespace(unique)


def test_an_application_is_applied_in_order_and_becomes_ready(target_cluster: Cluster, space: str) -> None:
    objects = shop(space)
    seen: list[str] = []

    results = apply(
        target_cluster, objects, plan="p", run=space, on_result=lambda one: seen.append(one.object)
    )

    done = actions(results)
    assert done.pop("v1/PersistentVolume//pvc-of-the-source") == "skipped"
    assert set(done.values()) == {"created"}, results
    assert seen == [one.object for one in results]
    kinds = [ObjectReference.parse(name).kind for name in seen if "PersistentVolume/" not in name]
    assert kinds.index("Namespace") == 0
    assert kinds.index("ServiceAccount") < kinds.index("RoleBinding") < kinds.index("Deployment")
    assert kinds.index("PersistentVolumeClaim") < kinds.index("Deployment") < kinds.index("Ingress")
    # The server's own count of its writes, of objects that nobody else writes to: they came in this order.
    written = {
        kind: int(read(target_cluster, f"{version}/{kind}/{space}/{name}")["metadata"]["resourceVersion"])
        for version, kind, name in (
            (RBAC, "Role", "reader"),
            (RBAC, "RoleBinding", "reader"),
            ("v1", "Secret", "password"),
            ("v1", "ConfigMap", "settings"),
            ("v1", "Service", "web"),
            ("networking.k8s.io/v1", "Ingress", "web"),
        )
    }
    configuration = {written[kind] for kind in ("RoleBinding", "Secret", "ConfigMap")}
    assert written["Role"] < min(configuration)
    assert max(configuration) < written["Service"] < written["Ingress"]

    ready = wait_ready(target_cluster, objects[:-1], PATIENCE_SECONDS)
    assert [str(one) for one in ready.not_ready if "PersistentVolume//" not in one.object] == []
    service = read(target_cluster, f"v1/Service/{space}/web")
    assert service["spec"]["clusterIP"] != "172.20.99.99"
    assert service["spec"]["ports"][0]["nodePort"] != 30999
    assert service["metadata"]["labels"] == {PLAN: "p", RUN: space}
    assert {one["manager"] for one in service["metadata"]["managedFields"]} == {"migration-ops"}


def without_claims(manifest: Manifest) -> Manifest:
    """The same without volumes, as a cluster may have no default StorageClass."""
    del manifest["spec"]["volumeClaimTemplates"]
    del manifest["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    return manifest


def test_stateful_sets_start_one_after_the_other_each_when_the_former_is_ready(
    target_cluster: Cluster, space: str
) -> None:
    names = ("queue", "db", "cache")
    ready_then: dict[str, set[str]] = {}

    def see(result: ObjectResult) -> None:
        """Which sets have their pod ready at the moment when one was made."""
        reference = ObjectReference.parse(result.object)
        if reference.kind == "StatefulSet":
            made = [read(target_cluster, f"apps/v1/StatefulSet/{space}/{one}") for one in ready_then]
            ready_then[reference.name] = {
                one["metadata"]["name"] for one in made if one["status"].get("readyReplicas")
            }

    apply(
        target_cluster,
        [obj("Namespace", None, space), *(without_claims(stateful_set(space, name)) for name in names)],
        plan="p",
        run=space,
        start_order=(("statefulset/db",), (f"{space}/statefulset/q*",)),
        patience_seconds=300,
        on_result=see,
    )

    assert list(ready_then) == ["db", "queue", "cache"]
    assert ready_then["db"] == set()
    assert ready_then["queue"] == {"db"}
    assert ready_then["cache"] == {"db", "queue"}


def test_a_second_run_only_adds_what_is_missing(target_cluster: Cluster, space: str) -> None:
    objects = shop(space)
    first = apply(target_cluster, objects, plan="p", run=space)
    uid = read(target_cluster, f"v1/ConfigMap/{space}/settings")["metadata"]["uid"]
    target_cluster.request("DELETE", f"/api/v1/namespaces/{space}/secrets/password")

    second = actions(apply(target_cluster, objects, plan="p", run=space))

    assert second.pop(f"v1/Secret/{space}/password") == "created"
    assert second.pop("v1/PersistentVolume//pvc-of-the-source") == "skipped"
    # The claim has been bound meanwhile, the workload has a status: what we applied is as it was.
    assert set(second.values()) <= {"unchanged", "updated"}
    assert second[f"v1/ConfigMap/{space}/settings"] == "unchanged"
    assert read(target_cluster, f"v1/ConfigMap/{space}/settings")["metadata"]["uid"] == uid
    assert {one.object for one in first} == {
        *second,
        f"v1/Secret/{space}/password",
        "v1/PersistentVolume//pvc-of-the-source",
    }


def test_custom_resources_wait_for_their_definition(target_cluster: Cluster, space: str, unique: str) -> None:
    group = f"{unique}.example.com"
    objects = [
        obj("Widget", space, "w", f"{group}/v1", spec={"size": 3}),
        crd(group),
        obj("Namespace", None, space),
    ]
    results = apply(target_cluster, objects, plan="p", run=space)
    try:
        assert set(actions(results).values()) == {"created"}, results
        assert exists(target_cluster, f"{group}/v1/Widget/{space}/w")
    finally:
        undone = roll_back(target_cluster, plan="p", run=space)
    assert undone.problems == ()
    assert discovery(target_cluster, refresh=True).find(group, "Widget") is None


def test_a_dry_run_judges_everything_and_changes_nothing(
    target_cluster: Cluster, space: str, unique: str
) -> None:
    group = f"{unique}.example.com"
    broken = deployment(space, "broken")
    broken["spec"]["replicas"] = "three"
    negative = deployment(space, "negative", replicas=-1)
    objects = [
        *shop(space),
        obj("Pod", space, "tool", spec=pod_template({}, serviceAccountName="web")["spec"]),
        broken,
        negative,
        crd(group),
        obj("Widget", space, "w", f"{group}/v1", spec={"size": 3}),
        obj("Gadget", space, "g", "gadgets.example.com/v1"),
        obj("ConfigMap", f"{space}-missing", "c"),
    ]

    results = apply(target_cluster, objects, plan="p", run=space, dry_run=True)

    failed = {one.object: one.message for one in results if one.action == "failed"}
    assert set(failed) == {
        f"apps/v1/Deployment/{space}/broken",
        f"apps/v1/Deployment/{space}/negative",
        f"gadgets.example.com/v1/Gadget/{space}/g",
        f"v1/ConfigMap/{space}-missing/c",
    }
    assert "spec.replicas" in failed[f"apps/v1/Deployment/{space}/negative"]
    assert "does not serve" in failed[f"gadgets.example.com/v1/Gadget/{space}/g"]
    assert not exists(target_cluster, f"v1/Namespace//{space}")
    assert discovery(target_cluster, refresh=True).find(group, "Widget") is None


@pytest.fixture
def occupied(target_cluster: Cluster, namespace_in: Callable[[Cluster], str]) -> str:
    """A namespace of somebody else with a ConfigMap, a Deployment and a claim in it."""
    space = namespace_in(target_cluster)
    create(
        target_cluster,
        obj("ConfigMap", space, "settings", data={"theirs": "1"}, metadata={"labels": {"owner": "them"}}),
        deployment(space, "web"),
        claim(space, "data", "alicloud-disk-essd"),
    )
    return space


def newcomers(space: str) -> list[Manifest]:
    """Objects of which half are there already."""
    web = deployment(space, "web")
    web["spec"]["selector"]["matchLabels"] = {"app": "other"}
    web["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    return [
        obj("Namespace", None, space),
        obj("ConfigMap", space, "settings", data={"ours": "2"}),
        obj("ConfigMap", space, "more", data={"ours": "2"}),
        claim(space, "data", "alicloud-disk-essd"),
        web,
    ]


def test_policy_skip_leaves_what_is_there(target_cluster: Cluster, occupied: str) -> None:
    results = {one.object: one for one in apply(target_cluster, newcomers(occupied), plan="p", run=occupied)}
    assert {
        name.split("/", 1)[1] if name.startswith("v1/") else name: one.action for name, one in results.items()
    } == {
        f"Namespace//{occupied}": "skipped",
        f"ConfigMap/{occupied}/settings": "skipped",
        f"ConfigMap/{occupied}/more": "created",
        f"PersistentVolumeClaim/{occupied}/data": "skipped",
        f"apps/v1/Deployment/{occupied}/web": "skipped",
    }
    assert read(target_cluster, f"v1/ConfigMap/{occupied}/settings")["data"] == {"theirs": "1"}


def test_policy_fail_touches_nothing(target_cluster: Cluster, occupied: str) -> None:
    results = actions(apply(target_cluster, newcomers(occupied), plan="p", run=occupied, existing="fail"))
    assert results[f"v1/ConfigMap/{occupied}/settings"] == "failed"
    assert results[f"v1/ConfigMap/{occupied}/more"] == "skipped"
    assert not exists(target_cluster, f"v1/ConfigMap/{occupied}/more")


def test_policy_update_is_undone_exactly(target_cluster: Cluster, occupied: str) -> None:
    name = f"v1/ConfigMap/{occupied}/settings"
    before = read(target_cluster, name)

    results = {
        one.object: one
        for one in apply(target_cluster, newcomers(occupied), plan="p", run=occupied, existing="update")
    }

    assert results[name].action == "updated"
    assert read(target_cluster, name)["data"] == {"theirs": "1", "ours": "2"}
    selector = results[f"apps/v1/Deployment/{occupied}/web"]
    assert selector.action == "failed"
    assert "spec.selector" in selector.message
    assert "recreate" in selector.message

    undone = roll_back(target_cluster, plan="p", run=occupied)

    assert undone.problems == ()
    assert undone.deleted == (f"v1/ConfigMap/{occupied}/more",)
    assert name in undone.restored
    after = read(target_cluster, name)
    assert after["data"] == {"theirs": "1"}
    assert after["metadata"]["labels"] == {"owner": "them"}
    assert after["metadata"].get("annotations", {}) == {}
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert exists(target_cluster, f"v1/PersistentVolumeClaim/{occupied}/data")


def test_policies_are_given_per_kind_and_recreate_is_undone(target_cluster: Cluster, occupied: str) -> None:
    name = f"apps/v1/Deployment/{occupied}/web"
    before = read(target_cluster, name)
    policies = {"apps/Deployment": "recreate", "*": "skip"}

    results = actions(apply(target_cluster, newcomers(occupied), plan="p", run=occupied, existing=policies))

    assert results[name] == "updated"
    assert results[f"v1/ConfigMap/{occupied}/settings"] == "skipped"
    assert read(target_cluster, name)["spec"]["selector"] == {"matchLabels": {"app": "other"}}

    undone = roll_back(target_cluster, plan="p", run=occupied)

    assert undone.problems == ()
    assert undone.restored == (name,)
    after = read(target_cluster, name)
    assert after["spec"] == before["spec"]
    assert PLAN not in after["metadata"].get("labels", {})


def test_rollback_deletes_exactly_what_the_run_made(target_cluster: Cluster, space: str) -> None:
    objects = [*shop(space), stateful_set(space, "db")]
    apply(target_cluster, objects, plan="p", run=space)
    create(target_cluster, obj("ConfigMap", space, "theirs", data={"a": "b"}))

    undone = roll_back(target_cluster, plan="p", run=space)

    assert undone.problems == ()
    kept = dict(undone.kept)
    assert set(kept) == {f"v1/Namespace//{space}"}, "somebody else's object lies in it"
    assert "theirs" in kept[f"v1/Namespace//{space}"]
    assert exists(target_cluster, f"v1/ConfigMap/{space}/theirs")
    assert not exists(target_cluster, f"apps/v1/Deployment/{space}/web")
    assert not exists(target_cluster, f"v1/PersistentVolumeClaim/{space}/files")


def test_rollback_of_another_run_finds_nothing(target_cluster: Cluster, space: str) -> None:
    apply(target_cluster, shop(space), plan="p", run=space)
    assert roll_back(target_cluster, plan="p", run=f"{space}-other").deleted == ()
    undone = roll_back(target_cluster, plan="p", run=space, keep_claims=True)
    assert f"v1/PersistentVolumeClaim/{space}/files" in dict(undone.kept)
    assert exists(target_cluster, f"v1/PersistentVolumeClaim/{space}/files")


def test_a_staged_claim_of_the_plan_is_used(
    target_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(target_cluster)
    staged = obj("PersistentVolumeClaim", space, "data", spec=claim_spec("2Mi", "alicloud-disk-essd"),
                 metadata={"labels": {PLAN: "p", RUN: "stage-1"}})  # fmt: skip
    create(target_cluster, staged)
    (result,) = apply(
        target_cluster, [claim(space, "data", "alicloud-disk-essd")], plan="p", run=space, existing="fail"
    )
    assert (result.action, result.message) == ("skipped", "staged by this plan")


def test_owners_are_rebuilt_with_the_targets_uids(target_cluster: Cluster, space: str) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "parent", "uid": "of-the-source"}
    gone = {"apiVersion": "v1", "kind": "ConfigMap", "name": "not-captured", "uid": "of-the-source"}
    child = obj("Secret", space, "child", metadata={"ownerReferences": [owner, gone]})
    objects = [child, obj("ConfigMap", space, "parent"), obj("Namespace", None, space)]

    results = apply(target_cluster, objects, plan="p", run=space)

    assert set(actions(results).values()) == {"created"}
    parent = read(target_cluster, f"v1/ConfigMap/{space}/parent")
    references = read(target_cluster, f"v1/Secret/{space}/child")["metadata"]["ownerReferences"]
    assert [one["uid"] for one in references] == [parent["metadata"]["uid"]]


def test_what_is_not_ready_is_named_with_its_cause(
    target_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(target_cluster)
    template = pod_template({"app": "web"})
    template["spec"]["containers"][0]["image"] = "registry.invalid/shop/web:1.0"
    unschedulable = deployment(
        space, "picky", template=pod_template({"app": "picky"}, nodeSelector={"no": "where"})
    )
    objects = [deployment(space, "web", template=template), unschedulable, deployment(space, "fine")]
    create(target_cluster, *objects)

    assert wait_ready(target_cluster, objects[2:], PATIENCE_SECONDS).ready
    causes = {
        f"apps/v1/Deployment/{space}/web": "registry.invalid/shop/web:1.0",
        f"apps/v1/Deployment/{space}/picky": "cannot be scheduled",
    }

    def all_named(result: ReadinessResult) -> bool:
        reasons = {one.object: str(one) for one in result.not_ready}
        return all(cause in reasons[name] for name, cause in causes.items())

    result = wait_ready(target_cluster, objects, 0)
    for _ in range(60):  # the kubelet and the scheduler take their time to say so
        if all_named(result):
            break
        result = wait_ready(target_cluster, objects, 1)
    assert all_named(result), result
    assert [reference_of(objects[2])] == list(result.ready_objects)
