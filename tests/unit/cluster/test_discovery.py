"""Both ways of asking a server what it serves, and lists that outlive their resource version."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from migration_ops.cluster import (
    Cluster,
    ClusterError,
    ClusterUnreachable,
    Expired,
    NotFound,
    discover,
    discovery,
    kinds,
)
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.listing import list_objects
from migration_ops.cluster.versions import best_version, priority, reading_versions

from .conftest import Asked, FakeServer, Reply, status

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def entry(plural: str, kind: str, scope: str = "Namespaced", *subresources: str) -> dict[str, object]:
    """A kind as API servers write it: group and version of their own kinds are empty."""
    response = {"group": "", "version": "", "kind": kind}
    below = [
        {"subresource": name, "responseKind": response, "verbs": ["get", "patch", "update"]}
        for name in subresources
    ]
    found = {"resource": plural, "responseKind": response, "scope": scope, "verbs": VERBS}
    found |= {"singularResource": kind.lower(), "shortNames": [plural[:2]], "categories": ["all"]}
    return found | ({"subresources": below} if below else {})


def group(name: str, **versions: list[dict[str, object]]) -> dict[str, object]:
    """A group as API servers write it, the preferred version first."""
    found = [
        {"version": version, "freshness": "Current", "resources": resources}
        for version, resources in versions.items()
    ]
    return {"metadata": {"name": name, "creationTimestamp": None}, "versions": found}


CORE = group(
    "", v1=[entry("pods", "Pod", "Namespaced", "log", "status"), entry("namespaces", "Namespace", "Cluster")]
)
GROUPS = [
    group("apps", v1=[entry("deployments", "Deployment", "Namespaced", "scale", "status")]),
    group(
        "autoscaling",
        v2=[entry("horizontalpodautoscalers", "HorizontalPodAutoscaler")],
        v1=[entry("horizontalpodautoscalers", "HorizontalPodAutoscaler")],
    ),
    # Without a backend nothing is known of it, not even the list of its kinds.
    {
        "metadata": {"name": "metrics.k8s.io", "creationTimestamp": None},
        "versions": [{"version": "v1beta1", "freshness": "Stale"}],
    },
    # Paths that have nothing but subresources name no kind of their own.
    group(
        "subresources.kubevirt.io", v1=[{**entry("virtualmachines", ""), "responseKind": None, "verbs": None}]
    ),
]


def negotiated(items: list[dict[str, object]], versions: tuple[str, ...]) -> Callable[[Asked], Reply]:
    """Answer as a server does that has aggregated discovery in these versions: what the client likes best."""

    def answer(asked: Asked) -> Reply:
        for clause in asked.headers["Accept"].split(","):
            kind, *parameters = clause.split(";")
            wanted = dict(one.split("=") for one in parameters)
            if wanted.get("as") == "APIGroupDiscoveryList" and wanted["v"] in versions:
                body = {
                    "kind": "APIGroupDiscoveryList",
                    "apiVersion": f"apidiscovery.k8s.io/{wanted['v']}",
                    "metadata": {},
                    "items": items,
                }
                return Reply(body, headers={"Content-Type": clause})
            assert kind == "application/json"
        raise AssertionError("the server was asked for nothing that it has")

    return answer


def aggregated(server: FakeServer, *versions: str) -> None:
    """A server of 1.26 (v2beta1) or later (v2 since 1.30): one answer for all groups."""
    server.on("/api", negotiated([CORE], versions))
    server.on("/apis", negotiated(GROUPS, versions))


def classic(server: FakeServer) -> None:
    """A server of 1.20: one answer per group version; one of them has no backend."""
    server.on("/api", Reply({"kind": "APIVersions", "versions": ["v1"]}))
    group = {
        "name": "networking.k8s.io",
        "versions": [{"version": "v1beta1"}, {"version": "v1"}],
        "preferredVersion": {"version": "v1"},
    }
    broken = {
        "name": "metrics.k8s.io",
        "versions": [{"version": "v1beta1"}],
        "preferredVersion": {"version": "v1beta1"},
    }
    server.on("/apis", Reply({"kind": "APIGroupList", "groups": [group, broken]}))
    pods = {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get", "list"]}
    logs = {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]}
    server.on("/api/v1", Reply({"resources": [pods, logs]}))
    ingress = {"name": "ingresses", "kind": "Ingress", "namespaced": True, "verbs": ["list"]}
    beta_only = {"name": "oldies", "kind": "Oldie", "namespaced": False, "verbs": ["list"]}
    server.on("/apis/networking.k8s.io/v1", Reply({"resources": [ingress]}))
    server.on("/apis/networking.k8s.io/v1beta1", Reply({"resources": [ingress, beta_only]}))
    server.on("/apis/metrics.k8s.io/v1beta1", status(404, "no such backend", "NotFound"))


@pytest.mark.parametrize("versions", [("v2beta1",), ("v2", "v2beta1"), ("v2",)], ids="/".join)
def test_a_new_server_is_asked_twice_only(
    server: FakeServer, cluster: Cluster, versions: tuple[str, ...]
) -> None:
    aggregated(server, *versions)
    found = {(one.api_version, one.kind, one.namespaced, one.preferred) for one in discover(cluster)}
    assert found == {
        ("v1", "Pod", True, True),
        ("v1", "Namespace", False, True),
        ("apps/v1", "Deployment", True, True),
        ("autoscaling/v2", "HorizontalPodAutoscaler", True, True),
        ("autoscaling/v1", "HorizontalPodAutoscaler", True, False),
    }
    assert [one.path for one in server.asked] == ["/readyz", "/api", "/apis"]
    assert "apidiscovery.k8s.io" in server.asked[1].headers["Accept"]
    assert list(discovery(cluster).unavailable) == ["metrics.k8s.io/v1beta1"]


def test_a_server_that_has_just_started_is_asked_when_it_knows_all_its_kinds(
    server: FakeServer, cluster: Cluster
) -> None:
    aggregated(server, "v2")
    complete = server.answers["/apis"]
    server.on("/apis", Reply({"kind": "APIGroupDiscoveryList", "items": []}))

    def ready(_: Asked) -> Reply:
        server.answers["/apis"] = complete
        return Reply("ok")

    starting = Reply("[-]poststarthook/crd-informer-synced failed: reason withheld\nreadyz check failed", 500)
    server.on("/readyz", starting, starting, ready)
    assert any(one.kind == "Deployment" for one in discover(cluster))


def test_a_server_that_never_calls_itself_ready_is_waited_for_once(
    server: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "STARTING_SECONDS", 0.1)
    monkeypatch.setattr(kinds, "POLL_SECONDS", 0.01)
    aggregated(server, "v2")
    server.on("/readyz", Reply("readyz check failed", 500))
    assert discover(cluster)
    asked = len([one for one in server.asked if one.path == "/readyz"])
    assert discovery(cluster, refresh=True).resources
    assert len([one for one in server.asked if one.path == "/readyz"]) == asked


def test_two_servers_of_one_control_plane_may_answer_differently(
    server: FakeServer, cluster: Cluster
) -> None:
    classic(server)
    server.on("/api", negotiated([CORE], ("v2beta1",)))  # the new one; the next answer comes from the old one
    found = {(one.api_version, one.kind) for one in discover(cluster)}
    assert {("v1", "Pod"), ("networking.k8s.io/v1", "Ingress")} <= found


def test_what_is_no_api_server_is_told(server: FakeServer, cluster: Cluster) -> None:
    server.on("/api", Reply("<html>Welcome</html>"))
    with pytest.raises(ClusterError, match="answers /api with no list of kinds"):
        discover(cluster)


def test_a_server_that_goes_away_while_it_is_asked_leaves_nothing_out(
    server: FakeServer, cluster: Cluster
) -> None:
    classic(server)
    server.on("/apis/networking.k8s.io/v1", status(503, "shutting down", "ServiceUnavailable"))
    cluster.retry_seconds = 0.3
    with pytest.raises(ClusterUnreachable, match=r"networking\.k8s\.io/v1"):
        discover(cluster)


def test_an_old_server_is_asked_group_by_group(server: FakeServer, cluster: Cluster) -> None:
    classic(server)
    found = discovery(cluster)
    assert {(one.api_version, one.kind, one.preferred) for one in found.resources} == {
        ("v1", "Pod", True),
        ("networking.k8s.io/v1", "Ingress", True),
        ("networking.k8s.io/v1beta1", "Ingress", False),
        ("networking.k8s.io/v1beta1", "Oldie", True),
    }
    assert list(found.unavailable) == ["metrics.k8s.io/v1beta1"]
    assert found.find("networking.k8s.io", "Ingress") == found.find("networking.k8s.io", "Ingress", "v1")
    assert found.find("networking.k8s.io", "Ingress", "v2") is None


PODS = ApiResource("", "v1", "Pod", "pods", namespaced=True, verbs=("list",), preferred=True)


def named(*names: str, following: str = "") -> Reply:
    """A page of a list."""
    items = [{"metadata": {"name": name}} for name in names]
    return Reply({"metadata": {"continue": following}, "items": items})


def test_pages_are_put_together_and_items_get_their_kind_back(server: FakeServer, cluster: Cluster) -> None:
    server.on("/api/v1/pods", named("a", "b", following="next"), named("c"))
    found = list_objects(cluster, PODS)
    assert [one["metadata"]["name"] for one in found] == ["a", "b", "c"]
    assert {(one["apiVersion"], one["kind"]) for one in found} == {("v1", "Pod")}
    assert [one.query.get("continue") for one in server.asked] == [None, "next"]


def test_a_list_that_expires_begins_anew(server: FakeServer, cluster: Cluster) -> None:
    expired = status(410, "the provided continue parameter is too old", "Expired")
    server.on("/api/v1/pods", named("old", following="next"), expired, named("a", following="n"), named("b"))
    assert [one["metadata"]["name"] for one in list_objects(cluster, PODS)] == ["a", "b"]


def test_a_list_that_always_expires_is_given_up(server: FakeServer, cluster: Cluster) -> None:
    server.on("/api/v1/pods", status(410, "too old", "Expired"))
    with pytest.raises(Expired):
        list_objects(cluster, PODS)
    assert len(server.asked) == 5


def test_a_path_that_a_starting_server_does_not_route_yet_is_asked_again(
    server: FakeServer, cluster: Cluster
) -> None:
    server.on("/api/v1/pods", Reply("404 page not found", 404), named("a"))
    assert len(list_objects(cluster, PODS)) == 1


def test_a_namespace_that_is_not_there_is_not_asked_again(server: FakeServer, cluster: Cluster) -> None:
    server.on("/api/v1/namespaces/x/pods", status(404, "namespaces x not found", "NotFound"))
    with pytest.raises(NotFound):
        list_objects(cluster, PODS, "x")
    assert len(server.asked) == 1


def test_selectors_reach_the_server(server: FakeServer, cluster: Cluster) -> None:
    server.on("/api/v1/pods", lambda asked: named(*_only(asked)))
    list_objects(
        cluster, PODS, label_selector="app=web", field_selector="spec.nodeName=n", metadata_only=True
    )
    assert "PartialObjectMetadataList" in server.asked[0].headers["Accept"]


def _only(asked: Asked) -> list[str]:
    assert asked.query["labelSelector"] == "app=web"
    assert asked.query["fieldSelector"] == "spec.nodeName=n"
    return ["a"]


def resource(version: str, *, preferred: bool = False, group: str = "autoscaling") -> ApiResource:
    """A version of the autoscaler."""
    return ApiResource(
        group,
        version,
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        namespaced=True,
        preferred=preferred,
    )


def test_stable_versions_come_before_betas() -> None:
    assert sorted(["v1alpha1", "v1beta2", "v1", "v2", "v1beta10", "custom"], key=priority) == [
        "v2",
        "v1",
        "v1beta10",
        "v1beta2",
        "v1alpha1",
        "custom",
    ]


def test_an_autoscaler_is_read_in_the_version_that_keeps_everything() -> None:
    old = [resource("v1", preferred=True), resource("v2beta1"), resource("v2beta2")]
    assert best_version(old).version == "v2beta2"
    assert best_version(old, {"autoscaling/v1/HorizontalPodAutoscaler"}).version == "v1"
    assert best_version([*old, resource("v2")]).version == "v2"


def test_what_moved_to_another_group_is_read_once(server: FakeServer, cluster: Cluster) -> None:
    classic(server)
    ingress = {"name": "ingresses", "kind": "Ingress", "namespaced": True, "verbs": ["list"]}
    groups = [
        {"name": name, "versions": [{"version": version}], "preferredVersion": {"version": version}}
        for name, version in (("extensions", "v1beta1"), ("networking.k8s.io", "v1"))
    ]
    server.on("/apis", Reply({"kind": "APIGroupList", "groups": groups}))
    server.on("/apis/extensions/v1beta1", Reply({"resources": [ingress]}))
    kinds = [one.api_version for one in reading_versions(discovery(cluster)) if one.kind == "Ingress"]
    assert kinds == ["networking.k8s.io/v1"]
