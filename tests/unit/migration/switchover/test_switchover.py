"""Addresses, endpoints, and names that don't follow too early."""

from __future__ import annotations

import copy

import pytest

from migration_ops.cluster.suspension import merge
from migration_ops.migration.switchover import (
    address_changes,
    hold_back,
    release_patch,
    services_without_endpoints,
    without_address,
)

OLD, NEW = "external-dns.alpha.kubernetes.io/", "external-dns.kubernetes.io/"


def item(kind, namespace="shop-prod", name="web", api_version="v1", annotations=None, **content):
    metadata = {"name": name, "namespace": namespace}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def balanced(*addresses):
    return {"loadBalancer": {"ingress": list(addresses)}}


def test_old_and_new_addresses_stand_next_to_each_other():
    source = [item("Service", "shop", status=balanced({"hostname": "old.elb.amazonaws.com"}))]
    target = [
        item(
            "Service",
            status=balanced({"ip": "47.98.1.2"}),
            annotations={OLD + "hostname": "a.example.com, b.example.com"},
        )
    ]
    (change,) = address_changes(source, target, {"shop": "shop-prod"})
    assert change.object == "v1/Service/shop-prod/web"
    assert change.hosts == ["a.example.com", "b.example.com"]
    assert (change.old, change.new) == (["old.elb.amazonaws.com"], ["47.98.1.2"])


def test_an_ingress_is_found_although_its_api_group_changed():
    spec = {"rules": [{"host": "shop.example.com"}], "tls": [{"hosts": ["shop.example.com"]}]}
    source = [item("Ingress", "shop", api_version="extensions/v1beta1", status=balanced({"ip": "1.1.1.1"}))]
    target = [item("Ingress", api_version="networking.k8s.io/v1", spec=spec)]
    (change,) = address_changes(source, target, {"shop": "shop-prod"})
    assert (change.hosts, change.old, change.new) == (["shop.example.com"], ["1.1.1.1"], [])
    assert without_address([change]) == ["networking.k8s.io/v1/Ingress/shop-prod/web"]


def test_gateways_have_addresses_too():
    gateway = item(
        "Gateway",
        api_version="gateway.networking.k8s.io/v1",
        spec={"listeners": [{"hostname": "g.example.com"}]},
        status={"addresses": [{"type": "IPAddress", "value": "47.1.1.1"}]},
    )
    (change,) = address_changes([], [gateway], {})
    assert (change.hosts, change.new, change.waits) == (["g.example.com"], ["47.1.1.1"], False)


def test_services_inside_are_not_listed():
    assert address_changes([], [item("Service", spec={"type": "ClusterIP"})], {}) == []
    assert len(address_changes([], [item("Service", spec={"type": "LoadBalancer"})], {})) == 1


@pytest.mark.parametrize(
    ("endpoints", "reached"),
    [
        (item("Endpoints", subsets=[{"addresses": [{"ip": "1"}]}]), True),
        (item("Endpoints", subsets=[{"notReadyAddresses": [{"ip": "1"}]}]), False),
        (item("Endpoints"), False),
        (item("Endpoints", name="other", subsets=[{"addresses": [{"ip": "1"}]}]), False),
    ],
)
def test_a_service_without_ready_pods_is_named(endpoints, reached):
    service = item("Service", spec={"selector": {"app": "web"}})
    expected = [] if reached else ["v1/Service/shop-prod/web has no ready endpoint"]
    assert services_without_endpoints([service], [endpoints]) == expected


def test_endpoint_slices_are_read_as_well():
    slice_ = item("EndpointSlice", name="web-x", endpoints=[{"conditions": {"ready": True}}])
    slice_["metadata"]["labels"] = {"kubernetes.io/service-name": "web"}
    service = item("Service", spec={"selector": {"app": "web"}})
    assert services_without_endpoints([service], [slice_]) == []
    slice_["endpoints"] = [{"conditions": {"ready": False}}]
    assert len(services_without_endpoints([service], [slice_])) == 1


def test_services_that_led_nowhere_before_may_lead_nowhere_now():
    services = [item("Service", name=name, spec={"selector": {"app": name}}) for name in ("web", "idle")]
    before = [item("Endpoints", subsets=[{"addresses": [{"ip": "1"}]}])]
    assert services_without_endpoints(services, [], before) == [
        "v1/Service/shop-prod/web has no ready endpoint"
    ]
    outside = item("Service", spec={"type": "ExternalName"})
    assert services_without_endpoints([outside, item("Service", spec={})], []) == []


@pytest.mark.parametrize(
    "published",
    [
        item("Ingress"),
        item("Service", annotations={OLD + "hostname": "a.example.com"}),
        item("Service", annotations={NEW + "hostname": "a.example.com"}),
        item("Ingress", annotations={OLD + "controller": "dns-controller"}),
    ],
)
def test_names_are_held_back_and_given_free_exactly_as_they_were(published):
    before = copy.deepcopy(published)
    (held,) = hold_back([published])
    annotations = held["metadata"]["annotations"]
    assert annotations[OLD + "controller"] == annotations[NEW + "controller"] == "migration-ops.io"
    assert published == before
    assert hold_back([held]) == [held]
    merge(held, release_patch(held))
    if not held["metadata"]["annotations"]:
        del held["metadata"]["annotations"]
    assert held == before


@pytest.mark.parametrize(
    "other",
    [
        item("Service"),
        item("ConfigMap", annotations={OLD + "hostname": "a.example.com"}),
        item("Ingress", annotations={OLD + "controller": "another"}),
    ],
)
def test_what_external_dns_ignores_stays_as_it_is(other):
    assert hold_back([other]) == [other]
    assert release_patch(other) is None
