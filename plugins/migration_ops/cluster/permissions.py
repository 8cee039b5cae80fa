"""What the account of a connection may do, asked of the API server itself (SelfSubjectAccessReview)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migration_ops.cluster.connection import Cluster

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One right.

    :param verb: e.g. ``list``, ``patch``; ``*`` for all.
    :param resource: plural name, with a subresource as ``pods/log``; ``*`` for all.
    :param group: API group, empty for core; ``*`` for all.
    :param namespace: empty for all namespaces and for cluster-scoped kinds.
    """

    verb: str
    resource: str
    group: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}" + (f" in {self.namespace}" if self.namespace else "")


@dataclass(frozen=True, slots=True)
class PermissionResult:
    """The answer to one question.

    :param permission: what was asked.
    :param allowed: whether the account may.
    :param reason: what the authoriser said, often empty.
    """

    permission: Permission
    allowed: bool
    reason: str = ""


def check_permissions(cluster: Cluster, needed: Iterable[Permission]) -> list[PermissionResult]:
    """Ask whether the connection's account has each of several rights.

    :param cluster: the cluster.
    :param needed: the rights, e.g. `source_permissions`.
    :raises ClusterError: when the question itself is refused.
    """

    def ask(permission: Permission) -> PermissionResult:
        resource, _, subresource = permission.resource.partition("/")
        attributes = {
            "verb": permission.verb,
            "group": permission.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": permission.namespace,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }
        answer = cluster.request("POST", REVIEWS, body=review, what=f"ask for the right to {permission}")
        status = answer.get("status") or {}
        reason = status.get("reason") or status.get("evaluationError") or ""
        return PermissionResult(permission, bool(status.get("allowed")), reason)

    return list(cluster.each(ask, needed))


def source_permissions(namespaces: Sequence[str] = ("",)) -> list[Permission]:
    """Return what a source's account needs: to read everything, to quiesce, and to run movers.

    ``include/rbac/source.yaml`` grants this.

    :param namespaces: those of the plan; the empty name stands for all.
    """
    rights = [Permission("list", "*", "*"), Permission("get", "*", "*")]
    for namespace in namespaces:
        rights += [Permission("patch", plural, group, namespace) for group, plural in _QUIESCED]
        rights += [Permission(verb, "pods", "", namespace) for verb in ("create", "delete")]
        rights += [Permission("patch", "secrets", "", namespace)]
        rights += _mover_permissions(namespace)
    return rights


def target_permissions(namespaces: Sequence[str] = ("",)) -> list[Permission]:
    """Return what a target's account needs: to create and change every kind, and to run movers.

    ``include/rbac/target.yaml`` grants this.

    :param namespaces: those of the target; the empty name stands for all.
    """
    rights = [Permission(verb, "namespaces") for verb in ("get", "create", "patch", "delete")]
    rights += [
        Permission(verb, "customresourcedefinitions", "apiextensions.k8s.io")
        for verb in ("get", "create", "patch", "delete")
    ]
    for namespace in namespaces:
        verbs = ("get", "list", "create", "patch", "update", "delete")
        rights += [Permission(verb, "*", "*", namespace) for verb in verbs]
        rights += [
            Permission("escalate", "roles", "rbac.authorization.k8s.io", namespace),
            Permission("bind", "roles", "rbac.authorization.k8s.io", namespace),
        ]
        rights += _mover_permissions(namespace)
    return rights


_QUIESCED = (
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("apps", "replicasets"),
    ("apps", "daemonsets"),
    ("", "replicationcontrollers"),
    ("batch", "cronjobs"),
    ("batch", "jobs"),
    ("autoscaling", "horizontalpodautoscalers"),
)


def _mover_permissions(namespace: str) -> list[Permission]:
    rights = [
        Permission(verb, "jobs", "batch", namespace) for verb in ("get", "list", "create", "patch", "delete")
    ]
    rights += [Permission(verb, "secrets", "", namespace) for verb in ("create", "delete")]
    rights += [
        Permission(verb, "networkpolicies", "networking.k8s.io", namespace) for verb in ("create", "delete")
    ]
    rights += [Permission("get", "pods/log", "", namespace), Permission("create", "pods/exec", "", namespace)]
    return rights
