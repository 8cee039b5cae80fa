"""What is taken off an object, in which order it goes, and what policies decide."""

from __future__ import annotations

import copy
import os
import re
from typing import Any

import pytest

from migration_ops.cluster import (
    AddressPolicy,
    ObjectReference,
    ObjectResult,
    Rejected,
    label_value,
    strip_for_apply,
)
from migration_ops.cluster.apply_one import reason_never_to_apply
from migration_ops.cluster.existing import decide
from migration_ops.cluster.marks import former_state, mark_updated, pack_former, remember, unpack_former
from migration_ops.cluster.ownership import Ownership
from migration_ops.cluster.refusals import explain
from migration_ops.cluster.schemas import schema_problems
from migration_ops.cluster.waves import apply_order, in_start_order


def made(kind: str, api_version: str = "v1", **content: Any) -> dict[str, Any]:
    """A manifest of namespace shop."""
    metadata = {"name": "x", "namespace": "shop"} | content.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


SERVER_SET = {
    "uid": "u",
    "resourceVersion": "1",
    "generation": 2,
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "selfLink": "/x",
    "managedFields": [{}],
    "generateName": "x-",
    "ownerReferences": [{}],
    "finalizers": ["kubernetes.io/pvc-protection", "foregroundDeletion"],
}


def test_nothing_remains_that_only_the_source_could_say() -> None:
    manifest = made("ConfigMap", metadata=SERVER_SET | {"labels": {"a": "b"}}, data={"a": "b"}, status={})
    before = copy.deepcopy(manifest)
    assert strip_for_apply(manifest) == made("ConfigMap", metadata={"labels": {"a": "b"}}, data={"a": "b"})
    assert manifest == before, "the original is left alone"


def test_finalizers_go_but_for_those_whose_controllers_run_in_the_target() -> None:
    kept = made("ConfigMap", metadata={"finalizers": ["example.com/mine"]})
    assert strip_for_apply(kept, keep_finalizers=["example.com/*"]) == kept
    assert strip_for_apply(kept) == made("ConfigMap", metadata={})


@pytest.mark.parametrize(
    ("manifest", "applied"),
    [
        (
            made("PersistentVolume", metadata={"annotations": {"pv.kubernetes.io/provisioned-by": "ebs"}}),
            False,
        ),
        (made("PersistentVolume", spec={"nfs": {"server": "nas", "path": "/"}}), True),
        (made("Node"), False),
        (made("ConfigMap"), True),
    ],
)
def test_only_volumes_made_by_hand_are_applied(manifest: dict[str, Any], applied: bool) -> None:
    assert (reason_never_to_apply(manifest) is None) is applied


def test_marks_of_an_earlier_migration_go() -> None:
    marks = {"migration-ops.io/plan": "p", "migration-ops.io/run": "r", "migration-ops.io/quiesced-by": "p"}
    assert strip_for_apply(made("ConfigMap", metadata={"labels": marks})) == made("ConfigMap")


def service() -> dict[str, Any]:
    """A Service as a source holds it."""
    return made(
        "Service",
        spec={
            "type": "LoadBalancer",
            "clusterIP": "10.0.0.1",
            "clusterIPs": ["10.0.0.1"],
            "loadBalancerIP": "1.2.3.4",
            "healthCheckNodePort": 30001,
            "ports": [{"port": 80, "nodePort": 30000}],
        },
    )


def test_addresses_of_the_source_go_unless_they_are_to_be_kept() -> None:
    assert strip_for_apply(service())["spec"] == {"type": "LoadBalancer", "ports": [{"port": 80}]}
    kept = AddressPolicy(node_ports=True, cluster_ips=True, load_balancer_ips=True)
    assert strip_for_apply(service(), kept) == service()


def test_a_headless_service_stays_headless() -> None:
    headless = made("Service", spec={"clusterIP": "None", "clusterIPs": ["None"]})
    assert strip_for_apply(headless) == headless


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (
            made(
                "PersistentVolumeClaim",
                metadata={"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
                spec={"volumeName": "pv", "storageClassName": "gp2"},
            ),
            made("PersistentVolumeClaim", spec={"storageClassName": "gp2"}),
        ),
        (
            made(
                "Namespace",
                metadata={"labels": {"kubernetes.io/metadata.name": "x"}},
                spec={"finalizers": ["k"]},
            ),
            made("Namespace"),
        ),
        (
            made("ServiceAccount", secrets=[{"name": "x-token-abc"}, {"name": "mine"}]),
            made("ServiceAccount", secrets=[{"name": "mine"}]),
        ),
        (
            made(
                "Job",
                "batch/v1",
                metadata={"labels": {"controller-uid": "u", "a": "b"}},
                spec={
                    "selector": {"matchLabels": {"controller-uid": "u"}},
                    "template": {"metadata": {"labels": {"controller-uid": "u", "job-name": "x"}}},
                },
            ),
            made(
                "Job",
                "batch/v1",
                metadata={"labels": {"a": "b"}},
                spec={"template": {"metadata": {"labels": {}}}},
            ),
        ),
        (
            made(
                "Pod",
                spec={
                    "nodeName": "n",
                    "priority": 0,
                    "serviceAccountName": "sa",
                    "volumes": [
                        {"name": "kube-api-access-x"},
                        {"name": "sa-token-x", "secret": {"secretName": "sa-token-x"}},
                        {"name": "data"},
                    ],
                    "containers": [
                        {"name": "c", "volumeMounts": [{"name": "kube-api-access-x"}, {"name": "data"}]}
                    ],
                },
            ),
            made(
                "Pod",
                spec={
                    "serviceAccountName": "sa",
                    "volumes": [{"name": "data"}],
                    "containers": [{"name": "c", "volumeMounts": [{"name": "data"}]}],
                },
            ),
        ),
        (
            made("Secret", type="kubernetes.io/service-account-token", data={"token": "x", "extra": "y"}),
            made("Secret", type="kubernetes.io/service-account-token", data={"extra": "y"}),
        ),
    ],
    ids=lambda value: value["kind"],
)
def test_each_kind_loses_its_bonds_to_the_source(manifest: dict[str, Any], expected: dict[str, Any]) -> None:
    assert strip_for_apply(manifest) == expected


