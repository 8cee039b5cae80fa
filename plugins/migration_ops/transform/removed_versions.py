"""Resources whose API versions went away, with what replaces them, as `api-versions` converts their kinds.

Webhooks name resources, not kinds, and nothing converts their rules.
Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

from __future__ import annotations

from dataclasses import dataclass

from migration_ops.transform.versions import ServedApis


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a resource.

    :param group: its API group.
    :param version: such as `v1beta1`.
    :param since: first Kubernetes version that serves it; None: as long as anybody remembers.
    :param removed: first Kubernetes version that doesn't; None: it still does.
    """

    group: str
    version: str
    since: str | None = None
    removed: str | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """A resource whose versions changed.

    :param resource: its plural name.
    :param kind: its kind.
    :param versions: preferred first.
    """

    resource: str
    kind: str
    versions: tuple[Version, ...]

    def best(self, served: ServedApis) -> Version | None:
        """Give the first version that the target serves.

        :param served: what it serves.
        """
        return next((one for one in self.versions if self.is_served(one, served)), None)

    def is_served(self, version: Version, served: ServedApis) -> bool:
        """Whether the target serves a version.

        :param version: one of the resource's.
        :param served: what the target serves.
        """
        name = f"{version.group}/{version.version}"
        return served.serves(name, self.kind, version.since, version.removed)


def _in_group(group: str, kinds: dict[str, str], since: str, *old: tuple[str, str]) -> list[Replaced]:
    """Make rows of resources that stay in their group and become `v1`.

    :param kinds: resources with their kinds.
    :param since: first Kubernetes version with `v1`.
    :param old: versions with the first Kubernetes version that lacks them.
    """
    versions = (Version(group, "v1", since), *(Version(group, name, None, gone) for name, gone in old))
    return [Replaced(resource, kind, versions) for resource, kind in kinds.items()]


def _workload(resource: str, kind: str, *old: tuple[str, str]) -> Replaced:
    versions = (Version(group, name, None, "1.16") for group, name in old)
    return Replaced(resource, kind, (Version("apps", "v1", "1.9"), *versions))


_NETWORKING = "networking.k8s.io"
_EXTENSIONS = ("extensions", "v1beta1")
_APPS_1, _APPS_2 = ("apps", "v1beta1"), ("apps", "v1beta2")
_RBAC = {
    "roles": "Role",
    "clusterroles": "ClusterRole",
    "rolebindings": "RoleBinding",
    "clusterrolebindings": "ClusterRoleBinding",
}
_WEBHOOKS = {
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
}
_STORAGE = {
    "storageclasses": "StorageClass",
    "csidrivers": "CSIDriver",
    "csinodes": "CSINode",
    "volumeattachments": "VolumeAttachment",
}
_FLOW = {"flowschemas": "FlowSchema", "prioritylevelconfigurations": "PriorityLevelConfiguration"}

REPLACED: tuple[Replaced, ...] = (
    _workload("deployments", "Deployment", _EXTENSIONS, _APPS_1, _APPS_2),
    _workload("daemonsets", "DaemonSet", _EXTENSIONS, _APPS_2),
    _workload("replicasets", "ReplicaSet", _EXTENSIONS, _APPS_2),
    _workload("statefulsets", "StatefulSet", _APPS_1, _APPS_2),
    Replaced(
        "networkpolicies",
        "NetworkPolicy",
        (Version(_NETWORKING, "v1", "1.7"), Version(*_EXTENSIONS, None, "1.16")),
    ),
    Replaced(
        "ingresses",
        "Ingress",
        (
            Version(_NETWORKING, "v1", "1.19"),
            Version(_NETWORKING, "v1beta1", "1.14", "1.22"),
            Version(*_EXTENSIONS, None, "1.22"),
        ),
    ),
    Replaced(
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        (
            Version("autoscaling", "v2", "1.23"),
            Version("autoscaling", "v2beta2", "1.12", "1.26"),
            Version("autoscaling", "v2beta1", "1.8", "1.25"),
            Version("autoscaling", "v1"),
        ),
    ),
    *_in_group(_NETWORKING, {"ingressclasses": "IngressClass"}, "1.19", ("v1beta1", "1.22")),
    *_in_group("policy", {"poddisruptionbudgets": "PodDisruptionBudget"}, "1.21", ("v1beta1", "1.25")),
    *_in_group("batch", {"cronjobs": "CronJob"}, "1.21", ("v1beta1", "1.25"), ("v2alpha1", "1.21")),
    *_in_group("admissionregistration.k8s.io", _WEBHOOKS, "1.16", ("v1beta1", "1.22")),
    *_in_group(
        "apiextensions.k8s.io",
        {"customresourcedefinitions": "CustomResourceDefinition"},
        "1.16",
        ("v1beta1", "1.22"),
    ),
    *_in_group("apiregistration.k8s.io", {"apiservices": "APIService"}, "1.10", ("v1beta1", "1.22")),
    *_in_group("rbac.authorization.k8s.io", _RBAC, "1.8", ("v1beta1", "1.22"), ("v1alpha1", "1.22")),
    *_in_group(
        "scheduling.k8s.io",
        {"priorityclasses": "PriorityClass"},
        "1.14",
        ("v1beta1", "1.22"),
        ("v1alpha1", "1.22"),
    ),
    *_in_group("storage.k8s.io", _STORAGE, "1.6", ("v1beta1", "1.22")),
    *_in_group("storage.k8s.io", {"csistoragecapacities": "CSIStorageCapacity"}, "1.24", ("v1beta1", "1.27")),
    *_in_group("coordination.k8s.io", {"leases": "Lease"}, "1.14", ("v1beta1", "1.22")),
    *_in_group(
        "certificates.k8s.io",
        {"certificatesigningrequests": "CertificateSigningRequest"},
        "1.19",
        ("v1beta1", "1.22"),
    ),
    *_in_group("discovery.k8s.io", {"endpointslices": "EndpointSlice"}, "1.21", ("v1beta1", "1.25")),
    *_in_group("events.k8s.io", {"events": "Event"}, "1.19", ("v1beta1", "1.25")),
    *_in_group(
        "node.k8s.io", {"runtimeclasses": "RuntimeClass"}, "1.20", ("v1beta1", "1.25"), ("v1alpha1", "1.25")
    ),
    *_in_group(
        "flowcontrol.apiserver.k8s.io",
        _FLOW,
        "1.29",
        ("v1beta3", "1.32"),
        ("v1beta2", "1.29"),
        ("v1beta1", "1.26"),
        ("v1alpha1", "1.22"),
    ),
)
