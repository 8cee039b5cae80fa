"""In which order objects are applied: by what depends on what, parallel within a wave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from migration_ops.cluster.reference import Manifest, ObjectReference

STATEFUL = "stateful workloads"

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"

# What later ones refer to comes first. Custom resources follow the workloads, since their operator may be
# among those. Quotas come after what they count: the server would book every object on them, one by one.
# Admission webhooks and API services come last, since a webhook whose backend is not up yet would block
# everything after it.
WAVES: tuple[tuple[str, frozenset[tuple[str, str]]], ...] = (
    ("namespaces and definitions", frozenset({
        ("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition"),
    })),
    ("classes", frozenset({
        ("scheduling.k8s.io", "PriorityClass"), ("node.k8s.io", "RuntimeClass"),
        ("storage.k8s.io", "StorageClass"), ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
        ("networking.k8s.io", "IngressClass"), ("gateway.networking.k8s.io", "GatewayClass"),
    })),
    ("identity", frozenset({("", "ServiceAccount"), (_RBAC, "ClusterRole"), (_RBAC, "Role")})),
    ("rights and configuration", frozenset({
        (_RBAC, "ClusterRoleBinding"), (_RBAC, "RoleBinding"), ("", "Secret"), ("", "ConfigMap"),
        ("", "LimitRange"),
    })),
    ("volumes", frozenset({("", "PersistentVolume"), ("", "PersistentVolumeClaim")})),
    ("network", frozenset({
        ("", "Service"), ("", "Endpoints"), ("discovery.k8s.io", "EndpointSlice"),
        ("networking.k8s.io", "NetworkPolicy"), ("policy", "PodDisruptionBudget"),
    })),
    (STATEFUL, frozenset({("apps", "StatefulSet")})),
    ("workloads", frozenset({
        ("apps", "Deployment"), ("apps", "DaemonSet"), ("apps", "ReplicaSet"),
        ("", "ReplicationController"), ("", "Pod"), ("batch", "Job"),
    })),
    ("custom resources", frozenset()),
    ("what acts on workloads", frozenset({
        ("autoscaling", "HorizontalPodAutoscaler"), ("batch", "CronJob"), ("", "ResourceQuota"),
        ("networking.k8s.io", "Ingress"), ("extensions", "Ingress"),
    })),
    ("webhooks and API services", frozenset({
        (_ADMISSION, "MutatingWebhookConfiguration"), (_ADMISSION, "ValidatingWebhookConfiguration"),
        (_ADMISSION, "ValidatingAdmissionPolicy"), (_ADMISSION, "ValidatingAdmissionPolicyBinding"),
        (_ADMISSION, "MutatingAdmissionPolicy"), (_ADMISSION, "MutatingAdmissionPolicyBinding"),
        ("apiregistration.k8s.io", "APIService"),
    })),
)  # fmt: skip

_CUSTOM = next(number for number, (name, _) in enumerate(WAVES) if name == "custom resources")
_NUMBER = {kind: number for number, (_, kinds) in enumerate(WAVES) for kind in kinds}


def wave_of(reference: ObjectReference) -> int:
    """Return the number of the wave in which an object is applied.

    :param reference: the object.
    """
    return _NUMBER.get(reference.group_kind, _CUSTOM)


def in_waves(objects: Iterable[Manifest]) -> list[tuple[str, list[Manifest]]]:
    """Sort objects into named waves, in the order of applying; empty ones are left out.

    :param objects: manifests.
    """
    sorted_in: list[list[Manifest]] = [[] for _ in WAVES]
    for manifest in objects:
        sorted_in[wave_of(ObjectReference.of(manifest))].append(manifest)
    return [(name, wave) for (name, _), wave in zip(WAVES, sorted_in, strict=True) if wave]


def in_start_order(workloads: Sequence[Manifest], order: Sequence[Sequence[str]]) -> list[list[Manifest]]:
    """Split workloads into groups that start one after the other; empty groups are left out.

    :param workloads: manifests.
    :param order: patterns ``kind/name`` or ``namespace/kind/name`` per group; what no pattern names is last.
    """
    groups: list[list[Manifest]] = [[] for _ in (*order, ())]
    for manifest in workloads:
        reference = ObjectReference.of(manifest)
        name = f"{reference.kind.lower()}/{reference.name}"
        forms = (name, f"{reference.namespace}/{name}")
        fitting = (
            number
            for number, patterns in enumerate(order)
            if any(fnmatchcase(form, pattern.lower()) for form in forms for pattern in patterns)
        )
        groups[next(fitting, len(order))].append(manifest)
    return [group for group in groups if group]


def apply_order(objects: Sequence[Manifest]) -> list[Manifest]:
    """Return objects in the order in which one after the other could be applied.

    :param objects: manifests.
    """
    return sorted(
        objects, key=lambda one: (wave_of(ObjectReference.of(one)), ObjectReference.of(one).identity)
    )
