"""What the account of a connection may do, asked of the API server itself (SelfSubjectAccessReview)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.grants import BUILT_IN, Side, grants
from migration_ops.cluster.kinds import discovery

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

    Who may not do something with ``*`` may do it with every kind that there is: then each is asked for.

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

    def kind_by_kind(result: PermissionResult) -> PermissionResult:
        wanted = result.permission
        kinds = [one for one in discovery(cluster).resources if wanted.verb in one.verbs]
        each = [Permission(wanted.verb, one.plural, one.group, wanted.namespace) for one in kinds]
        refused = [str(one.permission) for one in cluster.each(ask, dict.fromkeys(each)) if not one.allowed]
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
        reason = f"not: {', '.join(refused[:5])}{more}" if refused else "kind by kind"
        return PermissionResult(wanted, not refused, reason)

    results = list(cluster.each(ask, needed))
    return [
        kind_by_kind(one) if one.permission.resource == "*" and not one.allowed else one for one in results
    ]


def source_permissions(namespaces: Sequence[str] = ("",)) -> list[Permission]:
    """Return what a source's account needs: to read everything, to quiesce, and to run movers.

    ``include/rbac/source.yaml`` grants this.

    :param namespaces: those of the plan; the empty name stands for all.
    """
    return _permissions("source", namespaces)


def target_permissions(namespaces: Sequence[str] = ("",)) -> list[Permission]:
    """Return what a target's account needs: to create and change every kind, and to run movers.

    ``include/rbac/target.yaml`` grants this.

    :param namespaces: those of the target; the empty name stands for all.
    """
    cluster_wide = [
        Permission(verb, plural, group)
        for group, plural in (("", "namespaces"), ("apiextensions.k8s.io", "customresourcedefinitions"))
        for verb in ("get", "create", "patch", "delete")
    ]
    return cluster_wide + _permissions("target", namespaces)


def _permissions(side: Side, namespaces: Sequence[str]) -> list[Permission]:
    """Return every right of the table that can be asked for: of kinds that each cluster has."""
    asked = []
    for grant in grants(side):
        groups = [group for group in grant.groups if group == "*" or group in BUILT_IN]
        everywhere = [""] if side == "source" and grant.resources == ("*",) else namespaces
        asked += [
            Permission(verb, plural, group, namespace if _namespaced(plural) else "")
            for namespace in everywhere
            for group in groups
            for plural in grant.resources
            for verb in grant.verbs
        ]
    return list(dict.fromkeys(asked))


def _namespaced(plural: str) -> bool:
    return not plural.startswith("clusterrole")
