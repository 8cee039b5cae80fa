"""A cluster is looked at for a plan: nothing that is there is passed over, and nothing unread is silent."""

from __future__ import annotations

import pytest

from migration_ops.migration.errors import ReadinessError
from migration_ops.migration.plan_draft import DraftOptions, draft_plan
from migration_ops.migration.plan_facts import look_at, look_at_target
from tests.unit.migration.stand_in_cluster import StandInCluster, template, thing

ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
BY_DEPLOYMENT = {"ownerReferences": [{"kind": "Deployment", "name": "web", "controller": True}]}
PLATFORM = [
    thing("Namespace", "kube-system"),
    thing("Pod", "dns", "kube-system"),
    thing("Namespace", "velero"),
]
OBJECTS = [
    *PLATFORM,
    *(thing("Namespace", name) for name in ("shop", "jobs", "asleep", "empty", "files")),
    thing("Pod", "web-1", "shop", spec=template("nginx")["template"]["spec"]),
    thing("Deployment", "web", "shop", spec=template("nginx")),
    thing("ReplicaSet", "web-5", "shop", spec=template("old.example.com/web"), metadata=BY_DEPLOYMENT),
    thing("Deployment", "api", "asleep", spec={"replicas": 0, **template(f"{ECR}/api:1")}),
    thing(
        "PersistentVolumeClaim",
        "data",
        "asleep",
        spec={"storageClassName": "fast", "accessModes": ["ReadWriteMany"]},
    ),
    thing("CronJob", "nightly", "jobs", spec={"jobTemplate": {"spec": template("gcr.io/acme/report:1")}}),
    thing("ConfigMap", "kube-root-ca.crt", "empty"),
    thing("ConfigMap", "settings", "files"),
]


def test_every_namespace_is_found_with_what_it_holds():
    found = look_at(StandInCluster(*OBJECTS))
    assert {name: facts.text() for name, facts in found.namespaces.items()} == {
        "asleep": "1 workload, 1 claim",
        "empty": "no pod, workload, claim, service or config map",
        "files": "1 configmap",
        "jobs": "1 workload",
        "shop": "1 pod, 1 workload",
    }
    assert found.platform == ("velero",)
    assert found.unread == ()


def test_images_are_those_of_templates_too_but_not_of_former_revisions():
    found = look_at(StandInCluster(*OBJECTS))
    assert found.registries == {f"{ECR}/": 1, "docker.io/": 1, "gcr.io/acme/": 1}


def test_only_the_named_namespaces_count():
    found = look_at(StandInCluster(*OBJECTS), ["asleep", "asleep"])
    assert set(found.namespaces) == {"asleep"}
    assert found.claims == {"fast": ["asleep/data"]}
    assert found.shared_classes == {"fast"}
    assert found.registries == {f"{ECR}/": 1}


def test_a_namespace_that_looks_like_a_platforms_counts_when_it_is_named():
    assert set(look_at(StandInCluster(*OBJECTS), ["velero"]).namespaces) == {"velero"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nosuch", "there is no namespace nosuch in stand-in; there are .*shop"),
        ("kube-system", "own and stays"),
    ],
)
def test_a_namespace_that_cannot_move_is_refused(name, words):
    with pytest.raises(ReadinessError, match=words):
        look_at(StandInCluster(*OBJECTS), ["shop", name])


def test_a_missing_namespace_is_told_to_an_account_that_may_list_none():
    cluster = StandInCluster(*OBJECTS, forbidden={"namespaces"})
    with pytest.raises(ReadinessError, match="there is no namespace nosuch in stand-in; check its spelling"):
        look_at(cluster, ["nosuch"])


def test_a_named_namespace_is_read_with_rights_in_it_alone():
    everywhere = {
        "namespaces", "nodes", "pods", "persistentvolumeclaims", "deployments", "replicasets", "cronjobs",
        "services", "configmaps", "storageclasses",
    }  # fmt: skip
    found = look_at(StandInCluster(*OBJECTS, forbidden=everywhere), ["asleep"])
    assert found.namespaces["asleep"].text() == "1 workload, 1 claim"
    assert found.unread == ("nodes", "storageclasses")


def test_what_may_not_be_read_is_named_and_never_taken_for_nothing():
    forbidden = {"pods", "namespaces", "storageclasses"}
    found = look_at(StandInCluster(*OBJECTS, forbidden=forbidden))
    assert found.unread == ("namespaces", "pods in all namespaces", "storageclasses")
    assert "asleep" in found.namespaces
    target = look_at_target(StandInCluster(forbidden={"storageclasses"}))
    text = draft_plan(found, DraftOptions(name="shop"), target)
    for what in (*found.unread, "storageclasses of the target"):
        assert f"#   - {what}\n" in text


def test_an_account_without_any_right_gets_a_plan_that_says_so():
    everything = [resource.plural for resource in StandInCluster().cache["discovery"].resources]
    text = draft_plan(look_at(StandInCluster(*OBJECTS, forbidden=everything)), DraftOptions(name="shop"))
    assert "DECIDE: name the namespaces; the account may not list them" in text
    assert "no pod" not in text
    assert "#   - pods in all namespaces\n" in text


def test_a_named_namespace_that_may_not_be_read_stays_named():
    found = look_at(StandInCluster(*OBJECTS, forbidden={"namespaces@shop", "pods@shop"}), ["shop"])
    assert found.unread == ("whether there is a namespace shop", "pods in shop")
    assert '- "shop"    # DECIDE' in draft_plan(found, DraftOptions(name="shop"))
