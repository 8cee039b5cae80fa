"""Aggregated discovery, in the form in which Kubernetes publishes its own.

The documents follow `aggregated_v2.json` and `aggregated_v2beta1.json` below api/discovery in Kubernetes'
repository, recorded from its API server: what is empty is left out, kinds of the server's own groups name
neither group nor version, and subresources may answer with a kind of another group.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from migration_ops.cluster import Cluster, discovery
from migration_ops.cluster.versions import reading_versions

from .conftest import Asked, FakeServer, Reply

ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
CHANGE = ["get", "patch", "update"]

CORE = """
{"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/%(version)s", "metadata": {}, "items": [
  {"metadata": {"creationTimestamp": null}, "versions": [
   {"freshness": "Current", "version": "v1", "resources": [
    {"resource": "bindings", "responseKind": {"group": "", "version": "", "kind": "Binding"},
     "scope": "Namespaced", "singularResource": "binding", "verbs": ["create"]},
    {"resource": "pods", "responseKind": {"group": "", "version": "", "kind": "Pod"}, "scope": "Namespaced",
     "singularResource": "pod", "verbs": %(all)s, "shortNames": ["po"], "categories": ["all"],
     "subresources": [
       {"subresource": "eviction", "responseKind": {"group": "policy", "version": "v1", "kind": "Eviction"},
        "verbs": ["create"]},
       {"subresource": "log", "verbs": ["get"],
        "responseKind": {"group": "", "version": "", "kind": "Pod"}}]},
    {"resource": "nodes", "responseKind": {"group": "", "version": "", "kind": "Node"}, "scope": "Cluster",
     "singularResource": "node", "verbs": %(all)s}]}]}]}
"""

GROUPS = """
{"apiVersion": "apidiscovery.k8s.io/%(version)s", "kind": "APIGroupDiscoveryList", "metadata": {}, "items": [
  {"metadata": {"creationTimestamp": null, "name": "autoscaling"}, "versions": [
    {"freshness": "Current", "version": "v2", "resources": [
      {"categories": ["all"], "resource": "horizontalpodautoscalers", "scope": "Namespaced",
       "responseKind": {"group": "", "kind": "HorizontalPodAutoscaler", "version": ""}, "shortNames": ["hpa"],
       "singularResource": "horizontalpodautoscaler", "verbs": %(all)s,
       "subresources": [{"responseKind": {"group": "", "kind": "HorizontalPodAutoscaler", "version": ""},
                         "subresource": "status", "verbs": %(change)s}]}]},
    {"freshness": "Current", "version": "v1", "resources": [
      {"resource": "horizontalpodautoscalers", "scope": "Namespaced", "verbs": %(all)s,
       "responseKind": {"group": "", "kind": "HorizontalPodAutoscaler", "version": ""},
       "singularResource": "horizontalpodautoscaler"}]}]},
  {"metadata": {"name": "example.com"}, "versions": [
    {"freshness": "Current", "version": "v1alpha1", "resources": [
      {"resource": "widgets", "scope": "Cluster", "singularResource": "widget", "verbs": %(all)s,
       "responseKind": {"group": "example.com", "kind": "Widget", "version": "v1alpha1"}}]}]},
  {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"freshness": "Stale", "version": "v1beta1"}]}]}
"""


def published(text: str, version: str) -> Callable[[Asked], Reply]:
    """Answer with a document of that version, which must have been asked for."""
    body = text % {"version": version, "all": json.dumps(ALL), "change": json.dumps(CHANGE)}

    def answer(asked: Asked) -> Reply:
        clauses = asked.headers["Accept"].split(",")
        accepted = [one for one in clauses if f"v={version}" in one.split(";")]
        assert accepted, "the client did not ask for this version"
        return Reply(json.loads(body), headers={"Content-Type": accepted[0]})

    return answer


@pytest.mark.parametrize("version", ["v2beta1", "v2"])
def test_published_documents_are_read(server: FakeServer, cluster: Cluster, version: str) -> None:
    server.on("/api", published(CORE, version))
    server.on("/apis", published(GROUPS, version))

    found = discovery(cluster)

    kinds = {
        (one.api_version, one.kind, one.plural, one.namespaced, one.preferred) for one in found.resources
    }
    assert kinds == {
        ("v1", "Binding", "bindings", True, True),
        ("v1", "Pod", "pods", True, True),
        ("v1", "Node", "nodes", False, True),
        ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, True),
        ("autoscaling/v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, False),
        ("example.com/v1alpha1", "Widget", "widgets", False, True),
    }
    assert found.unavailable == {"metrics.k8s.io/v1beta1": "its API service does not answer"}
    pods = found.find("", "Pod")
    assert pods is not None
    assert (pods.path("shop", "web"), set(pods.verbs)) == ("/api/v1/namespaces/shop/pods/web", set(ALL))
    read = {one.api_version for one in reading_versions(found) if one.kind == "HorizontalPodAutoscaler"}
    assert read == {"autoscaling/v2"}
