"""What objects need, and what is never taken."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec

import pytest

from migration_ops.cluster import Cluster, Discovery, ObjectReference, Selection
from migration_ops.cluster.closure import needs_of
from migration_ops.cluster.closure_walk import Walk
from migration_ops.cluster.exclusions import reason_to_leave
from migration_ops.cluster.kinds import ApiResource


def made(kind: str, api_version: str = "v1", name: str = "x", **content: Any) -> dict[str, Any]:
    """A manifest of namespace shop."""
    metadata = {"namespace": "shop", "name": name} | content.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def needed(manifest: dict[str, Any]) -> set[tuple[str, str, str]]:
    """(kind, namespace, name) of everything that is needed."""
    return {(need.kind, need.namespace, need.name) for need in needs_of(manifest) if need.name}


POD: dict[str, Any] = {
    "serviceAccountName": "web",
    "priorityClassName": "high",
    "runtimeClassName": "gvisor",
    "imagePullSecrets": [{"name": "registry"}],
    "initContainers": [
        {"name": "i", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "init-secret"}}}]}
    ],
    "containers": [
        {
            "name": "c",
            "envFrom": [{"configMapRef": {"name": "env"}}, {"secretRef": {"name": "env-secret"}}],
            "env": [
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "key"}}},
                {"name": "C", "value": "1"},
            ],
        }
    ],
    "volumes": [
        {"name": "a", "configMap": {"name": "files"}},
        {"name": "b", "secret": {"secretName": "tls"}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "d", "projected": {"sources": [{"configMap": {"name": "p"}}, {"secret": {"name": "q"}}]}},
        {"name": "e", "csi": {"driver": "x", "nodePublishSecretRef": {"name": "csi-secret"}}},
        {"name": "f", "emptyDir": {}},
    ],
}

POD_NEEDS = {
    ("ServiceAccount", "shop", "web"),
    ("PriorityClass", "", "high"),
    ("RuntimeClass", "", "gvisor"),
    ("PersistentVolumeClaim", "shop", "data"),
    *(("ConfigMap", "shop", name) for name in ("env", "key", "files", "p")),
    *(
        ("Secret", "shop", name)
        for name in ("registry", "init-secret", "env-secret", "tls", "q", "csi-secret")
    ),
}


@pytest.mark.parametrize(
    "manifest",
    [
        made("Pod", spec=POD),
        made("Deployment", "apps/v1", spec={"template": {"spec": POD}}),
        made("CronJob", "batch/v1", spec={"jobTemplate": {"spec": {"template": {"spec": POD}}}}),
        made("Rollout", "argoproj.io/v1alpha1", spec={"template": {"spec": POD}}),
    ],
    ids=["pod", "deployment", "cronjob", "custom workload"],
)
def test_pods_need_what_they_mount_and_name(manifest: dict[str, Any]) -> None:
    assert needed(manifest) == POD_NEEDS


def test_each_need_says_why() -> None:
    reasons = {
        need.name: need.reason
        for need in needs_of(made("Deployment", "apps/v1", spec={"template": {"spec": POD}}))
    }
    assert reasons["files"] == "volume a of apps/v1/Deployment/shop/x"
    assert reasons["env-secret"] == "environment of container c of apps/v1/Deployment/shop/x"


OLD_INGRESS = made(
    "Ingress",
    "networking.k8s.io/v1beta1",
    metadata={"annotations": {"kubernetes.io/ingress.class": "alb", "cert-manager.io/cluster-issuer": "le"}},
    spec={
        "backend": {"serviceName": "fallback", "servicePort": 80},
        "rules": [{"http": {"paths": [{"backend": {"serviceName": "web", "servicePort": 80}}]}}],
        "tls": [{"secretName": "tls"}],
    },
)
NEW_INGRESS = made(
    "Ingress",
    "networking.k8s.io/v1",
    metadata={"annotations": {"cert-manager.io/cluster-issuer": "le"}},
    spec={
        "ingressClassName": "alb",
        "defaultBackend": {"service": {"name": "fallback"}},
        "rules": [{"http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}],
        "tls": [{"secretName": "tls"}],
    },
)


@pytest.mark.parametrize("manifest", [OLD_INGRESS, NEW_INGRESS], ids=["v1beta1", "v1"])
def test_an_ingress_needs_its_class_services_certificates_and_issuer(manifest: dict[str, Any]) -> None:
    assert needed(manifest) == {
        ("IngressClass", "", "alb"),
        ("ClusterIssuer", "", "le"),
        ("Service", "shop", "fallback"),
        ("Service", "shop", "web"),
        ("Secret", "shop", "tls"),
    }


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (
            made(
                "IngressClass",
                "networking.k8s.io/v1",
                spec={"parameters": {"apiGroup": "a.b", "kind": "P", "name": "p"}},
            ),
            {("P", "", "p")},
        ),
        (
            made("PersistentVolumeClaim", spec={"volumeName": "pv-1", "storageClassName": "gp2"}),
            {("PersistentVolume", "", "pv-1"), ("StorageClass", "", "gp2")},
        ),
        (
            made("PersistentVolume", spec={"csi": {"nodeStageSecretRef": {"name": "s", "namespace": "csi"}}}),
            {("Secret", "csi", "s")},
        ),
        (
            made(
                "StatefulSet",
                "apps/v1",
                spec={"serviceName": "db", "volumeClaimTemplates": [{"spec": {"storageClassName": "io1"}}]},
            ),
            {("Service", "shop", "db"), ("StorageClass", "", "io1")},
        ),
        (
            made(
                "RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"kind": "ClusterRole", "name": "view"}
            ),
            {("ClusterRole", "", "view")},
        ),
        (
            made(
                "HorizontalPodAutoscaler",
                "autoscaling/v2",
                spec={"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
            ),
            {("Deployment", "shop", "web")},
        ),
        (
            made(
                "CustomResourceDefinition",
                "apiextensions.k8s.io/v1",
                spec={
                    "conversion": {
                        "webhook": {"clientConfig": {"service": {"namespace": "op", "name": "hook"}}}
                    }
                },
            ),
            {("Service", "op", "hook")},
        ),
        (
            made(
                "ValidatingWebhookConfiguration",
                "admissionregistration.k8s.io/v1",
                webhooks=[
                    {"name": "h", "clientConfig": {"service": {"namespace": "op", "name": "hook"}}},
                    {"name": "u", "clientConfig": {"url": "https://example.com"}},
                ],
            ),
            {("Service", "op", "hook")},
        ),
        (
            made(
                "Gateway",
                "gateway.networking.k8s.io/v1",
                spec={
                    "gatewayClassName": "alb",
                    "listeners": [{"tls": {"certificateRefs": [{"name": "tls"}]}}],
                },
            ),
            {("GatewayClass", "", "alb"), ("Secret", "shop", "tls")},
        ),
        (
            made(
                "Ingress",
                "networking.k8s.io/v1",
                metadata={
                    "annotations": {
                        "cert-manager.io/issuer": "le",
                        "nginx.ingress.kubernetes.io/auth-secret": "passwords",
                        "nginx.ingress.kubernetes.io/auth-tls-secret": "pki/clients",
                        "nginx.ingress.kubernetes.io/custom-headers": "shop/headers",
                        "nginx.ingress.kubernetes.io/default-backend": "sorry",
                    }
                },
            ),
            {
                ("Issuer", "shop", "le"),
                ("Secret", "shop", "passwords"),
                ("Secret", "pki", "clients"),
                ("ConfigMap", "shop", "headers"),
                ("Service", "shop", "sorry"),
            },
        ),
        (
            made(
                "Ingress",
                "networking.k8s.io/v1",
                metadata={
                    "annotations": {
                        "cert-manager.io/issuer": "pca",
                        "cert-manager.io/issuer-kind": "AWSPCAClusterIssuer",
                        "cert-manager.io/issuer-group": "awspca.cert-manager.io",
                    }
                },
            ),
            {("AWSPCAClusterIssuer", "", "pca")},
        ),
        (
            made(
                "Certificate",
                "cert-manager.io/v1",
                spec={"secretName": "tls", "issuerRef": {"name": "ca"}},
            ),
            {("Issuer", "shop", "ca"), ("Secret", "shop", "tls")},
        ),
        (
            made(
                "Certificate",
                "cert-manager.io/v1",
                spec={"issuerRef": {"kind": "ClusterIssuer", "name": "le"}},
            ),
            {("ClusterIssuer", "", "le")},
        ),
        (
            made(
                "Issuer",
                "cert-manager.io/v1",
                spec={
                    "ca": {"secretName": "authority"},
                    "acme": {
                        "privateKeySecretRef": {"name": "account"},
                        "solvers": [{"dns01": {"route53": {"secretAccessKeySecretRef": {"name": "dns"}}}}],
                    },
                },
            ),
            {("Secret", "shop", "authority"), ("Secret", "shop", "account"), ("Secret", "shop", "dns")},
        ),
        (made("ConfigMap", data={"a": "b"}), set()),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_other_kinds_need_what_they_name(manifest: dict[str, Any], expected: set[Any]) -> None:
    assert needed(manifest) == expected


CONTROLLER = {
    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "controller": True}]
}
OPERATOR = {
    "ownerReferences": [
        {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "name": "db", "controller": True}
    ]
}
OWNER = {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "r"}]}


@pytest.mark.parametrize(
    "manifest",
    [
        made("Pod", metadata=CONTROLLER),
        made("ConfigMap", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        made("Secret", type="kubernetes.io/service-account-token"),
        made("Secret", metadata=CONTROLLER),
        made("ConfigMap", metadata=OPERATOR),
        made("ConfigMap", name="kube-root-ca.crt"),
        made("ConfigMap", metadata={"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}),
        made(
            "Endpoints", metadata={"annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "x"}}
        ),
        made("Service", metadata={"namespace": "default", "name": "kubernetes"}),
        made("ServiceAccount", name="default"),
        made("Pod", status={"phase": "Succeeded"}),
        made("Pod", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
        made("Job", "batch/v1", status={"completionTime": "2026-01-01T00:00:00Z"}),
        made("Job", "batch/v1", metadata={"labels": {"migration-ops.io/mover": "true"}}),
        made("ClusterRole", "rbac.authorization.k8s.io/v1", name="system:node"),
        made("PriorityClass", "scheduling.k8s.io/v1", name="system-node-critical"),
        made("APIService", "apiregistration.k8s.io/v1", spec={}),
        made("ConfigMap", metadata={"labels": {"velero.io/exclude-from-backup": "true"}}),
        made("ConfigMap", metadata={"annotations": {"migration-ops.io/exclude": "true"}}),
    ],
)
def test_what_the_cluster_makes_by_itself_is_left(manifest: dict[str, Any]) -> None:
    assert reason_to_leave(manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        made("Pod", status={"phase": "Running"}),
        made("Secret", metadata=OPERATOR, type="Opaque"),
        made("Secret", type="helm.sh/release.v1", name="sh.helm.release.v1.shop.v1"),
        made("ConfigMap", metadata=OWNER),
        made("PersistentVolumeClaim", metadata=CONTROLLER),
        made("PersistentVolumeClaim", metadata={"annotations": {"migration-ops.io/exclude": "true"}}),
        made("Endpoints", subsets=[]),
        made("ServiceAccount", name="default", imagePullSecrets=[{"name": "registry"}]),
        made("Job", "batch/v1", status={"active": 1}),
        made("APIService", "apiregistration.k8s.io/v1", spec={"service": {"name": "metrics"}}),
        made("ClusterRole", "rbac.authorization.k8s.io/v1", name="reader"),
    ],
)
def test_what_somebody_made_is_kept(manifest: dict[str, Any]) -> None:
    assert reason_to_leave(manifest) is None


@pytest.mark.parametrize(
    ("name", "reason"), [("web-token-x7k2p", "every cluster makes"), ("web-token", "made by hand")]
)
def test_tokens_are_told_apart_by_who_made_them(name: str, reason: str) -> None:
    account = {"annotations": {"kubernetes.io/service-account.name": "web"}}
    token = made("Secret", name=name, metadata=account, type="kubernetes.io/service-account-token")
    assert reason in str(reason_to_leave(token))


RBAC = "rbac.authorization.k8s.io"


def walked(*objects: dict[str, Any], start: str) -> Walk:
    """A walk from one object through a pool, where the cluster has nothing else."""
    kinds = {(one["apiVersion"], one["kind"]) for one in objects} | {("v1", "Secret"), ("v1", "Service")}
    served = []
    for version, kind in sorted(kinds):
        group, _, name = version.rpartition("/")
        namespaced = not kind.startswith(("Cluster", "Custom", "PersistentVolume"))
        served.append(ApiResource(group, name, kind, f"{kind.lower()}s", namespaced=namespaced))
    pool = {ObjectReference.of(one).identity: one for one in objects}
    chosen = {identity: "chosen" for identity in pool if identity[3] == start}
    asked_for_nothing = create_autospec(Cluster, instance=True, name="source")
    walk = Walk(asked_for_nothing, Discovery(tuple(served)), Selection(), pool, chosen)
    walk.run()
    assert asked_for_nothing.get.call_count == 0
    return walk


def test_what_lies_with_the_platform_stays_there_and_is_named() -> None:
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "share"},
        "spec": {"csi": {"nodeStageSecretRef": {"namespace": "kube-system", "name": "nfs"}}},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "nfs", "namespace": "kube-system"},
    }

    walk = walked(volume, secret, start="share")

    assert [identity[3] for identity in walk.chosen] == ["share"]
    ((left, reason),) = walk.missing
    assert left == "v1/Secret/kube-system/nfs"
    assert "the target's must bring it" in reason


@pytest.mark.parametrize(
    ("follower", "comes"),
    [
        (made("Service", name="web", spec={"selector": {"app": "web"}}), True),
        (made("Service", name="all", spec={"selector": {"tier": "front"}}), True),
        (made("Service", name="other", spec={"selector": {"app": "db"}}), False),
        (
            made("Service", name="outside", spec={"type": "ExternalName", "externalName": "example.com"}),
            False,
        ),
        (made("Service", name="nothing", spec={"selector": {}}), False),
        (made("PodDisruptionBudget", "policy/v1", spec={"selector": {"matchLabels": {"app": "web"}}}), True),
        (made("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}}), True),
        (
            made(
                "NetworkPolicy", "networking.k8s.io/v1", metadata={"namespace": "b"}, spec={"podSelector": {}}
            ),
            False,
        ),
    ],
)
def test_what_selects_the_pods_of_a_chosen_workload_comes_along(
    follower: dict[str, Any], comes: bool
) -> None:
    labels = {"app": "web", "tier": "front"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": []}}
    account = made("ServiceAccount", name="default")
    workload = made("Deployment", "apps/v1", name="chosen", spec={"template": template})

    walk = walked(workload, account, follower, start="chosen")

    reason = walk.chosen.get(ObjectReference.of(follower).identity)
    assert reason == ("acts on the pods of Deployment shop/chosen" if comes else None)


@pytest.mark.parametrize(
    ("subject", "comes"),
    [
        ({"kind": "ServiceAccount", "namespace": "shop", "name": "web"}, True),
        ({"kind": "User", "name": "system:serviceaccount:shop:web"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:shop"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts"}, True),
        ({"kind": "ServiceAccount", "namespace": "other", "name": "web"}, False),
        ({"kind": "ServiceAccount", "name": "web"}, False),
        ({"kind": "User", "name": "system:serviceaccount:shop:webhook"}, False),
        ({"kind": "Group", "name": "system:serviceaccounts:other"}, False),
    ],
)
def test_rights_come_along_however_the_account_is_named(subject: dict[str, str], comes: bool) -> None:
    account = made("ServiceAccount", name="web")
    role = made("ClusterRole", f"{RBAC}/v1", name="reader")
    binding = made(
        "ClusterRoleBinding",
        f"{RBAC}/v1",
        name="readers",
        roleRef={"kind": "ClusterRole", "name": "reader"},
        subjects=[subject],
    )
    for one in (role, binding):
        del one["metadata"]["namespace"]

    names = {identity[3] for identity in walked(account, role, binding, start="web").chosen}

    assert names == ({"web", "readers", "reader"} if comes else {"web"})


@pytest.mark.parametrize(
    ("secret", "named"),
    [
        (made("Secret", name="tls", metadata={"annotations": {"migration-ops.io/exclude": "true"}}), True),
        (made("Secret", name="tls", type="kubernetes.io/service-account-token"), True),
        (
            made(
                "Secret",
                name="web-token-x7k2p",
                metadata={"annotations": {"kubernetes.io/service-account.name": "web"}},
                type="kubernetes.io/service-account-token",
            ),
            False,
        ),
    ],
)
def test_a_secret_that_stays_though_a_pod_needs_it_is_named(secret: dict[str, Any], named: bool) -> None:
    name = secret["metadata"]["name"]
    pod = made("Pod", spec={"volumes": [{"name": "v", "secret": {"secretName": name}}]})
    cluster = create_autospec(Cluster, instance=True)
    cluster.get.side_effect = lambda *_, **__: {**secret, "metadata": dict(secret["metadata"])}
    served = Discovery(
        tuple(ApiResource("", "v1", kind, f"{kind.lower()}s", namespaced=True) for kind in ("Pod", "Secret"))
    )
    identity = ObjectReference.of(pod).identity
    walk = Walk(cluster, served, Selection(), {identity: pod}, {identity: "chosen"})

    walk.run()

    assert list(walk.chosen) == [identity]
    assert [left for left, _ in walk.missing] == ([f"v1/Secret/shop/{name}"] if named else [])