def test_a_mapping_that_stands_in_two_places_is_copied_apart() -> None:
    shared = {"app": "web"}
    manifest = made(
        "Deployment", "apps/v1", metadata={"labels": shared}, spec={"selector": {"matchLabels": shared}}
    )
    clean = strip_for_apply(manifest)
    clean["metadata"]["labels"]["more"] = "x"
    assert clean["spec"]["selector"]["matchLabels"] == {"app": "web"}


def test_what_others_need_goes_first_and_what_can_block_goes_last() -> None:
    kinds = [
        ("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"),
        ("Ingress", "networking.k8s.io/v1"),
        ("Widget", "example.com/v1"),
        ("Deployment", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("Service", "v1"),
        ("PersistentVolumeClaim", "v1"),
        ("Secret", "v1"),
        ("ServiceAccount", "v1"),
        ("PriorityClass", "scheduling.k8s.io/v1"),
        ("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
    ]
    ordered = apply_order([made(kind, api_version) for kind, api_version in kinds])
    assert [one["kind"] for one in ordered] == [kind for kind, _ in reversed(kinds)]


OURS = {"uid": "u", "labels": {"migration-ops.io/plan": "p", "migration-ops.io/run": "r"}}
EARLIER = {"uid": "u", "labels": {"migration-ops.io/plan": "p", "migration-ops.io/run": "older"}}
THEIRS: dict[str, Any] = {"uid": "u", "labels": None}


@pytest.mark.parametrize(
    ("name", "found", "policy", "decision"),
    [
        ("v1/ConfigMap/shop/x", None, "fail", "create"),
        ("v1/ConfigMap/shop/x", OURS, "fail", "resume"),
        ("v1/ConfigMap/shop/x", EARLIER, "skip", "update"),
        ("v1/ConfigMap/shop/x", THEIRS, "skip", "skip"),
        ("v1/ConfigMap/shop/x", THEIRS, "update", "update"),
        ("v1/ConfigMap/shop/x", THEIRS, "recreate", "recreate"),
        ("v1/ConfigMap/shop/x", THEIRS, "fail", "fail"),
        ("v1/ConfigMap/shop/x", THEIRS, {"ConfigMap": "update"}, "update"),
        ("apps/v1/Deployment/shop/x", THEIRS, {"apps/Deployment": "recreate", "*": "fail"}, "recreate"),
        ("v1/Secret/shop/x", THEIRS, {"ConfigMap": "update"}, "skip"),
        ("v1/Namespace//shop", THEIRS, "fail", "skip"),
        ("v1/Namespace//shop", THEIRS, "recreate", "skip"),
        ("apiextensions.k8s.io/v1/CustomResourceDefinition//x", THEIRS, "recreate", "update"),
        ("v1/PersistentVolumeClaim/shop/x", EARLIER, "fail", "skip"),
        ("v1/PersistentVolumeClaim/shop/x", THEIRS, "recreate", "skip"),
        ("v1/PersistentVolumeClaim/shop/x", THEIRS, "fail", "fail"),
        ("v1/ServiceAccount/shop/default", THEIRS, "fail", "update"),
    ],
)
def test_policies_decide_about_what_is_there(name: str, found: Any, policy: Any, decision: str) -> None:
    assert decide(ObjectReference.parse(name), found, policy, "p", "r")[0] == decision


def test_a_former_state_travels_on_the_object() -> None:
    before = made(
        "ConfigMap",
        metadata={"uid": "u", "resourceVersion": "1", "labels": {"a": "b"}},
        data={"a": "ü" * 999},
    )
    former = former_state(before)
    after = copy.deepcopy(before)
    mark_updated(after, "p", "r", pack_former(former))
    assert (
        unpack_former(after)
        == former
        == made("ConfigMap", metadata={"labels": {"a": "b"}}, data={"a": "ü" * 999})
    )
    assert former_state(after) == former, "our marks are no part of it"


def test_a_former_state_that_is_too_large_is_left_to_the_journal() -> None:
    assert pack_former(made("ConfigMap", data={"a": os.urandom(200_000).hex()})) is None


def test_the_history_of_earlier_runs_gives_way_before_an_object_is_too_large() -> None:
    there = made("ConfigMap", data={"a": os.urandom(40_000).hex()})
    mark_updated(there, "p", "r1", pack_former(former_state(there)))

    former, packed = remember(there)

    assert packed is not None
    assert former == former_state(there), "what it was before r1 has no room"


@pytest.mark.parametrize("text", ["manual__2026-11-22T18:17:00+00:00", "x" * 100, "scheduled/1", "-", "ünï"])
def test_any_run_has_a_label_value(text: str) -> None:
    value = label_value(text)
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", value)
    assert value != label_value(text + "1")
    assert label_value(value) == value, "a value stays itself"


def test_immutable_fields_are_named_with_the_way_out() -> None:
    error = Rejected(
        "apply: invalid",
        status=422,
        details={"causes": [{"field": "spec.selector", "message": "Invalid value: field is immutable"}]},
    )
    assert explain(error, "update").startswith(
        "spec.selector of the existing object cannot be changed; policy `recreate`"
    )


def test_followers_wait_for_their_owner_and_get_its_new_uid() -> None:
    owner = made("ConfigMap", metadata={"name": "parent"})
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "parent",
        "uid": "old",
        "blockOwnerDeletion": True,
    }
    outsider = {"apiVersion": "v1", "kind": "ConfigMap", "name": "elsewhere", "uid": "old"}
    child = made("Secret", metadata={"ownerReferences": [reference, outsider]})
    ownership = Ownership([child, owner])
    assert ownership.ready([child]) == []
    assert [one["metadata"]["name"] for one, _ in ownership.orphans()] == ["x"]
    ownership.record(ObjectResult("v1/ConfigMap/shop/parent", "created", uid="new"))
    assert ownership.ready([]) == [child]
    clean = strip_for_apply(child)
    ownership.restore(child, clean)
    assert clean["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "parent", "uid": "new"}
    ]


def test_an_operators_passwords_are_there_before_the_operator_looks() -> None:
    cluster = made("Cluster", "postgresql.cnpg.io/v1", metadata={"name": "db"})
    owner = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "name": "db", "controller": True}
    password = made("Secret", metadata={"ownerReferences": [owner]})
    ownership = Ownership([cluster, password])
    assert ownership.ready([password]) == [password]
    ownership.record(ObjectResult("postgresql.cnpg.io/v1/Cluster/shop/db", "created", uid="new"))
    clean = strip_for_apply(password)
    ownership.restore(password, clean)
    assert "ownerReferences" not in clean["metadata"]


