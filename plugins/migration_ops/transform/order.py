"""The order in which a plain `kubectl apply` of the results works: what is needed comes first."""

from __future__ import annotations

from collections.abc import Iterable

from migration_ops.transform.objects import Manifest

WAVES: tuple[tuple[str, frozenset[str]], ...] = (
    ("00-definitions", frozenset({"CustomResourceDefinition"})),
    ("10-namespaces", frozenset({"Namespace"})),
    (
        "20-policies",
        frozenset({"StorageClass", "VolumeSnapshotClass", "IngressClass", "AlbConfig", "PriorityClass",
                   "RuntimeClass", "ResourceQuota", "LimitRange", "NetworkPolicy"}),
    ),
    ("30-identity", frozenset({"ServiceAccount", "Role", "ClusterRole", "RoleBinding",
                               "ClusterRoleBinding"})),
    ("40-configuration", frozenset({"ConfigMap", "Secret", "SecretProviderClass"})),
    ("50-volumes", frozenset({"PersistentVolume", "PersistentVolumeClaim"})),
    ("60-services", frozenset({"Service", "Endpoints", "EndpointSlice"})),
    (
        "70-workloads",
        frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod",
                   "Job", "CronJob", "PodTemplate"}),
    ),
    ("80-scaling", frozenset({"HorizontalPodAutoscaler", "PodDisruptionBudget"})),
    ("85-custom", frozenset()),
    ("90-ingress", frozenset({"Ingress"})),
    ("95-admission", frozenset({"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
                                "APIService", "ValidatingAdmissionPolicy",
                                "ValidatingAdmissionPolicyBinding"})),
)  # fmt: skip
OTHERS = "85-custom"
_WAVE_OF = {kind: name for name, kinds in WAVES for kind in kinds}
_RANK_WITHIN = {
    kind: rank
    for rank, kind in enumerate(
        ("PersistentVolume", "PersistentVolumeClaim", "Role", "ClusterRole", "AlbConfig"), start=-5
    )
}


def wave(manifest: Manifest) -> str:
    """Name the wave that an object belongs to; names sort in apply order.

    :param manifest: the object.
    """
    return _WAVE_OF.get(manifest["kind"], OTHERS)


def apply_order(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Sort objects by wave, then kind, namespace and name.

    :param manifests: the objects.
    """
    return sorted(manifests, key=_key)


def _key(manifest: Manifest) -> tuple[str, int, str, str, str]:
    metadata = manifest["metadata"]
    kind = manifest["kind"]
    return (
        wave(manifest),
        _RANK_WITHIN.get(kind, 0),
        kind,
        metadata.get("namespace") or "",
        metadata["name"],
    )
