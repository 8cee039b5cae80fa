"""Namespaces of their own in the lab's clusters, and manifests that run there without any registry."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from kubernetes import client

from migration_ops.cluster import Cluster, NotFound, ObjectReference, discovery
from tests.lab.foreign import AnyCluster

PAUSE = "docker.io/local/pause:1"
"""An image that every lab cluster has, whose program does nothing."""

PATIENCE_SECONDS = 300
"""For what takes seconds: the machine may be busy, and this kubelet may keep a dead pod for a minute."""

MOVER = "docker.io/local/migration-ops-mover:1"
"""Every lab cluster has this as well; it holds Python."""

Manifest = dict[str, Any]


@pytest.fixture(scope="session")
def source_cluster(source: AnyCluster) -> Iterator[Cluster]:
    """The old cluster."""
    cluster = Cluster.from_kubeconfig(source.kubeconfig, name="source")
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def target_cluster(target: AnyCluster) -> Iterator[Cluster]:
    """The modern cluster."""
    cluster = Cluster.from_kubeconfig(target.kubeconfig, name="target")
    yield cluster
    cluster.close()


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return f"c-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def namespace_in(unique: str) -> Iterator[Callable[[Cluster], str]]:
    """Makes a namespace in a cluster, and takes it away after the test."""
    with ExitStack() as stack:

        def make(cluster: Cluster, name: str = unique) -> str:
            manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            cluster.request("POST", "/api/v1/namespaces", body=manifest)
            stack.callback(delete_namespace, cluster, name)
            return name

        yield make


@pytest.fixture
def cleaned_namespace(target_cluster: Cluster) -> Iterator[Callable[[str], str]]:
    """Takes a namespace of the target away after the test, if the test made it."""
    with ExitStack() as stack:

        def clean(name: str) -> str:
            stack.callback(delete_namespace, target_cluster, name)
            return name

        yield clean


def delete_namespace(cluster: Cluster, name: str) -> None:
    """Delete a namespace; it goes in its own time."""
    with suppress(NotFound):
        cluster.request("DELETE", f"/api/v1/namespaces/{name}", body={"propagationPolicy": "Background"})


def create(cluster: Cluster, *manifests: Manifest) -> None:
    """Create objects as a user would, without our labels."""
    for manifest in manifests:
        reference = ObjectReference.of(manifest)
        resource = discovery(cluster).for_object(reference) or discovery(cluster, refresh=True).for_object(
            reference
        )
        assert resource is not None, f"{cluster.name} does not serve {reference}"
        cluster.request("POST", resource.path(reference.namespace), body=manifest, what=f"create {reference}")


def read(cluster: Cluster, text: str) -> Manifest:
    """Read one object by its reference."""
    reference = ObjectReference.parse(text)
    resource = discovery(cluster).for_object(reference)
    assert resource is not None
    found: Manifest = cluster.get(resource.path(reference.namespace, reference.name))
    return found


def exists(cluster: Cluster, text: str) -> bool:
    """Tell whether an object is there."""
    try:
        read(cluster, text)
    except NotFound:
        return False
    return True


def obj(kind: str, namespace: str | None, name: str, api_version: str = "v1", **content: Any) -> Manifest:
    """A manifest of few words."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    metadata |= content.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def pod_template(labels: dict[str, str], claims: list[str] | None = None, **spec: Any) -> Manifest:
    """A pod template that starts at once and does nothing."""
    mounts = [{"name": claim, "mountPath": f"/{claim}"} for claim in claims or []]
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims or []]
    container = {"name": "main", "image": PAUSE, "imagePullPolicy": "IfNotPresent", "volumeMounts": mounts}
    pod = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    return {"metadata": {"labels": labels}, "spec": pod | spec}


def deployment(
    namespace: str, name: str, replicas: int = 1, claims: list[str] | None = None, **spec: Any
) -> Manifest:
    """A Deployment of pods that do nothing."""
    labels = {"app": name}
    content = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": pod_template(labels, claims),
    }
    return obj("Deployment", namespace, name, "apps/v1", spec=content | spec, metadata={"labels": labels})


def stateful_set(namespace: str, name: str, replicas: int = 1, claim: str = "data") -> Manifest:
    """A StatefulSet with one claim per pod."""
    labels = {"app": name}
    template = pod_template(labels)
    template["spec"]["containers"][0]["volumeMounts"] = [{"name": claim, "mountPath": "/data"}]
    spec = {
        "serviceName": name,
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": template,
        "volumeClaimTemplates": [{"metadata": {"name": claim}, "spec": claim_spec()}],
    }
    return obj("StatefulSet", namespace, name, "apps/v1", spec=spec, metadata={"labels": labels})


def claim_spec(size: str = "1Mi", storage_class: str | None = None) -> Manifest:
    """A small claim."""
    spec: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return spec | ({"storageClassName": storage_class} if storage_class else {})


def claim(namespace: str, name: str, storage_class: str | None = None, **metadata: Any) -> Manifest:
    """A PersistentVolumeClaim."""
    spec = claim_spec(storage_class=storage_class)
    return obj("PersistentVolumeClaim", namespace, name, spec=spec, metadata=metadata)


def crd(group: str, kind: str = "Widget", scope: str = "Namespaced") -> Manifest:
    """A CustomResourceDefinition with one typed field."""
    plural = f"{kind.lower()}s"
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {"size": {"type": "integer", "minimum": 1}},
            }
        },
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    spec = {"group": group, "scope": scope, "names": names, "versions": [version]}
    return obj("CustomResourceDefinition", None, f"{plural}.{group}", "apiextensions.k8s.io/v1", spec=spec)


def as_account(cluster: Cluster, space: str, name: str) -> Cluster:
    """A connection that has nothing but the token of a ServiceAccount."""
    token = ""
    for _ in range(100):
        for secret in cluster.get(f"/api/v1/namespaces/{space}/secrets")["items"]:
            if secret["metadata"]["name"].startswith(f"{name}-token-"):
                token = base64.b64decode(secret["data"]["token"]).decode()
        if token:
            break
        time.sleep(0.2)
    assert token, f"no token for {name} in {space}"
    theirs = cluster._api_client.configuration
    settings = client.Configuration(host=cluster.address)
    settings.ssl_ca_cert, settings.verify_ssl = theirs.ssl_ca_cert, theirs.verify_ssl
    settings.api_key["authorization"] = f"Bearer {token}"
    return Cluster(client.ApiClient(settings), name)
