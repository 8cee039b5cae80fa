"""Takes away what only the source's API server could say, and what the target's would refuse.

Adapting content to the target is the rules' work (`migration_ops.transform`); here goes only what no API
server accepts from outside, or would take for another cluster's: server-set metadata, status, allocated
addresses, bindings to volumes, generated selectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from migration_ops.cluster.reference import Manifest, ObjectReference, copy_of

_SERVER_METADATA = (
    "generateName",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "ownerReferences",
)

_SERVER_FINALIZERS = frozenset(
    {"kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "foregroundDeletion", "orphan"}
)

_CLAIM_ANNOTATIONS = (
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-resizer",
)

_JOB_LABELS = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)

# Put on objects by ourselves in a source that was a target, or is quiesced: not the object's own.
_OWN_MARKS = (
    "migration-ops.io/quiesced",
    "migration-ops.io/quiesced-by",
    "migration-ops.io/former",
    "migration-ops.io/updated-by",
    "migration-ops.io/updated-by-run",
    "migration-ops.io/plan",
    "migration-ops.io/run",
)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which of the source's allocated addresses an object keeps.

    :param node_ports: keep the node ports of Services.
    :param cluster_ips: keep the cluster addresses of Services.
    :param load_balancer_ips: keep ``loadBalancerIP`` of Services.
    """

    node_ports: bool = False
    cluster_ips: bool = False
    load_balancer_ips: bool = False


def strip_for_apply(
    manifest: Manifest,
    addresses: AddressPolicy = AddressPolicy(),
    keep_finalizers: Sequence[str] = (),
) -> Manifest:
    """Return a copy of an object that another API server can take.

    Finalizers go, whatever rules a plan has: one whose controller is absent would keep the object and its
    namespace from ever being deleted, and a controller that is there sets its own again.

    :param manifest: the object; stays as it is.
    :param addresses: which allocated addresses to keep.
    :param keep_finalizers: globs of finalizers to keep, since their controllers run in the target.
    """
    clean = copy_of(manifest)
    metadata = clean.get("metadata") or {}
    for key in _SERVER_METADATA:
        metadata.pop(key, None)
    finalizers = [
        one
        for one in metadata.pop("finalizers", None) or []
        if one not in _SERVER_FINALIZERS and any(fnmatchcase(one, pattern) for pattern in keep_finalizers)
    ]
    if finalizers:
        metadata["finalizers"] = finalizers
    for field in ("labels", "annotations"):
        marks = metadata.get(field)
        if marks is not None:
            for key in _OWN_MARKS:
                marks.pop(key, None)
            if not marks:
                del metadata[field]
    clean.pop("status", None)
    reference = ObjectReference.of(clean)
    if reference.group_kind == ("", "Service"):
        _strip_service(clean.get("spec") or {}, addresses)
    rule = _RULES.get(reference.group_kind)
    if rule is not None:
        rule(clean)
    return clean


def _strip_service(spec: dict[str, Any], addresses: AddressPolicy) -> None:
    if spec.get("clusterIP") != "None" and not addresses.cluster_ips:
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamily"):
            spec.pop(key, None)
    if not addresses.node_ports:
        spec.pop("healthCheckNodePort", None)
        for port in spec.get("ports") or []:
            port.pop("nodePort", None)
    if not addresses.load_balancer_ips:
        spec.pop("loadBalancerIP", None)


def _strip_claim(manifest: Manifest) -> None:
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    spec.pop("volumeName", None)
    for key in _CLAIM_ANNOTATIONS:
        (metadata.get("annotations") or {}).pop(key, None)
    if not metadata.get("annotations"):
        metadata.pop("annotations", None)


def _strip_volume(manifest: Manifest) -> None:
    """Keep a volume reserved for its claim by name; the claim of the target has another UID."""
    for key in ("uid", "resourceVersion"):
        ((manifest.get("spec") or {}).get("claimRef") or {}).pop(key, None)


def _strip_namespace(manifest: Manifest) -> None:
    manifest.pop("spec", None)  # holds nothing but the server's own finalizer
    # Servers since 1.21 set this label themselves, and refuse another value than the name.
    labels = manifest["metadata"].get("labels") or {}
    labels.pop("kubernetes.io/metadata.name", None)
    if not labels:
        manifest["metadata"].pop("labels", None)


def _strip_service_account(manifest: Manifest) -> None:
    prefixes = tuple(f"{manifest['metadata']['name']}-{kind}-" for kind in ("token", "dockercfg"))
    kept = [one for one in manifest.get("secrets") or [] if not one.get("name", "").startswith(prefixes)]
    manifest.pop("secrets", None)
    if kept:
        manifest["secrets"] = kept


def _strip_job(manifest: Manifest) -> None:
    spec = manifest.get("spec") or {}
    if not spec.get("manualSelector"):
        spec.pop("selector", None)
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    for key in _JOB_LABELS:
        labels.pop(key, None)
        (manifest["metadata"].get("labels") or {}).pop(key, None)


def _strip_pod(manifest: Manifest) -> None:
    spec = manifest.get("spec") or {}
    for key in ("nodeName", "priority", "preemptionPolicy", "ephemeralContainers"):
        spec.pop(key, None)
    tokens = {
        volume["name"]
        for volume in spec.get("volumes") or []
        if volume["name"].startswith("kube-api-access-")
        or (
            (volume.get("secret") or {})
            .get("secretName", "")
            .startswith(f"{spec.get('serviceAccountName')}-token-")
        )
    }
    spec["volumes"] = [volume for volume in spec.get("volumes") or [] if volume["name"] not in tokens]
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        mounts = container.get("volumeMounts") or []
        container["volumeMounts"] = [mount for mount in mounts if mount["name"] not in tokens]


def _strip_secret(manifest: Manifest) -> None:
    if manifest.get("type") != "kubernetes.io/service-account-token":
        return
    for key in ("token", "ca.crt", "namespace"):
        (manifest.get("data") or {}).pop(key, None)
    (manifest["metadata"].get("annotations") or {}).pop("kubernetes.io/service-account.uid", None)


def _strip_api_service(manifest: Manifest) -> None:
    """Write the port's default: some servers break off the connection when a dry run lacks it."""
    service = (manifest.get("spec") or {}).get("service")
    if service:
        service.setdefault("port", 443)


def _strip_custom_resource_definition(manifest: Manifest) -> None:
    conversion = (manifest.get("spec") or {}).get("conversion")
    if conversion and conversion.get("strategy") == "None":
        del manifest["spec"]["conversion"]


_RULES: dict[tuple[str, str], Callable[[Manifest], None]] = {
    ("", "PersistentVolumeClaim"): _strip_claim,
    ("", "PersistentVolume"): _strip_volume,
    ("", "Namespace"): _strip_namespace,
    ("", "ServiceAccount"): _strip_service_account,
    ("", "Pod"): _strip_pod,
    ("", "Secret"): _strip_secret,
    ("batch", "Job"): _strip_job,
    ("apiregistration.k8s.io", "APIService"): _strip_api_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _strip_custom_resource_definition,
}
