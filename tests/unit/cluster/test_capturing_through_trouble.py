"""What a capture does about webhooks that are away, and about owners that don't come along."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.cluster import Capture, Cluster, Selection, capture

from .conftest import Asked, FakeServer, Reply, status

GROUP = "example.com"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NO_ENDPOINTS = (
    "conversion webhook for example.com/v1, Kind=Gadget failed: Post "
    '"https://hook.ops.svc:443/c": no endpoints available for service "hook"'
)


def kind(name: str, plural: str, *, namespaced: bool = True) -> dict[str, Any]:
    return {"name": plural, "kind": name, "namespaced": namespaced, "verbs": ["list", "get"]}


def obj(api_version: str, kind: str, name: str, *, space: str | None = "shop", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"uid-{name}"} | ({"namespace": space} if space else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata | more.pop("metadata", {}), **more}


def owned_by(api_version: str, kind: str, name: str) -> dict[str, Any]:
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "uid": "1", "controller": True}
    return {"ownerReferences": [owner]}


class Source:
    """A source of a few kinds in the namespace `shop`."""

    def __init__(self, server: FakeServer, groups: dict[str, list[dict[str, Any]]]) -> None:
        self.server = server
        core = [
            kind("Namespace", "namespaces", namespaced=False),
            kind("ConfigMap", "configmaps"),
            kind("Pod", "pods"),
            kind("Service", "services"),
            kind("Endpoints", "endpoints"),
        ]
        definitions = [kind("CustomResourceDefinition", "customresourcedefinitions", namespaced=False)]
        groups = {"apiextensions.k8s.io/v1": definitions} | groups
        named: dict[str, list[str]] = {}
        for one in groups:
            group, _, version = one.partition("/")
            named.setdefault(group, []).append(version)
        server.on("/api", Reply({"kind": "APIVersions", "versions": ["v1"]}))
        listed = [
            {
                "name": group,
                "versions": [{"groupVersion": f"{group}/{one}", "version": one} for one in versions],
                "preferredVersion": {"version": versions[0]},
            }
            for group, versions in named.items()
        ]
        server.on("/apis", Reply({"kind": "APIGroupList", "groups": listed}))
        server.on("/api/v1", Reply({"resources": core}))
        self.holds("/api/v1/namespaces", obj("v1", "Namespace", "shop", space=None))
        for one, kinds in groups.items():
            server.on(f"/apis/{one}", Reply({"resources": kinds}))
        for path, kinds in [("/api/v1", core), *((f"/apis/{one}", kinds) for one, kinds in groups.items())]:
            for entry in kinds:
                where = f"{path}/namespaces/shop/" if entry["namespaced"] else f"{path}/"
                self.server.answers.setdefault(where + entry["name"], lambda _: Reply({"items": []}))

    def holds(self, path: str, *objects: dict[str, Any]) -> None:
        self.server.on(path, lambda _: Reply({"items": [{**one} for one in objects]}))
        for one in objects:
            self.server.on(f"{path}/{one['metadata']['name']}", Reply(one))

    def refuses(self, path: str) -> None:
        self.server.on(path, status(500, NO_ENDPOINTS, "InternalError"))


def found_in(captured: Capture) -> dict[str, str]:
    return {
        f"{one.manifest['apiVersion']}/{one.manifest['kind']}/{one.manifest['metadata']['name']}": one.reason
        for one in captured.objects
    }


@pytest.fixture
def gadgets(server: FakeServer) -> Source:
    """A source that serves a kind in two versions, and prefers the one that is not stored."""
    both = {f"{GROUP}/{version}": [kind("Gadget", "gadgets")] for version in ("v2", "v1")}
    source = Source(server, both)
    versions = [
        {"name": "v1", "served": True, "storage": True},
        {"name": "v2", "served": True, "storage": False},
    ]
    definition = obj(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "gadgets.example.com",
        space=None,
        spec={"group": GROUP, "names": {"plural": "gadgets", "kind": "Gadget"}, "versions": versions},
    )
    server.on(f"{CRDS}/gadgets.example.com", Reply(definition))
    return source


def test_custom_resources_are_read_as_they_are_stored_while_their_webhook_is_away(
    gadgets: Source, cluster: Cluster
) -> None:
    gadgets.refuses(f"/apis/{GROUP}/v2/namespaces/shop/gadgets")
    gadgets.holds(f"/apis/{GROUP}/v1/namespaces/shop/gadgets", obj(f"{GROUP}/v1", "Gadget", "one"))

    captured = capture(cluster, Selection(namespaces_include=("shop",)))

    assert found_in(captured) == {
        f"{GROUP}/v1/Gadget/one": "chosen",
        "apiextensions.k8s.io/v1/CustomResourceDefinition/gadgets.example.com": (
            f"definition of {GROUP}/v1/Gadget/shop/one"
        ),
        "v1/Namespace/shop": "chosen",
    }
    assert captured.unreadable == []
    (said,) = [one.reason for one in captured.left_out if one.object.startswith(f"{GROUP}/v2/Gadget")]
    assert "no endpoints available" in said
    assert said.endswith("read as example.com/v1 instead")


def test_a_kind_that_no_version_gives_is_unreadable(gadgets: Source, cluster: Cluster) -> None:
    for version in ("v1", "v2"):
        gadgets.refuses(f"/apis/{GROUP}/{version}/namespaces/shop/gadgets")

    captured = capture(cluster, Selection(namespaces_include=("shop",)))

    (unreadable,) = captured.unreadable
    assert unreadable.object == f"{GROUP}/v2/Gadget in shop"
    assert "no endpoints available" in unreadable.reason


TENANT = f"{GROUP}/v1"


@pytest.fixture
def tenants(server: FakeServer) -> Source:
    """A source with a cluster-scoped kind whose controller makes ConfigMaps."""
    kinds = [kind("Tenant", "tenants", namespaced=False), kind("Redis", "redises")]
    source = Source(server, {TENANT: kinds, "apps/v1": [kind("StatefulSet", "statefulsets")]})
    for plural, name in (("tenants", "Tenant"), ("redises", "Redis")):
        definition = obj(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            f"{plural}.example.com",
            space=None,
            spec={"group": GROUP, "names": {"plural": plural, "kind": name}, "versions": []},
        )
        server.on(f"{CRDS}/{plural}.example.com", Reply(definition))
    made = obj("v1", "ConfigMap", "made", metadata=owned_by(TENANT, "Tenant", "acme"))
    source.holds("/api/v1/namespaces/shop/configmaps", made)
    server.on("/apis/example.com/v1/tenants", lambda _: Reply({"items": []}))
    return source


def test_a_cluster_wide_owner_comes_along_with_its_definition(tenants: Source, cluster: Cluster) -> None:
    tenants.server.on(f"/apis/{TENANT}/tenants/acme", Reply(obj(TENANT, "Tenant", "acme", space=None)))

    captured = capture(cluster, Selection(namespaces_include=("shop",)))

    assert found_in(captured) == {
        f"{TENANT}/Tenant/acme": "owner of v1/ConfigMap/shop/made",
        "apiextensions.k8s.io/v1/CustomResourceDefinition/tenants.example.com": (
            f"definition of {TENANT}/Tenant//acme"
        ),
        "v1/Namespace/shop": "chosen",
    }
    assert [one.reason for one in captured.left_out if one.object == "v1/ConfigMap/shop/made"] == [
        f"made by its controller {TENANT}/Tenant acme"
    ]


@pytest.mark.parametrize(
    ("selection", "why"),
    [
        ({"cluster_scoped": False}, "is not selected"),
        ({"resources_exclude": ("tenants.example.com",)}, "is not selected"),
        ({}, "does not come along"),
    ],
)
def test_what_is_owned_comes_itself_where_its_owner_does_not(
    tenants: Source, cluster: Cluster, selection: dict[str, Any], why: str
) -> None:
    tenants.server.on(f"/apis/{TENANT}/tenants/acme", status(404, "tenants acme not found", "NotFound"))

    captured = capture(cluster, Selection(namespaces_include=("shop",), **selection))

    assert found_in(captured) == {
        "v1/ConfigMap/made": f"made by its controller {TENANT}/Tenant acme, which {why}: taken by itself",
        "v1/Namespace/shop": "chosen",
    }


def test_a_label_on_a_workload_brings_the_custom_resource_that_makes_it(
    tenants: Source, cluster: Cluster
) -> None:
    labelled = {"labels": {"app": "cache"}}
    tenants.holds(
        "/apis/apps/v1/namespaces/shop/statefulsets",
        obj("apps/v1", "StatefulSet", "cache", metadata=labelled | owned_by(TENANT, "Redis", "cache")),
    )
    pod = labelled | owned_by("apps/v1", "StatefulSet", "cache")
    tenants.holds("/api/v1/namespaces/shop/pods", obj("v1", "Pod", "cache-0", metadata=pod))
    tenants.holds(f"/apis/{TENANT}/namespaces/shop/redises", obj(TENANT, "Redis", "cache"))

    captured = capture(cluster, Selection(namespaces_include=("shop",), label_selectors=("app=cache",)))

    assert set(found_in(captured)) == {
        f"{TENANT}/Redis/cache",
        "apiextensions.k8s.io/v1/CustomResourceDefinition/redises.example.com",
        "v1/Namespace/shop",
    }


def test_static_pods_of_nodes_and_pods_of_ended_jobs_stay(tenants: Source, cluster: Cluster) -> None:
    tenants.holds(
        "/api/v1/namespaces/shop/pods",
        obj("v1", "Pod", "static", metadata=owned_by("v1", "Node", "n1")),
        obj("v1", "Pod", "ended", metadata=owned_by("batch/v1", "Job", "gone")),
    )
    tenants.holds("/api/v1/namespaces/shop/configmaps")
    asked_before = len(tenants.server.asked)

    captured = capture(cluster, Selection(namespaces_include=("shop",)))

    assert found_in(captured) == {"v1/Namespace/shop": "chosen"}
    asked: list[Asked] = tenants.server.asked[asked_before:]
    assert not [one for one in asked if "/jobs/" in one.path or "/nodes/" in one.path]


def addresses(name: str, maker: str, service: str = "legacy") -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": maker}
    return obj("discovery.k8s.io/v1", "EndpointSlice", name, metadata={"labels": labels}, endpoints=[])


@pytest.mark.parametrize("labels", [(), ("app=legacy",)], ids=["a whole namespace", "by label"])
def test_addresses_that_somebody_wrote_come_along(
    server: FakeServer, cluster: Cluster, labels: tuple[str, ...]
) -> None:
    source = Source(server, {"discovery.k8s.io/v1": [kind("EndpointSlice", "endpointslices")]})
    service = obj("v1", "Service", "legacy", metadata={"labels": {"app": "legacy"}}, spec={"ports": []})
    source.holds("/api/v1/namespaces/shop/services", service)
    source.holds("/api/v1/namespaces/shop/endpoints", obj("v1", "Endpoints", "legacy", subsets=[]))
    source.holds(
        "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
        addresses("by-hand", "staff"),
        addresses("filled-in", "endpointslice-controller.k8s.io"),
        addresses("mirrored", "endpointslicemirroring-controller.k8s.io"),
    )

    captured = capture(cluster, Selection(namespaces_include=("shop",), label_selectors=labels))

    assert set(found_in(captured)) == {
        "discovery.k8s.io/v1/EndpointSlice/by-hand",
        "v1/Endpoints/legacy",
        "v1/Namespace/shop",
        "v1/Service/legacy",
    }
    assert not [one for one in captured.left_out if "EndpointSlice" in one.object]


def test_a_namespace_that_is_named_and_absent_is_told(server: FakeServer, cluster: Cluster) -> None:
    Source(server, {})

    captured = capture(cluster, Selection(namespaces_include=("shop", "shpo", "team-*", "kube-system")))

    assert captured.absent_namespaces == ["shpo"]