def definition(schema: dict[str, Any]) -> dict[str, Any]:
    """A definition of version v1."""
    version = {"name": "v1", "served": True, "schema": {"openAPIV3Schema": schema}}
    old = {"name": "v1beta1", "served": False}
    return {"spec": {"group": "example.com", "names": {"kind": "Widget"}, "versions": [old, version]}}


SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "exclusiveMinimum": False, "format": "int32"},
                "port": {"x-kubernetes-int-or-string": True},
                "note": {"type": "string", "nullable": True},
                "format": {"type": "string", "enum": ["a"]},
            },
        }
    },
}


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"size": 1, "port": "http", "note": None, "format": "a"}, None),
        ({"size": 1, "port": 80}, None),
        ({"size": 0}, "spec.size"),
        ({"size": "1"}, "spec.size"),
        ({}, "'size' is a required property"),
        ({"size": 1, "port": []}, "spec.port"),
        ({"size": 1, "format": "b"}, "spec.format"),
    ],
)
def test_a_custom_resource_is_checked_against_its_definition(
    spec: dict[str, Any], problem: str | None
) -> None:
    found = schema_problems(made("Widget", "example.com/v1", spec=spec), definition(SCHEMA))
    assert (found == []) if problem is None else (len(found) == 1 and problem in found[0])


def test_a_version_that_is_not_served_is_a_problem() -> None:
    (problem,) = schema_problems(made("Widget", "example.com/v1beta1", spec={}), definition(SCHEMA))
    assert problem == "its definition in the set serves v1 only"


def test_stateful_sets_start_in_the_order_that_patterns_give() -> None:
    sets = [made("StatefulSet", "apps/v1", metadata={"name": name}) for name in ("web", "db", "queue", "x")]
    groups = in_start_order(sets, [["statefulset/db"], ["nowhere/*"], ["shop/statefulset/que*"]])
    assert [[one["metadata"]["name"] for one in group] for group in groups] == [
        ["db"],
        ["queue"],
        ["web", "x"],
    ]
    assert in_start_order(sets, []) == [sets]
