"""A cluster as the demo sees it: applies manifests, runs commands in pods, waits.

It uses nothing of the product, because the demo's checks judge the product.
"""

from __future__ import annotations

import contextlib
import json
import string
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.discovery import LazyDiscoverer
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from kubernetes.dynamic.resource import ResourceList
from kubernetes.stream import stream

FIELD_MANAGER = "shop-owner"
WORKLOADS = ("Deployment", "StatefulSet")


@dataclass
class Kube:
    """Access to one cluster.

    :param name: what to call it in messages
    :param kubeconfig: file with its address and credentials
    """

    name: str
    kubeconfig: Path
    _scratch: tempfile.TemporaryDirectory[str] = field(
        default_factory=tempfile.TemporaryDirectory, repr=False
    )

    def __post_init__(self) -> None:
        configuration = client.Configuration()
        config.load_kube_config(str(self.kubeconfig), client_configuration=configuration)
        self._configuration = configuration
        self.api = client.ApiClient(configuration)
        self.core = client.CoreV1Api(self.api)
        self.apps = client.AppsV1Api(self.api)
        self.storage = client.StorageV1Api(self.api)

    def close(self) -> None:
        """Close connections and remove what was cached."""
        self.api.close()
        self.api.rest_client.pool_manager.clear()
        self._scratch.cleanup()

    def version(self) -> str:
        """Return the server's version, like ``v1.20.2``."""
        return str(client.VersionApi(self.api).get_code().git_version)

    def dynamic(self) -> DynamicClient:
        """Return a client for any kind; discovery is made anew, because definitions come and go."""
        cache = Path(self._scratch.name) / "discovery.json"
        cache.unlink(missing_ok=True)
        return DynamicClient(self.api, cache_file=str(cache), discoverer=LazyDiscoverer)

    def apply(self, files: list[Path], values: Mapping[str, str]) -> list[dict[str, Any]]:
        """Apply manifests in order, their placeholders filled in; return them as they are now."""
        applied, dynamic = [], self.dynamic()
        for path in files:
            text = string.Template(path.read_text()).substitute(values)
            for manifest in yaml.safe_load_all(text):
                applied.append(self._apply_one(dynamic, manifest))
                if manifest["kind"] == "CustomResourceDefinition":
                    self._await_established(dynamic, manifest["metadata"]["name"])
        return applied

    def _apply_one(self, dynamic: DynamicClient, manifest: dict[str, Any]) -> dict[str, Any]:
        resource = dynamic.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
        answer = resource.server_side_apply(
            body=manifest,
            name=manifest["metadata"]["name"],
            namespace=manifest["metadata"].get("namespace"),
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )
        return dict(answer.to_dict())

    def _await_established(self, dynamic: DynamicClient, name: str) -> None:
        resource = dynamic.resources.get(
            api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition"
        )
        for event in resource.watch(name=name, timeout=30):
            conditions = event["object"].to_dict().get("status", {}).get("conditions") or []
            if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
                return
        raise TimeoutError(f"{self.name}: CustomResourceDefinition {name} was not established within 30 s")

    def ensure_storage_class(self, name: str) -> None:
        """Make a StorageClass like the cluster's default one where there is none of this name.

        :raises LookupError: when there is no default to take after
        """
        classes = self.storage.list_storage_class().items
        if any(found.metadata.name == name for found in classes):
            return
        marked = "storageclass.kubernetes.io/is-default-class"
        defaults = [found for found in classes if (found.metadata.annotations or {}).get(marked) == "true"]
        if not defaults:
            raise LookupError(f"{self.name}: there is no StorageClass {name} and no default one")
        self.storage.create_storage_class(
            client.V1StorageClass(
                metadata=client.V1ObjectMeta(name=name),
                provisioner=defaults[0].provisioner,
                parameters=defaults[0].parameters,
                reclaim_policy=defaults[0].reclaim_policy,
                volume_binding_mode=defaults[0].volume_binding_mode,
            )
        )

    def read(
        self, api_version: str, kind: str, name: str, namespace: str | None = None
    ) -> dict[str, Any] | None:
        """Return an object, or None where there is none or its kind isn't served."""
        try:
            resource = self.dynamic().resources.get(api_version=api_version, kind=kind)
            return dict(resource.get(name=name, namespace=namespace).to_dict())
        except ResourceNotFoundError:
            return None
        except DynamicApiError as error:
            if error.status == 404:
                return None
            raise

    def delete_definition(self, name: str) -> None:
        """Delete a CustomResourceDefinition with its objects, if it is there."""
        definitions = client.ApiextensionsV1Api(self.api)
        with contextlib.suppress(ApiException):
            definitions.delete_custom_resource_definition(name)

    def delete_roles(self, names: list[str]) -> None:
        """Delete ClusterRoles and the ClusterRoleBindings of the same names, where they are there."""
        rights = client.RbacAuthorizationV1Api(self.api)
        for name in names:
            for delete in (rights.delete_cluster_role_binding, rights.delete_cluster_role):
                with contextlib.suppress(ApiException):
                    delete(name)

    def delete_namespace(self, name: str) -> None:
        """Begin to delete a namespace, if it is there; pods are not waited for."""
        try:
            self.core.delete_namespace(name)
            self.core.delete_collection_namespaced_pod(name, grace_period_seconds=0)
        except ApiException as error:
            if error.status not in {404, 409}:
                raise

    def labelled(self, selector: str) -> list[str]:
        """Return every object of every kind that carries labels, as ``Kind namespace/name``."""
        found = []
        for resource in self.dynamic().resources.search():
            if isinstance(resource, ResourceList) or "list" not in (resource.verbs or []):
                continue
            with contextlib.suppress(DynamicApiError):
                named = [item.metadata for item in resource.get(label_selector=selector).items]
                found += [f"{resource.kind} {one.namespace}/{one.name}" for one in named]
        return sorted(set(found))

    def node_is_ready(self) -> bool:
        """Say whether all nodes are ready."""
        return all(
            condition.status == "True"
            for node in self.core.list_node().items
            for condition in node.status.conditions
            if condition.type == "Ready"
        )

    def namespaces(self) -> set[str]:
        """Return the names of all namespaces."""
        return {namespace.metadata.name for namespace in self.core.list_namespace().items}

    def pods(self, namespace: str) -> list[client.V1Pod]:
        """Return the pods of a namespace."""
        return list(self.core.list_namespaced_pod(namespace).items)

    def running_pod(self, namespace: str, app: str) -> str:
        """Return the name of a ready pod with label ``app``.

        :raises LookupError: when there is none
        """
        for pod in self.core.list_namespaced_pod(namespace, label_selector=f"app={app}").items:
            conditions = {c.type: c.status for c in pod.status.conditions or []}
            if not pod.metadata.deletion_timestamp and conditions.get("Ready") == "True":
                return str(pod.metadata.name)
        raise LookupError(f"{self.name}: no ready pod of {app} in namespace {namespace}")

    def unready(self, namespace: str) -> list[str]:
        """Return the workloads that don't have all their replicas ready, each with what its pods say."""
        found = []
        listed = self.apps.list_namespaced_deployment(namespace).items
        listed += self.apps.list_namespaced_stateful_set(namespace).items
        for workload in listed:
            if (workload.status.ready_replicas or 0) < workload.spec.replicas:
                app = workload.spec.selector.match_labels.get("app", "")
                found.append(f"{workload.metadata.name} ({self._why(namespace, app)})")
        return found

    def _why(self, namespace: str, app: str) -> str:
        for pod in self.core.list_namespaced_pod(namespace, label_selector=f"app={app}").items:
            for status in pod.status.container_statuses or []:
                if status.state.waiting:
                    return (
                        f"{status.state.waiting.reason}: {status.state.waiting.message or pod.metadata.name}"
                    )
            return f"pod {pod.metadata.name} is {pod.status.phase}"
        return "no pod yet"

    def execute(self, namespace: str, pod: str, command: list[str], seconds: float = 60) -> str:
        """Run a command in a pod and return its standard output.

        :raises RuntimeError: when it fails, with what it wrote
        """
        # A client of its own: `stream` replaces the client's way of asking while it runs.
        with client.ApiClient(self._configuration) as api:
            connect: Callable[..., Any] = client.CoreV1Api(api).connect_get_namespaced_pod_exec
            session = stream(
                connect, pod, namespace, command=command, stdout=True, stderr=True, stdin=False, tty=False,
                _preload_content=False, _request_timeout=seconds,
            )  # fmt: skip
            session.run_forever(timeout=seconds)
            out, error = session.read_stdout(timeout=1), session.read_stderr(timeout=1)
            code = session.returncode
            session.sock.shutdown()  # `close` leaves the socket open when the server has closed its end
        if code != 0:
            raise RuntimeError(
                f"{self.name}: {command[0]} in {namespace}/{pod} ended with {code}: {error.strip()}"
            )
        return str(out)

    def identities(self, namespace: str) -> dict[str, tuple[str, str]]:
        """Return uid and content of everything that stands in a namespace, by kind and name."""
        dynamic = self.dynamic()
        found = {"Namespace": identity(self.read("v1", "Namespace", namespace) or {})}
        for api_version, kind in STANDING_KINDS:
            listed = dynamic.resources.get(api_version=api_version, kind=kind).get(namespace=namespace)
            for item in listed.items:
                found[f"{kind}/{item.metadata.name}"] = identity(item.to_dict())
        return found


def identity(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Return an object's uid, and what somebody wrote into it as text.

    The status is left out, and with it the resource version: a missed heartbeat of a node changes
    both without anybody having touched the object. Whose hands were on it shows in the field managers.
    """
    metadata = dict(manifest.get("metadata") or {})
    managers = {entry.get("manager") for entry in metadata.pop("managedFields", None) or []}
    metadata.pop("resourceVersion", None)
    content = {**manifest, "metadata": metadata, "ours": "migration-ops" in managers}
    content.pop("status", None)
    return str(metadata.get("uid")), json.dumps(content, sort_keys=True, default=str)


STANDING_KINDS = (
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
)
