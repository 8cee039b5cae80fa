"""What holds for every transformation: pure, repeatable, ordered, one object a name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from migration_ops.transform import (
    ManifestError,
    ParameterError,
    Parameters,
    TransformResult,
    load_rule_sets,
    recognise_provider,
    transform,
)

Apply = Callable[..., TransformResult]
Manifest = dict[str, Any]
CATALOGUE = load_rule_sets(["api-versions", "eks-to-ack"])


def config(name: str, namespace: str = "shop", **metadata: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
    }


def test_the_input_stays_as_it_is(deployment: Manifest) -> None:
    before = copy.deepcopy(deployment)

    transform([deployment], CATALOGUE, Parameters(namespaces={"shop": "shop-prod"}))

    assert deployment == before


def test_the_same_input_gives_the_same_output(deployment: Manifest) -> None:
    parameters = Parameters(namespaces={"shop": "shop-prod"})

    assert transform([deployment], CATALOGUE, parameters) == transform([deployment], CATALOGUE, parameters)


@pytest.mark.parametrize(
    ("image", "registries", "told"),
    [
        ("1.dkr.ecr.eu-west-1.amazonaws.com/web:1", {}, True),
        ("europe-docker.pkg.dev/shop/web:1", {"docker.io/": "registry.example.com/"}, True),
        (
            "1.dkr.ecr.eu-west-1.amazonaws.com/web:1",
            {"1.dkr.ecr.eu-west-1.amazonaws.com/": "r.example.com/"},
            False,
        ),
        ("quay.io/shop/web:1", {}, False),
        ("web:1", {}, False),
    ],
)
def test_an_image_that_stays_in_another_clouds_registry_is_told(
    deployment: Manifest, image: str, registries: dict[str, str], told: bool
) -> None:
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image

    findings = transform([deployment], CATALOGUE, Parameters(image_registries=registries)).findings

    about = [finding for finding in findings if finding.rule == "images/containers"]
    assert [finding.severity for finding in about] == (["warning"] if told else [])
    assert all(image in finding.message for finding in about)


def test_what_is_needed_comes_first(deployment: Manifest) -> None:
    kinds = [
        ("networking.k8s.io/v1", "Ingress"),
        ("apps/v1", "Deployment"),
        ("v1", "Service"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
        ("example.com/v1", "Widget"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Secret"),
        ("v1", "ServiceAccount"),
        ("v1", "Namespace"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ]
    objects = [{"apiVersion": version, "kind": kind, "metadata": {"name": "x"}} for version, kind in kinds]

    assert [item["kind"] for item in transform(objects, [], Parameters()).objects] == [
        "CustomResourceDefinition",
        "Namespace",
        "ServiceAccount",
        "Secret",
        "PersistentVolumeClaim",
        "Service",
        "Deployment",
        "Widget",
        "Ingress",
        "ValidatingWebhookConfiguration",
    ]


def test_two_namespaces_that_become_one_may_not_collide() -> None:
    objects = [config("app", "a"), config("app", "b"), config("other", "b")]

    result = transform(objects, load_rule_sets([]), Parameters(namespaces={"a": "c", "b": "c"}))

    assert [finding.severity for finding in result.findings] == ["blocker"]
    assert (
        "v1/ConfigMap/a/app and v1/ConfigMap/b/app all become v1/ConfigMap/c/app"
        in result.findings[0].message
    )


def test_an_object_that_the_source_serves_in_two_groups_comes_once() -> None:
    metadata = {"name": "web", "namespace": "shop", "uid": "42"}
    paths = [{"path": "/", "backend": {"serviceName": "web", "servicePort": 80}}]
    old = {"kind": "Ingress", "metadata": metadata, "spec": {"rules": [{"http": {"paths": paths}}]}}
    new_path = {"path": "/", "pathType": "ImplementationSpecific", "backend": {"service": {"name": "web"}}}
    new = {"kind": "Ingress", "metadata": metadata, "spec": {"rules": [{"http": {"paths": [new_path]}}]}}

    result = transform(
        [{"apiVersion": "extensions/v1beta1", **old}, {"apiVersion": "networking.k8s.io/v1", **new}],
        CATALOGUE,
        Parameters(),
    )

    assert [item["apiVersion"] for item in result.objects] == ["networking.k8s.io/v1"]
    assert result.objects[0]["spec"]["rules"][0]["http"]["paths"] == [new_path]
    assert [dropped.object for dropped in result.dropped] == ["extensions/v1beta1/Ingress/shop/web"]


@pytest.mark.parametrize(
    "manifest",
    [
        {"kind": "Pod", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": []}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {1, 2}},
        [],
    ],
)
def test_what_is_no_manifest_is_refused_by_name(manifest: Any) -> None:
    with pytest.raises(ManifestError):
        transform([manifest], [], Parameters())


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(ParameterError, match="no rule set knows the parameter regoin; did you mean region"):
        transform([], CATALOGUE, Parameters(params={"regoin": "x"}))


def test_a_parameter_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"params.zones must be a mapping"):
        transform([], CATALOGUE, Parameters(params={"zones": ["a"]}))


@pytest.mark.parametrize("mapping", ["storage_classes", "namespaces"])
def test_a_mapping_whose_result_would_be_mapped_again_is_refused(mapping: str) -> None:
    with pytest.raises(ParameterError, match="a becomes b, and b becomes c"):
        Parameters(**{mapping: {"a": "b", "b": "c"}})


def test_findings_come_by_severity(apply: Apply) -> None:
    severities = ["info", "blocker", "warning", "decision"]
    rules = [
        f"{{name: r{i}, do: [{{finding: {{severity: {s}, message: m}}}}]}}" for i, s in enumerate(severities)
    ]

    result = apply(f"rules: [{', '.join(rules)}]", config("app"))

    assert [finding.severity for finding in result.findings] == ["blocker", "decision", "warning", "info"]


def test_the_provider_is_recognised_by_nodes_before_annotations() -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n"},
        "spec": {"providerID": "azure:///subscriptions/x"},
    }
    leftovers = config(
        "app", annotations={"eks.amazonaws.com/role-arn": "x", "eks.amazonaws.com/audience": "y"}
    )

    assert recognise_provider([leftovers]) == "eks"
    assert recognise_provider([leftovers, node]) == "aks"
    assert recognise_provider([config("app")]) is None


def test_rules_for_another_provider_are_pointed_out() -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "a", "namespace": "n", "annotations": {"iam.gke.io/gcp-service-account": "x"}},
    }

    messages = [finding.message for finding in transform([account], CATALOGUE, Parameters()).findings]

    assert "the source looks like gke, but eks-to-ack is for eks" in messages


def test_what_the_target_lacks_is_a_blocker_unless_its_definition_comes_along() -> None:
    widget = {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "namespace": "shop"},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True}],
        },
    }
    parameters = Parameters(target_apis=["v1", "apps/v1", "apiextensions.k8s.io/v1"])

    assert len(transform([widget], CATALOGUE, parameters).blockers) == 1
    assert transform([widget, definition], CATALOGUE, parameters).blockers == []


def test_references_to_owners_that_come_along_stay_for_who_applies_them() -> None:
    owner = {"apiVersion": "example.com/v1", "kind": "Database", "name": "db", "uid": "1", "controller": True}
    database = {
        "apiVersion": "example.com/v1",
        "kind": "Database",
        "metadata": {"name": "db", "namespace": "shop", "uid": "1"},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "password", "namespace": "shop", "ownerReferences": [owner]},
    }

    kept = transform([database, secret], CATALOGUE, Parameters()).objects
    alone = transform([secret], CATALOGUE, Parameters()).objects

    assert [item["metadata"].get("ownerReferences") for item in kept] == [[owner], None]
    assert "ownerReferences" not in alone[0]["metadata"]


def test_the_copy_list_names_each_image_once_with_its_users(deployment: Manifest) -> None:
    other = {**deployment, "metadata": {**deployment["metadata"], "name": "api"}}

    result = transform(
        [deployment, other],
        CATALOGUE,
        Parameters(image_registries={"docker.io/library/": "reg.example.com/lib/"}),
    )

    assert [copied.as_dict() for copied in result.image_copies][1] == {
        "source": "docker.io/library/web:1",
        "target": "reg.example.com/lib/web:1",
        "objects": ["apps/v1/Deployment/shop/web", "apps/v1/Deployment/shop/api"],
    }
