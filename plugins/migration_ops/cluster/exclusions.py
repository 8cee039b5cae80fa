"""Objects that no migration should carry, whatever was selected: made by the cluster or by a controller."""

from __future__ import annotations

import re
from collections.abc import Callable

from migration_ops.cluster.reference import (
    Manifest,
    ObjectReference,
    annotations_of,
    controller_of,
    labels_of,
    split_api_version,
)
from migration_ops.cluster.versions import is_built_in

EXCLUDE_ANNOTATION = "migration-ops.io/exclude"
OWN_LABEL = "migration-ops.io/component"
"""On what we made ourselves in a source beside movers, e.g. the notes of bare pods."""

MOVER_LABEL = "migration-ops.io/mover"
"""On mover Jobs, their Pods and Secrets (`migration_ops.mover` sets it)."""

ROOT_CA = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"})


def is_our_own(manifest: Manifest) -> bool:
    """Tell whether this product made an object for its own work, and not for the application.

    :param manifest: the object.
    """
    labels = labels_of(manifest)
    return OWN_LABEL in labels or MOVER_LABEL in labels


def made_by_controller(manifest: Manifest) -> str | None:
    """Return which controller makes an object again by itself, in words, or ``None``.

    Claims hold data: they come along whoever owns them, and have exclusion rules of their own.

    :param manifest: the object.
    """
    owner = controller_of(manifest)
    if owner is None or manifest["kind"] == "PersistentVolumeClaim" or kept_for_its_operator(manifest):
        return None
    return f"made by its controller {owner['apiVersion']}/{owner['kind']} {owner['name']}"


def reason_to_leave(manifest: Manifest, *, whoever_owns_it: bool = False) -> str | None:
    """Return why an object is never captured, or ``None`` when it may be.

    :param manifest: the object.
    :param whoever_owns_it: also objects of controllers, as their owner does not come along.
    """
    metadata = manifest["metadata"]
    if metadata.get("deletionTimestamp"):
        return "being deleted"
    if is_our_own(manifest):
        return "made by this migration"
    if not whoever_owns_it and (made := made_by_controller(manifest)):
        return made
    if manifest["kind"] != "PersistentVolumeClaim":
        if annotations_of(manifest).get(EXCLUDE_ANNOTATION) == "true":
            return f"annotated {EXCLUDE_ANNOTATION}"
        if labels_of(manifest).get("velero.io/exclude-from-backup") == "true":
            return "labelled velero.io/exclude-from-backup"
    reference = ObjectReference.of(manifest)
    rule = _RULES.get(reference.group_kind)
    return rule(manifest) if rule else None


def kept_for_its_operator(manifest: Manifest) -> bool:
    """Tell whether an operator made this Secret: it would make another password than the volumes hold.

    :param manifest: the object.
    """
    owner = controller_of(manifest)
    if owner is None or ObjectReference.of(manifest).group_kind != ("", "Secret"):
        return False
    group, _ = split_api_version(owner["apiVersion"])
    return not is_built_in(group)


def made_for_account(manifest: Manifest) -> bool:
    """Tell whether a cluster made this token by itself, as those before Kubernetes 1.24 did.

    :param manifest: a Secret that holds a service account's token.
    """
    account = annotations_of(manifest).get("kubernetes.io/service-account.name", "")
    return bool(
        re.fullmatch(re.escape(account) + "-(token|dockercfg)-[a-z0-9]{5}", manifest["metadata"]["name"])
    )


def _secret(manifest: Manifest) -> str | None:
    kind = manifest.get("type", "")
    if kind == "kubernetes.io/service-account-token":
        if made_for_account(manifest):
            return "a service account's token, which every cluster makes for itself"
        return "a service account's token, made by hand: only its cluster takes it; make one in the target"
    if kind == "bootstrap.kubernetes.io/token":
        return "a bootstrap token of the source cluster"
    return None


def _config_map(manifest: Manifest) -> str | None:
    if manifest["metadata"]["name"] in ROOT_CA:
        return "every cluster writes its own certificate authority"
    return _leader(manifest)


def _leader(manifest: Manifest) -> str | None:
    if "control-plane.alpha.kubernetes.io/leader" in annotations_of(manifest):
        return "a leader election's lock"
    return None


def _endpoints(manifest: Manifest) -> str | None:
    by_controller = labels_of(manifest).get("endpoints.kubernetes.io/managed-by") == "endpoint-controller"
    if by_controller or "endpoints.kubernetes.io/last-change-trigger-time" in annotations_of(manifest):
        return "filled in by the endpoints controller"
    if manifest["metadata"] == manifest["metadata"] | {"namespace": "default", "name": "kubernetes"}:
        return "the API server's own"
    return _leader(manifest)


def _endpoint_slice(manifest: Manifest) -> str | None:
    maker = labels_of(manifest).get("endpointslice.kubernetes.io/managed-by", "")
    if maker in {"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}:
        return "filled in by the endpoints controller"
    metadata = manifest["metadata"]
    if (metadata["namespace"], metadata["name"]) == ("default", "kubernetes"):
        return "the API server's own"
    return None


def _service(manifest: Manifest) -> str | None:
    metadata = manifest["metadata"]
    if (metadata["namespace"], metadata["name"]) == ("default", "kubernetes"):
        return "the API server's own"
    return None


def _service_account(manifest: Manifest) -> str | None:
    metadata = manifest["metadata"]
    plain = not (metadata.get("annotations") or metadata.get("labels") or manifest.get("imagePullSecrets"))
    if metadata["name"] == "default" and plain:
        return "every namespace has it"
    return None


def _pod(manifest: Manifest) -> str | None:
    if "kubernetes.io/config.mirror" in annotations_of(manifest):
        return "a static pod of its node"
    phase = (manifest.get("status") or {}).get("phase")
    if phase in {"Succeeded", "Failed"}:
        return "has ended"
    return None


def _job(manifest: Manifest) -> str | None:
    status = manifest.get("status") or {}
    failed = any(
        condition["type"] == "Failed" and condition["status"] == "True"
        for condition in status.get("conditions") or []
    )
    if status.get("completionTime") or failed:
        return "has ended"
    return None


def _rbac(manifest: Manifest) -> str | None:
    if labels_of(manifest).get("kubernetes.io/bootstrapping") == "rbac-defaults":
        return "every cluster has it"
    if manifest["metadata"]["name"].startswith("system:"):
        return "belongs to the control plane"
    return None


def _priority_class(manifest: Manifest) -> str | None:
    return "every cluster has it" if manifest["metadata"]["name"].startswith("system-") else None


def _api_service(manifest: Manifest) -> str | None:
    if not (manifest.get("spec") or {}).get("service"):
        return "served by the API server itself"
    return None


_RULES: dict[tuple[str, str], Callable[[Manifest], str | None]] = {
    ("", "Secret"): _secret,
    ("", "ConfigMap"): _config_map,
    ("", "Endpoints"): _endpoints,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("", "Service"): _service,
    ("", "ServiceAccount"): _service_account,
    ("", "Pod"): _pod,
    ("batch", "Job"): _job,
    ("rbac.authorization.k8s.io", "Role"): _rbac,
    ("rbac.authorization.k8s.io", "RoleBinding"): _rbac,
    ("rbac.authorization.k8s.io", "ClusterRole"): _rbac,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _rbac,
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
    ("apiregistration.k8s.io", "APIService"): _api_service,
}
