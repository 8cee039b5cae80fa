"""Walks from the chosen objects to what they need, and to what acts on them, until nothing new turns up."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from migration_ops.cluster.closure import NETWORKING, RBAC, STORAGE, needs_of
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ApiError, NotFound
from migration_ops.cluster.exclusions import ROOT_CA, made_for_account, reason_to_leave
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.labels import LabelSelector
from migration_ops.cluster.need import Need
from migration_ops.cluster.owners import Owned, Owner, reason_of_owned
from migration_ops.cluster.podspec import pod_labels_of
from migration_ops.cluster.reading import in_a_version_that_answers
from migration_ops.cluster.reference import Manifest, ObjectReference
from migration_ops.cluster.selection import NEVER_CAPTURED, Selection, matches_kind
from migration_ops.cluster.versions import is_built_in

Identity = tuple[str, str, str, str]

CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")


class Walk:
    """One walk over a pool of objects.

    :param cluster: asked for single objects that the pool lacks.
    :param served: what the cluster serves.
    :param selection: kinds that were left out by name are not brought along either.
    :param pool: all objects that were read, by identity; grows.
    :param chosen: identities of the set with their reasons; grows.
    :param owned: what controllers made: for what is chosen of it, its owner comes along.
    """

    # Cluster-scoped kinds that are listed whole, because what is needed is found by looking at all of them.
    CLUSTER_KINDS: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {
            (RBAC, "ClusterRole"),
            (RBAC, "ClusterRoleBinding"),
            ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
            ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
            ("apiregistration.k8s.io", "APIService"),
            (NETWORKING, "IngressClass"),
            (STORAGE, "StorageClass"),
            ("scheduling.k8s.io", "PriorityClass"),
            ("node.k8s.io", "RuntimeClass"),
        }
    )
    # Large or numerous: read one by one when something names them.
    BY_NAME: ClassVar[frozenset[tuple[str, str]]] = frozenset({CRD, ("", "PersistentVolume")})

    def __init__(
        self,
        cluster: Cluster,
        served: Discovery,
        selection: Selection,
        pool: dict[Identity, Manifest],
        chosen: dict[Identity, str],
        *,
        owned: Owned | None = None,
    ) -> None:
        self.cluster = cluster
        self.served = served
        self.selection = selection
        self.pool = pool
        self.chosen = chosen
        self.owned = owned or Owned()
        self.missing: list[tuple[str, str]] = []
        self._queue: deque[Identity] = deque()
        self._asked: set[Identity] = set()
        self._owners_asked: set[Identity] = set()
        self._bindings = [
            (identity, manifest)
            for identity, manifest in pool.items()
            if identity[:2] in {(RBAC, "RoleBinding"), (RBAC, "ClusterRoleBinding")}
        ]
        self._followers = [
            (identity, manifest) for identity, manifest in pool.items() if identity[:2] in _FOLLOWER_KINDS
        ]

    def run(self) -> None:
        """Add to ``chosen`` until everything that is needed is there or known to be missing."""
        self._queue.extend(self.chosen)
        for identity in self.owned.chosen:
            self._take_owned(identity)
        while self._queue:
            while self._queue:
                self._visit(self._queue.popleft())
            self._add_followers()

    def _visit(self, identity: Identity) -> None:
        manifest = self.pool[identity]
        for need in needs_of(manifest):
            self._take(need)
        self._take_namespace(identity)
        self._take_crd(ObjectReference.of(manifest))
        if identity[:2] == ("", "ServiceAccount"):
            self._take_bindings(identity)
        if identity[:2] == (RBAC, "ClusterRole"):
            self._take_aggregated(identity, manifest)

    def _take(self, need: Need) -> None:
        identity = (need.group, need.kind, need.namespace, need.name)
        if not need.name or identity in self.chosen:
            return
        resource = self.served.find(need.group, need.kind)
        if resource is None or self._kept_out(resource, identity):
            return
        if self.selection.is_platform_namespace(need.namespace):
            self._leave_to_the_platform(resource, identity, need.reason)
            return
        if identity in self.owned.made:
            self._take_owned(identity)
            return
        if identity not in self.pool and not self._fetch(resource, identity, need.reason):
            return
        self._add(identity, need.reason)

    def _take_owned(self, identity: Identity) -> bool:
        """Take the owner of an object that its controller makes again; without it, the object itself.

        :return: whether one of them is in the set.
        """
        if identity in self.chosen or identity in self._owners_asked:
            return identity in self.chosen
        self._owners_asked.add(identity)
        manifest = self.owned.made[identity]
        owner = self.owned.owner_of(identity, self.served)
        reason = f"owner of {ObjectReference.of(manifest)}"
        why_not = "is not served"
        if owner is not None:
            if owner.identity in self.chosen:
                return True
            if owner.identity in self.owned.made:
                return self._take_owned(owner.identity)
            why_not = self._bring(owner, reason)
            if not why_not:
                return True
        if not self.owned.may_come_alone(manifest):
            return False
        self.pool[identity] = manifest
        self._add(identity, f"{reason_of_owned(manifest)}, which {why_not}: taken by itself")
        return True

    def _bring(self, owner: Owner, reason: str) -> str:
        """Add an owner to the set, or return why it does not come along."""
        identity, resource = owner.identity, owner.resource
        if matches_kind(NEVER_CAPTURED, resource):
            return "is never captured"
        if self._kept_out(resource, identity) or self.selection.excludes_name(identity[3]):
            return "is not selected"
        # Kubernetes' own controllers were listed as far as their kind is selected; jobs that ended are many.
        listed = is_built_in(resource.group)
        if identity not in self.pool and (listed or not self._fetch(resource, identity, reason)):
            return "does not come along"
        self._add(identity, reason)
        return ""

    def _kept_out(self, resource: ApiResource, identity: Identity) -> bool:
        if self.selection.excludes_kind(resource):
            return True
        if not resource.namespaced and self.selection.cluster_scoped is False:
            return True
        return identity[:2] == ("", "Secret") and self.selection.secrets == "none"

    def _leave_to_the_platform(self, resource: ApiResource, identity: Identity, reason: str) -> None:
        """Report once what lies where the target has a platform of its own."""
        if identity not in self._asked:
            self._asked.add(identity)
            shown = f"{resource.api_version}/{'/'.join(identity[1:])}"
            self.missing.append(
                (shown, f"belongs to the platform, though {reason}: the target's must bring it")
            )

    def _fetch(self, resource: ApiResource, identity: Identity, reason: str) -> bool:
        """Read one object that no list brought; what is missing is reported once."""
        if identity in self._asked:
            return False
        self._asked.add(identity)
        _, kind, namespace, name = identity
        shown = f"{resource.api_version}/{kind}/{namespace}/{name}"
        try:
            manifest, resource, _ = in_a_version_that_answers(
                self.cluster, self.served, resource, lambda one: self._read(one, namespace, name)
            )
        except NotFound:
            if (kind, name) != ("ServiceAccount", "default"):
                self.missing.append((shown, f"does not exist, though {reason}"))
            return False
        except ApiError as error:
            self.missing.append((shown, f"could not be read, though {reason}: {error}"))
            return False
        manifest["apiVersion"], manifest["kind"] = resource.api_version, resource.kind
        manifest["metadata"].pop("managedFields", None)
        if (left := reason_to_leave(manifest)) is not None:
            if _missed(manifest):
                self.missing.append((shown, f"{left}; it stays, though {reason}"))
            return False
        self.pool[identity] = manifest
        return True

    def _read(self, resource: ApiResource, namespace: str, name: str) -> Manifest:
        path = resource.path(namespace, name)
        manifest: Manifest = self.cluster.get(
            path, what=f"read {resource.api_version}/{resource.kind}/{namespace}/{name}"
        )
        return manifest

    def _add(self, identity: Identity, reason: str) -> None:
        self.chosen[identity] = reason
        self._queue.append(identity)

    def _take_namespace(self, identity: Identity) -> None:
        namespace = identity[2]
        key = ("", "Namespace", "", namespace)
        if not namespace or key in self.chosen:
            return
        if key in self.pool:
            self._add(key, "namespace of chosen objects")
        elif not self.selection.takes_namespace(namespace):  # else it was asked for, and is absent or hidden
            self._take(Need("", "Namespace", "", namespace, f"namespace of what {self.chosen[identity]}"))

    def _take_crd(self, reference: ObjectReference) -> None:
        if is_built_in(reference.group):
            return
        resource = self.served.for_object(reference)
        if resource is not None:
            self._take(Need(*CRD, "", resource.qualified, f"definition of {reference}"))

    def _take_bindings(self, account: Identity) -> None:
        _, _, namespace, name = account
        for identity, manifest in self._bindings:
            if identity not in self.chosen and _binds(manifest, namespace, name):
                self._add(identity, f"grants rights to v1/ServiceAccount/{namespace}/{name}")

    def _take_aggregated(self, role: Identity, manifest: Manifest) -> None:
        for selector in (manifest.get("aggregationRule") or {}).get("clusterRoleSelectors") or []:
            matcher = LabelSelector.of_manifest(selector)
            for identity, other in self.pool.items():
                if identity[:2] != (RBAC, "ClusterRole") or identity in self.chosen or matcher is None:
                    continue
                if matcher.matches(other["metadata"].get("labels") or {}):
                    self._add(identity, f"aggregated into ClusterRole {role[3]}")

    def _add_followers(self) -> None:
        """Take along what acts on chosen objects: Services, autoscalers, budgets, policies, webhooks."""
        for identity, manifest in self._followers:
            if identity in self.chosen or self.selection.excludes_name(identity[3]):
                continue
            resource = self.served.find(identity[0], identity[1])
            if resource is None or self._kept_out(resource, identity):
                continue
            reason = self._follows(identity, manifest)
            if reason:
                self._add(identity, reason)

    def _follows(self, identity: Identity, manifest: Manifest) -> str | None:
        if identity[1] in {"Endpoints", "EndpointSlice"}:
            return self._leads_a_chosen_service(identity, manifest)
        if identity[1] in {"PodDisruptionBudget", "NetworkPolicy"} or identity[:2] == ("", "Service"):
            return self._selects_chosen_pods(identity, manifest)
        for need in needs_of(manifest):
            key = (need.group, need.kind, need.namespace, need.name)
            if key in self.chosen and (identity[1] == "HorizontalPodAutoscaler" or need.kind == "Service"):
                return f"acts on {need.kind} {need.namespace}/{need.name}"
        return None

    def _leads_a_chosen_service(self, identity: Identity, manifest: Manifest) -> str | None:
        """Addresses that somebody wrote for a Service without a selector."""
        labels = manifest["metadata"].get("labels") or {}
        name = identity[3] if identity[1] == "Endpoints" else labels.get("kubernetes.io/service-name", "")
        service = ("", "Service", identity[2], name)
        if service not in self.chosen or (self.pool[service].get("spec") or {}).get("selector"):
            return None
        return f"addresses of v1/Service/{identity[2]}/{name}"

    def _selects_chosen_pods(self, identity: Identity, manifest: Manifest) -> str | None:
        spec = manifest.get("spec") or {}
        selector: LabelSelector | None
        if identity[1] == "Service":
            selector = LabelSelector.of_map(spec["selector"]) if spec.get("selector") else None
        else:
            field = "podSelector" if identity[1] == "NetworkPolicy" else "selector"
            selector = LabelSelector.of_manifest(spec.get(field))
        if selector is None:
            return None
        for other in self.chosen:
            if other[2] != identity[2]:
                continue
            labels = pod_labels_of(self.pool[other])
            if labels and selector.matches(labels):
                return f"acts on the pods of {other[1]} {other[2]}/{other[3]}"
        return None


def _missed(manifest: Manifest) -> bool:
    """Whether pods wait for a Secret or ConfigMap that stays: the target does not make it by itself."""
    if manifest["kind"] == "Secret":
        return not made_for_account(manifest)
    return manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"] not in ROOT_CA


_FOLLOWER_KINDS = frozenset(
    {
        ("", "Service"),
        ("", "Endpoints"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("policy", "PodDisruptionBudget"),
        (NETWORKING, "NetworkPolicy"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("apiregistration.k8s.io", "APIService"),
    }
)


def _binds(binding: Manifest, namespace: str, account: str) -> bool:
    # A RoleBinding's subject without a namespace is not defaulted by the server: it grants nothing.
    granted = {
        ("ServiceAccount", namespace, account),
        ("User", None, f"system:serviceaccount:{namespace}:{account}"),
        ("Group", None, f"system:serviceaccounts:{namespace}"),
        ("Group", None, "system:serviceaccounts"),
    }
    return any(
        (subject.get("kind"), subject.get("namespace"), subject.get("name")) in granted
        for subject in binding.get("subjects") or []
    )
