"""A crowd of objects of many kinds that costs a cluster nothing but storage: no pod ever runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Manifest = dict[str, Any]

GROUP = "crowd.bench.example.com"
CUSTOM_KINDS = tuple(f"Thing{letter}" for letter in "ABCDEFGHIJKLMNOPQRST")
FILLING = "x" * 400

_RBAC = "rbac.authorization.k8s.io/v1"


def _template(name: str) -> Manifest:
    environment = [{"name": f"SETTING_{number}", "value": FILLING[:60]} for number in range(10)]
    container = {
        "name": "main",
        "image": "docker.io/local/pause:1",
        "env": environment,
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "ports": [{"containerPort": 8080, "protocol": "TCP", "name": "http"}],
    }
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}


def _workload(name: str, **spec: Any) -> Manifest:
    return {"spec": {"selector": {"matchLabels": {"app": name}}, "template": _template(name), **spec}}


def _job(name: str) -> Manifest:
    template = _template(name)
    template["spec"]["restartPolicy"] = "Never"
    return {"parallelism": 0, "template": template}


def _ports() -> list[Manifest]:
    return [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]


def _rules() -> list[Manifest]:
    return [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}]


def _ingress(name: str) -> Manifest:
    backend = {"service": {"name": name, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {"spec": {"rules": [{"host": f"{name}.example.com", "http": {"paths": [path]}}]}}


BUILT_IN: dict[tuple[str, str], Callable[[str], Manifest]] = {
    ("v1", "ConfigMap"): lambda _: {"data": {f"key{number}": FILLING for number in range(5)}},
    ("v1", "Secret"): lambda _: {"data": {"password": "c2VjcmV0"}, "type": "Opaque"},
    ("v1", "ServiceAccount"): lambda _: {"automountServiceAccountToken": False},
    ("v1", "Service"): lambda name: {
        "spec": {"ports": _ports(), "selector": {"app": name}, "clusterIP": "None"}
    },
    ("v1", "Endpoints"): lambda _: {
        "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 80}]}]
    },
    ("v1", "LimitRange"): lambda _: {"spec": {"limits": [{"type": "Container", "max": {"cpu": "4"}}]}},
    ("v1", "ResourceQuota"): lambda _: {"spec": {"hard": {"pods": "1000"}}},
    ("v1", "PodTemplate"): lambda name: {"template": _template(name)},
    ("v1", "ReplicationController"): lambda name: {
        "spec": {"replicas": 0, "selector": {"app": name}, "template": _template(name)}
    },
    ("apps/v1", "Deployment"): lambda name: _workload(name, replicas=0),
    ("apps/v1", "StatefulSet"): lambda name: _workload(name, replicas=0, serviceName=name),
    ("apps/v1", "ReplicaSet"): lambda name: _workload(name, replicas=0),
    ("batch/v1", "Job"): lambda name: {"spec": _job(name)},
    ("batch/v1beta1", "CronJob"): lambda name: {
        "spec": {"schedule": "0 0 29 2 *", "suspend": True, "jobTemplate": {"spec": _job(name)}}
    },
    ("autoscaling/v1", "HorizontalPodAutoscaler"): lambda name: {
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        }
    },
    ("policy/v1beta1", "PodDisruptionBudget"): lambda name: {
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}}
    },
    ("networking.k8s.io/v1", "NetworkPolicy"): lambda name: {
        "spec": {"podSelector": {"matchLabels": {"app": name}}, "policyTypes": ["Ingress"]}
    },
    ("networking.k8s.io/v1", "Ingress"): _ingress,
    (_RBAC, "Role"): lambda _: {"rules": _rules()},
    (_RBAC, "RoleBinding"): lambda name: {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    },
}


def definitions() -> list[Manifest]:
    """Return the definitions of the custom kinds."""
    found = []
    for kind in CUSTOM_KINDS:
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {
            "kind": kind,
            "plural": f"{kind.lower()}s",
            "singular": kind.lower(),
            "listKind": f"{kind}List",
        }
        found.append(
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{names['plural']}.{GROUP}"},
                "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
            }
        )
    return found


def namespaces(prefix: str, count: int) -> list[Manifest]:
    """Return the namespaces of a crowd."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{prefix}-{number}"}}
        for number in range(count)
    ]


def crowd(prefix: str, spaces: int, total: int) -> list[Manifest]:
    """Return `total` objects, spread evenly over forty kinds and `spaces` namespaces."""
    kinds: list[tuple[str, str, Callable[[str], Manifest]]] = [
        (api_version, kind, content) for (api_version, kind), content in BUILT_IN.items()
    ]
    kinds += [(f"{GROUP}/v1", kind, lambda _: {"spec": {"text": FILLING}}) for kind in CUSTOM_KINDS]
    found = []
    for number in range(total):
        api_version, kind, content = kinds[number % len(kinds)]
        name = f"one-{number // len(kinds)}"
        metadata = {
            "name": name,
            "namespace": f"{prefix}-{number // len(kinds) % spaces}",
            "labels": {"app": name, "team": "bench"},
            "annotations": {"bench.example.com/note": FILLING[:100]},
        }
        found.append({"apiVersion": api_version, "kind": kind, "metadata": metadata, **content(name)})
    return found
