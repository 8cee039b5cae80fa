"""What is chosen for a migration: namespaces, kinds, labels, names, volumes; and what never is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal

from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.labels import LabelSelector, matches_any
from migration_ops.cluster.reference import Manifest, labels_of

# Namespaces of Kubernetes itself, of cloud add-ons, of storage and network systems and of backup tools:
# their content belongs to the platform of the source and comes with the platform of the target.
# Patterns only guess: a namespace that the plan names without a glob is the application's.
PLATFORM_NAMESPACES = (
    "kube-*", "csdr", "ack-csi-fuse", "velero", "amazon-*", "aws-observability", "gke-*", "gmp-*",
    "config-management-*", "calico-system", "tigera-operator", "azure-arc", "gatekeeper-system",
    "openshift-*", "cattle-*", "local-path-storage", "metallb-system", "rook-ceph", "longhorn-system",
)  # fmt: skip

KUBERNETES_OWN = frozenset({"kube-system", "kube-public", "kube-node-lease"})
"""Namespaces of Kubernetes itself: they stay, even when they are named."""

# Kinds that describe the running cluster, not what somebody wants it to be.
NEVER_CAPTURED = (
    "nodes", "events", "events.events.k8s.io", "leases.coordination.k8s.io",
    "componentstatuses", "bindings", "controllerrevisions.apps",
    "csinodes.storage.k8s.io", "csidrivers.storage.k8s.io", "csistoragecapacities.storage.k8s.io",
    "volumeattachments.storage.k8s.io", "certificatesigningrequests.certificates.k8s.io",
    "runtimes.node.k8s.io", "*.metrics.k8s.io", "*.custom.metrics.k8s.io", "*.external.metrics.k8s.io",
    "*.flowcontrol.apiserver.k8s.io",
    "*.internal.apiserver.k8s.io", "podsecuritypolicies.extensions", "ipaddresses.networking.k8s.io",
    "servicecidrs.networking.k8s.io", "volumesnapshotcontents.snapshot.storage.k8s.io",
    "volumesnapshots.snapshot.storage.k8s.io", "*.velero.io", "*.csdr.alibabacloud.com",
    "orders.acme.cert-manager.io", "challenges.acme.cert-manager.io",
    "certificaterequests.cert-manager.io",
)  # fmt: skip


@dataclass(frozen=True)
class Selection:
    """What to take of a cluster. Patterns are globs; an exclusion always wins.

    :param namespaces_include: namespaces to take.
    :param namespaces_exclude: namespaces to leave.
    :param label_selectors: selectors in the API's text form, OR-ed; none chooses all.
    :param resources_include: kinds as ``plural``, ``plural.group``, ``group/kind`` or ``Kind``.
    :param resources_exclude: kinds to leave, in the same forms.
    :param names_include: objects' names to take.
    :param names_exclude: objects' names to leave.
    :param volumes_include: claims to take as ``namespace/name``.
    :param volumes_exclude: claims to leave as ``namespace/name``.
    :param volume_labels_exclude: claims with labels that one of these selectors matches are left.
    :param storage_classes_exclude: claims of these classes are left.
    :param volumes_opt_in: only claims annotated ``migration-ops.io/include``, and volumes that pods name in
        ``backup.velero.io/backup-volumes``.
    :param cluster_scoped: ``auto`` takes those that chosen objects need, ``True`` all of the chosen kinds.
    :param secrets: ``all`` like other kinds, ``referenced`` only those that a chosen object names, ``none``.
    :raises SelectionError: when a selector cannot be read (at first use).
    """

    namespaces_include: tuple[str, ...] = ("*",)
    namespaces_exclude: tuple[str, ...] = ()
    label_selectors: tuple[str, ...] = ()
    resources_include: tuple[str, ...] = ("*",)
    resources_exclude: tuple[str, ...] = ()
    names_include: tuple[str, ...] = ("*",)
    names_exclude: tuple[str, ...] = ()
    volumes_include: tuple[str, ...] = ("*",)
    volumes_exclude: tuple[str, ...] = ()
    volume_labels_exclude: tuple[str, ...] = ()
    storage_classes_exclude: tuple[str, ...] = ()
    volumes_opt_in: bool = False
    cluster_scoped: bool | Literal["auto"] = "auto"
    secrets: Literal["all", "referenced", "none"] = "all"
    platform_namespaces: tuple[str, ...] = field(default=PLATFORM_NAMESPACES, repr=False)

    @cached_property
    def _selectors(self) -> list[LabelSelector]:
        return [LabelSelector.parse(text) for text in self.label_selectors]

    def takes_namespace(self, name: str) -> bool:
        """Tell whether a namespace is chosen; those of the platform only where they are named as such.

        :param name: the namespace.
        """
        return (
            _any(self.namespaces_include, name)
            and not _any(self.namespaces_exclude, name)
            and not self.is_platform_namespace(name)
        )

    def is_platform_namespace(self, name: str) -> bool:
        """Tell whether a namespace belongs to the platform.

        :param name: the namespace.
        """
        if name in KUBERNETES_OWN:
            return True
        return name not in self.namespaces_include and _any(self.platform_namespaces, name)

    def named_namespaces(self) -> list[str]:
        """Return the namespaces to take that are named without a glob, also beside globs."""
        named = [name for name in self.namespaces_include if not _is_glob(name)]
        return [name for name in named if self.takes_namespace(name)]

    def literal_namespaces(self) -> list[str] | None:
        """Return the chosen namespaces when they are all named without a glob, else ``None``."""
        if any(_is_glob(name) for name in self.namespaces_include):
            return None
        return self.named_namespaces()

    def takes_kind(self, resource: ApiResource) -> bool:
        """Tell whether a kind is chosen.

        :param resource: the kind.
        """
        return (
            matches_kind(self.resources_include, resource)
            and not matches_kind(self.resources_exclude, resource)
            and not matches_kind(NEVER_CAPTURED, resource)
        )

    def why_not_kind(self, resource: ApiResource) -> str:
        """Say why a kind is not chosen.

        :param resource: a kind that `takes_kind` refuses.
        """
        if matches_kind(NEVER_CAPTURED, resource):
            return "describes the running cluster, not the application"
        return "this kind is not selected"

    def excludes_kind(self, resource: ApiResource) -> bool:
        """Tell whether a kind was left out by name, so that not even a reference brings it along.

        :param resource: the kind.
        """
        return matches_kind(self.resources_exclude, resource)

    def takes_labels(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is chosen.

        :param labels: the object's labels.
        """
        return matches_any(self._selectors, labels)

    def takes_name(self, name: str) -> bool:
        """Tell whether an object of this name is chosen.

        :param name: the object's name.
        """
        return _any(self.names_include, name) and not _any(self.names_exclude, name)

    def excludes_name(self, name: str) -> bool:
        """Tell whether objects of this name are left out by name.

        :param name: the object's name.
        """
        return _any(self.names_exclude, name)

    def volume_left_out(self, claim: Manifest) -> str | None:  # noqa: PLR0911 (one return per rule)
        """Return why a claim's data is left out, or ``None`` when it is taken.

        :param claim: the PersistentVolumeClaim.
        """
        metadata = claim["metadata"]
        name = f"{metadata['namespace']}/{metadata['name']}"
        storage_class = (claim.get("spec") or {}).get("storageClassName") or ""
        if (metadata.get("annotations") or {}).get("migration-ops.io/exclude") == "true":
            return "annotated migration-ops.io/exclude"
        if labels_of(claim).get("velero.io/exclude-from-backup") == "true":
            return "labelled velero.io/exclude-from-backup"
        if not _any(self.volumes_include, name):
            return "not among the volumes to include"
        if pattern := _first(self.volumes_exclude, name):
            return f"excluded by volume pattern {pattern}"
        for text in self.volume_labels_exclude:
            if LabelSelector.parse(text).matches(labels_of(claim)):
                return f"excluded by volume label {text}"
        if _any(self.storage_classes_exclude, storage_class):
            return f"excluded by storage class {storage_class}"
        return None


def matches_kind(patterns: Iterable[str], resource: ApiResource) -> bool:
    """Tell whether a kind is named by one of several patterns, in whatever form they are written.

    :param patterns: globs as ``plural``, ``plural.group``, ``group/kind``, ``group/plural`` or ``Kind``.
    :param resource: the kind.
    """
    kind = resource.kind.lower()
    forms = {
        resource.plural,
        resource.qualified,
        kind,
        f"{resource.group}/{kind}",
        f"{resource.group}/{resource.plural}",
    }
    if not resource.group:
        forms |= {f"core/{kind}", f"core/{resource.plural}", f"{resource.plural}.core"}
    # `events` names the core kind, not every group's plural of that name.
    return any(
        fnmatchcase(form, pattern.lower())
        for pattern in patterns
        for form in forms
        if form != resource.plural or not resource.group or pattern not in _CORE_PLURALS
    )


_CORE_PLURALS = frozenset({"events", "nodes", "pods", "services", "endpoints"})


def _is_glob(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")


def _any(patterns: Iterable[str], text: str) -> bool:
    return _first(patterns, text) is not None


def _first(patterns: Iterable[str], text: str) -> str | None:
    return next((pattern for pattern in patterns if fnmatchcase(text, pattern)), None)
