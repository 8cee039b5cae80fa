"""What an object needs beside itself: pure functions from a manifest to names, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from migration_ops.cluster import podspec
from migration_ops.cluster.closure_certificates import (
    CERT_MANAGER,
    annotation_needs,
    certificate_needs,
    issuer_needs,
)
from migration_ops.cluster.need import Need
from migration_ops.cluster.reference import Manifest, ObjectReference, annotations_of, split_api_version

RBAC = "rbac.authorization.k8s.io"
NETWORKING = "networking.k8s.io"
STORAGE = "storage.k8s.io"
GATEWAY = "gateway.networking.k8s.io"


def needs_of(manifest: Manifest) -> Iterator[Need]:
    """Yield everything that an object names directly.

    :param manifest: the object.
    """
    reference = ObjectReference.of(manifest)
    pod = podspec.pod_spec_of(manifest)
    if pod is not None:
        yield from _pod_needs(pod, reference)
    direct = _DIRECT.get(reference.group_kind)
    if direct is not None:
        yield from direct(manifest, reference)


def _pod_needs(pod: dict[str, Any], user: ObjectReference) -> Iterator[Need]:
    for name, use in podspec.config_maps(pod):
        yield Need("", "ConfigMap", user.namespace, name, f"{use} of {user}")
    for name, use in podspec.secrets(pod):
        yield Need("", "Secret", user.namespace, name, f"{use} of {user}")
    for name in podspec.claim_names(pod):
        yield Need("", "PersistentVolumeClaim", user.namespace, name, f"mounted by {user}")
    account = pod.get("serviceAccountName") or pod.get("serviceAccount") or "default"
    yield Need("", "ServiceAccount", user.namespace, account, f"service account of {user}")
    if priority := pod.get("priorityClassName"):
        yield Need("scheduling.k8s.io", "PriorityClass", "", priority, f"priority class of {user}")
    if runtime := pod.get("runtimeClassName"):
        yield Need("node.k8s.io", "RuntimeClass", "", runtime, f"runtime class of {user}")


def _ingress(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    spec = manifest.get("spec") or {}
    named = spec.get("ingressClassName") or annotations_of(manifest).get("kubernetes.io/ingress.class")
    if named:
        yield Need(NETWORKING, "IngressClass", "", named, f"ingress class of {user}")
    yield from annotation_needs(manifest, user)
    for entry in spec.get("tls") or []:
        if entry.get("secretName"):
            yield Need("", "Secret", user.namespace, entry["secretName"], f"certificate of {user}")
    backends = [spec.get("backend"), spec.get("defaultBackend")]
    for rule in spec.get("rules") or []:
        backends += [path.get("backend") for path in (rule.get("http") or {}).get("paths") or []]
    for backend in filter(None, backends):
        name = backend.get("serviceName") or (backend.get("service") or {}).get("name")
        if name:
            yield Need("", "Service", user.namespace, name, f"backend of {user}")


def _ingress_class(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    yield from _parameters((manifest.get("spec") or {}).get("parameters"), user)


def _gateway_class(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    yield from _parameters((manifest.get("spec") or {}).get("parametersRef"), user)


def _parameters(parameters: dict[str, Any] | None, user: ObjectReference) -> Iterator[Need]:
    if parameters:
        yield Need(
            parameters.get("apiGroup") or parameters.get("group") or "",
            parameters["kind"],
            parameters.get("namespace") or "",
            parameters["name"],
            f"parameters of {user}",
        )


def _claim(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    spec = manifest.get("spec") or {}
    if spec.get("volumeName"):
        yield Need("", "PersistentVolume", "", spec["volumeName"], f"bound to {user}")
    name = spec.get("storageClassName") or annotations_of(manifest).get(
        "volume.beta.kubernetes.io/storage-class"
    )
    if name:
        yield Need(STORAGE, "StorageClass", "", name, f"storage class of {user}")


def _volume(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    spec = manifest.get("spec") or {}
    if spec.get("storageClassName"):
        yield Need(STORAGE, "StorageClass", "", spec["storageClassName"], f"storage class of {user}")
    for field, value in (spec.get("csi") or {}).items():
        if field.endswith("SecretRef") and value:
            yield Need("", "Secret", value.get("namespace", ""), value["name"], f"{field} of {user}")


def _stateful_set(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    spec = manifest.get("spec") or {}
    if spec.get("serviceName"):
        yield Need("", "Service", user.namespace, spec["serviceName"], f"governing service of {user}")
    for template in spec.get("volumeClaimTemplates") or []:
        name = (template.get("spec") or {}).get("storageClassName")
        if name:
            yield Need(STORAGE, "StorageClass", "", name, f"storage class of a claim template of {user}")


def _service_account(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    for pull in manifest.get("imagePullSecrets") or []:
        yield Need("", "Secret", user.namespace, pull.get("name", ""), f"image pull secret of {user}")


def _binding(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    role = manifest.get("roleRef") or {}
    if role:
        namespace = user.namespace if role.get("kind") == "Role" else ""
        yield Need(RBAC, role["kind"], namespace, role["name"], f"role of {user}")


def _scale_target(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    target = (manifest.get("spec") or {}).get("scaleTargetRef") or {}
    if target:
        group, _ = split_api_version(target.get("apiVersion", ""))
        yield Need(group, target.get("kind", ""), user.namespace, target["name"], f"scaled by {user}")


def _crd(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    conversion = (manifest.get("spec") or {}).get("conversion") or {}
    webhook = conversion.get("webhook") or {}
    yield from _client_service(
        webhook.get("clientConfig") or conversion.get("webhookClientConfig") or {},
        f"conversion webhook of {user}",
    )


def _webhooks(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    for webhook in manifest.get("webhooks") or []:
        yield from _client_service(
            webhook.get("clientConfig") or {}, f"webhook {webhook.get('name')} of {user}"
        )


def _api_service(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    yield from _client_service(manifest.get("spec") or {}, f"backend of {user}")


def _client_service(config: dict[str, Any], reason: str) -> Iterator[Need]:
    service = config.get("service")
    if service:
        yield Need("", "Service", service.get("namespace", ""), service["name"], reason)


def _gateway(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    spec = manifest.get("spec") or {}
    yield from annotation_needs(manifest, user)
    if spec.get("gatewayClassName"):
        yield Need(GATEWAY, "GatewayClass", "", spec["gatewayClassName"], f"gateway class of {user}")
    for listener in spec.get("listeners") or []:
        for certificate in (listener.get("tls") or {}).get("certificateRefs") or []:
            namespace = certificate.get("namespace") or user.namespace
            yield Need("", "Secret", namespace, certificate["name"], f"certificate of {user}")


_DIRECT: dict[tuple[str, str], Callable[[Manifest, ObjectReference], Iterator[Need]]] = {
    (NETWORKING, "Ingress"): _ingress,
    ("extensions", "Ingress"): _ingress,
    (NETWORKING, "IngressClass"): _ingress_class,
    (GATEWAY, "Gateway"): _gateway,
    (GATEWAY, "GatewayClass"): _gateway_class,
    (CERT_MANAGER, "Certificate"): certificate_needs,
    (CERT_MANAGER, "Issuer"): issuer_needs,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "PersistentVolume"): _volume,
    ("apps", "StatefulSet"): _stateful_set,
    ("", "ServiceAccount"): _service_account,
    (RBAC, "RoleBinding"): _binding,
    (RBAC, "ClusterRoleBinding"): _binding,
    ("autoscaling", "HorizontalPodAutoscaler"): _scale_target,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
    ("apiregistration.k8s.io", "APIService"): _api_service,
}
