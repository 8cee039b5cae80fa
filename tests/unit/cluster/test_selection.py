"""What filters choose."""

from __future__ import annotations

import re
from typing import Any

import pytest

from migration_ops.cluster import Selection, SelectionError
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.labels import LabelSelector
from migration_ops.cluster.selection import matches_kind

DEPLOYMENTS = ApiResource("apps", "v1", "Deployment", "deployments", namespaced=True)
EVENTS = ApiResource("", "v1", "Event", "events", namespaced=True)
PODS = ApiResource("", "v1", "Pod", "pods", namespaced=True)
POD_METRICS = ApiResource("metrics.k8s.io", "v1beta1", "PodMetrics", "pods", namespaced=True)
LEASES = ApiResource("coordination.k8s.io", "v1", "Lease", "leases", namespaced=True)
ROLES = ApiResource("rbac.authorization.k8s.io", "v1", "Role", "roles", namespaced=True)


@pytest.mark.parametrize(
    ("text", "labels", "chosen"),
    [
        ("app=web", {"app": "web"}, True),
        ("app==web", {"app": "db"}, False),
        ("app!=web", {}, True),
        ("app in (web, api)", {"app": "api"}, True),
        ("app notin (web,api)", {"app": "api"}, False),
        ("app", {"app": ""}, True),
        ("!app", {"app": "web"}, False),
        ("!app", {}, True),
        ("app=web,tier!=test,team", {"app": "web", "team": "a"}, True),
        ("app=web,tier!=test", {"app": "web", "tier": "test"}, False),
        ("example.com/part-of = shop", {"example.com/part-of": "shop"}, True),
        ("app=", {"app": ""}, True),
    ],
)
def test_label_selectors_mean_what_the_api_means(text: str, labels: dict[str, str], chosen: bool) -> None:
    assert LabelSelector.parse(text).matches(labels) is chosen


@pytest.mark.parametrize("text", ["app in web", "=web", "app=web,,", "", "app in (web"])
def test_a_selector_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(SelectionError):
        LabelSelector.parse(text)


def test_an_empty_selector_of_a_manifest_selects_everything_and_a_missing_one_nothing() -> None:
    everything = LabelSelector.of_manifest({})
    assert everything is not None
    assert everything.matches({"a": "b"})
    assert LabelSelector.of_manifest(None) is None


def test_expressions_of_a_manifest_are_understood() -> None:
    selector = LabelSelector.of_manifest(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "old", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector is not None
    assert selector.matches({"app": "web", "tier": "b"})
    assert not selector.matches({"app": "web", "tier": "b", "old": ""})


@pytest.mark.parametrize(
    "pattern",
    [
        "deployments",
        "deployments.apps",
        "apps/deployment",
        "apps/Deployment",
        "Deployment",
        "*.apps",
        "apps/*",
    ],
)
def test_a_kind_may_be_named_in_every_usual_way(pattern: str) -> None:
    assert matches_kind([pattern], DEPLOYMENTS)
    assert not matches_kind([pattern], LEASES)


def test_the_plural_of_a_core_kind_does_not_name_another_groups_kind() -> None:
    assert matches_kind(["pods"], PODS)
    assert not matches_kind(["pods"], POD_METRICS)


def test_platform_namespaces_are_never_chosen() -> None:
    selection = Selection(namespaces_include=("*",), namespaces_exclude=("monitoring",))
    assert selection.takes_namespace("shop")
    assert not selection.takes_namespace("monitoring")
    for name in (
        "kube-system",
        "kube-public",
        "velero",
        "gke-managed-system",
        "openshift-dns",
        "amazon-guardduty",
    ):
        assert not selection.takes_namespace(name), name


def test_a_namespace_that_is_named_is_the_applications_whatever_pattern_it_looks_like() -> None:
    names = ("fleet-tracking", "gke-demo", "amazon-orders", "kube-green", "velero")
    selection = Selection(namespaces_include=(*names, "gke-*"))
    assert [name for name in names if selection.takes_namespace(name)] == list(names)
    assert not selection.is_platform_namespace("amazon-orders")
    assert not selection.takes_namespace("gke-managed-system")
    for name in ("kube-system", "kube-public", "kube-node-lease"):
        assert not Selection(namespaces_include=(name,)).takes_namespace(name)


@pytest.mark.parametrize("name", ["fleet-tracking", "karpenter", "aks-command"])
def test_what_may_well_be_an_applications_name_is_no_platforms(name: str) -> None:
    assert Selection().takes_namespace(name)


def test_only_names_without_globs_are_literal() -> None:
    assert Selection(namespaces_include=("a", "b"), namespaces_exclude=("b",)).literal_namespaces() == ["a"]
    assert Selection(namespaces_include=("a", "b-*")).literal_namespaces() is None


def test_kinds_that_describe_the_cluster_are_left_out() -> None:
    selection = Selection(resources_exclude=("apps/*",))
    assert selection.takes_kind(ROLES)
    assert not selection.takes_kind(EVENTS)
    assert not selection.takes_kind(LEASES)
    assert not selection.takes_kind(DEPLOYMENTS)
    assert "running cluster" in selection.why_not_kind(EVENTS)
    assert "not selected" in selection.why_not_kind(DEPLOYMENTS)


def claim(name: str = "data", storage_class: str = "gp2", **metadata: Any) -> dict[str, Any]:
    """A claim of namespace shop."""
    return {
        "metadata": {"namespace": "shop", "name": name, **metadata},
        "spec": {"storageClassName": storage_class},
    }


@pytest.mark.parametrize(
    ("selection", "manifest", "because"),
    [
        (Selection(), claim(), None),
        (Selection(), claim(annotations={"migration-ops.io/exclude": "true"}), "annotated"),
        (Selection(), claim(labels={"velero.io/exclude-from-backup": "true"}), "velero.io"),
        (Selection(volumes_exclude=("*/cache-*",)), claim("cache-0"), r"\*/cache-\*"),
        (Selection(volumes_exclude=("other/*",)), claim("cache-0"), None),
        (Selection(volumes_include=("shop/db-*",)), claim("web"), "to include"),
        (Selection(storage_classes_exclude=("efs*",)), claim(storage_class="efs-sc"), "storage class efs-sc"),
        (Selection(volume_labels_exclude=("tier in (cache)",)), claim(labels={"tier": "cache"}), "label"),
    ],
)
def test_volumes_are_left_out_for_a_reason(selection: Selection, manifest: Any, because: str | None) -> None:
    reason = selection.volume_left_out(manifest)
    assert (reason is None) if because is None else (reason is not None)
    if because:
        assert re.search(because, reason or "")
