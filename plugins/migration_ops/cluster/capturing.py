"""Reads what was selected out of a cluster: raw objects with the reason for each, and the claims' list."""

from __future__ import annotations

from collections.abc import Collection

from migration_ops.cluster.alternates import read_alternates
from migration_ops.cluster.bare_pods import packed_pod
from migration_ops.cluster.captured import ABSENT, Capture, CapturedObject, LeftOut
from migration_ops.cluster.claims import PodMounts, list_claims
from migration_ops.cluster.closure_walk import Walk
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ApiError, ClusterError, Forbidden, NotFound
from migration_ops.cluster.exclusions import made_by_controller, reason_to_leave
from migration_ops.cluster.kinds import ApiResource, Discovery, discovery
from migration_ops.cluster.listing import FEW_NAMESPACES, again_when_expired, pages
from migration_ops.cluster.owners import Owned
from migration_ops.cluster.reading import in_a_version_that_answers
from migration_ops.cluster.reference import Manifest, ObjectReference
from migration_ops.cluster.selection import Selection
from migration_ops.cluster.suspension import as_before
from migration_ops.cluster.versions import reading_versions

CHOSEN = "chosen"

ENDPOINT_SLICE = ("discovery.k8s.io", "EndpointSlice")

# Kinds that a chosen object can need: read even where the selection does not name them.
_NEEDED_KINDS = frozenset(
    {
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("", "PersistentVolumeClaim"),
        ("", "Service"),
        ("", "Endpoints"),
        ENDPOINT_SLICE,
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("policy", "PodDisruptionBudget"),
        ("networking.k8s.io", "NetworkPolicy"),
    }
)


def capture(cluster: Cluster, selection: Selection, *, target_apis: Collection[str] | None = None) -> Capture:
    """Read everything that a selection chooses, and what that needs.

    :param cluster: the source.
    :param selection: what to take.
    :param target_apis: what the target serves (`Discovery.api_names`), to choose versions by.
    :raises ClusterError: when the API server cannot be reached. Kinds that may not be read are reported in
        the result instead.
    """
    served = discovery(cluster, refresh=True)
    reader = _Reader(cluster, selection, served, reading_versions(served, target_apis))
    return reader.read()


class _Reader:
    """One capture: lists into a pool, chooses, then walks from the chosen to what they need."""

    def __init__(
        self, cluster: Cluster, selection: Selection, served: Discovery, kinds: list[ApiResource]
    ) -> None:
        self.cluster = cluster
        self.selection = selection
        self.served = served
        self.kinds = [kind for kind in kinds if "list" in kind.verbs]
        self.pool: dict[tuple[str, str, str, str], Manifest] = {}
        self.chosen: dict[tuple[str, str, str, str], str] = {}
        self.left_out: list[LeftOut] = []
        self.unreadable = [LeftOut(name, reason) for name, reason in served.unavailable.items()]
        self.unanswered: set[ApiResource] = set()
        self.mounts: list[PodMounts] = []
        self.owned = Owned()

    def read(self) -> Capture:
        namespaces = self._namespaces()
        tasks: list[tuple[ApiResource, str | None]] = []
        for kind in self.kinds:
            if kind.group == "" and kind.kind == "Namespace":
                continue
            if not kind.namespaced:
                if self._wanted_cluster_kind(kind):
                    tasks.append((kind, None))
            elif not self._wanted(kind):
                name = f"{kind.api_version}/{kind.kind}"
                self.left_out.append(LeftOut(name, self.selection.why_not_kind(kind)))
            else:
                few = self.selection.literal_namespaces()
                one_by_one = few is not None and len(few) <= FEW_NAMESPACES
                tasks += [(kind, name) for name in namespaces] if one_by_one else [(kind, None)]
        chosen = frozenset(namespaces)
        for objects in self.cluster.each(self._list, tasks):
            for manifest in objects:
                self._sort_in(manifest, chosen)
        walk = Walk(self.cluster, self.served, self.selection, self.pool, self.chosen, owned=self.owned)
        walk.run()
        left = [*walk.missing, *self.owned.left(self.chosen)]
        self.left_out += [LeftOut(name, reason) for name, reason in left]
        return self._result()

    def _wanted(self, kind: ApiResource) -> bool:
        if (kind.group, kind.kind) == ("", "Pod"):
            return True  # who mounts what is asked even where pods themselves are not chosen
        if self.selection.excludes_kind(kind):
            return False
        return self.selection.takes_kind(kind) or (kind.group, kind.kind) in _NEEDED_KINDS

    def _wanted_cluster_kind(self, kind: ApiResource) -> bool:
        if self.selection.excludes_kind(kind):
            return False
        if (kind.group, kind.kind) in Walk.CLUSTER_KINDS:
            return True
        return (
            self.selection.cluster_scoped is True
            and self.selection.takes_kind(kind)
            and (kind.group, kind.kind) not in Walk.BY_NAME
        )

    def _namespaces(self) -> list[str]:
        names: list[str] = []
        seen: set[str] = set()
        for manifest in self._list_namespaces(names):
            name = manifest["metadata"]["name"]
            seen.add(name)
            manifest["metadata"].pop("managedFields", None)
            if not self.selection.takes_namespace(name):
                platform = self.selection.is_platform_namespace(name)
                reason = "belongs to the platform" if platform else "not selected"
                self.left_out.append(LeftOut(f"v1/Namespace//{name}", reason))
            elif (manifest.get("status") or {}).get("phase") == "Terminating":
                self.left_out.append(LeftOut(f"v1/Namespace//{name}", "being deleted"))
            else:
                reference = ObjectReference.of(manifest)
                self.pool[reference.identity] = manifest
                if self._is_chosen(manifest, reference):
                    self.chosen[reference.identity] = CHOSEN
                names.append(name)
        absent = [name for name in self.selection.named_namespaces() if name not in {*seen, *names}]
        self.left_out += [LeftOut(f"v1/Namespace//{name}", ABSENT) for name in absent]
        return names

    def _list_namespaces(self, unseen: list[str]) -> list[Manifest]:
        """Return all namespaces; those that are named but may not be seen are added to ``unseen``."""
        resource = self.served.find("", "Namespace")
        if resource is None:
            message = f"{self.cluster.name} serves no namespaces; is it a Kubernetes API server?"
            raise ClusterError(message)
        try:
            return [item for page in pages(self.cluster, resource) for item in page]
        except Forbidden:
            found: list[Manifest] = []
            # An account of a few namespaces can still read those that the plan names.
            for name in self.selection.literal_namespaces() or ():
                try:
                    found.append(self.cluster.get(resource.path(name=name), what=f"read namespace {name}"))
                except NotFound:
                    continue  # reported with all that are named and absent
                except Forbidden as error:
                    self.unreadable.append(LeftOut(f"v1/Namespace//{name}", str(error)))
                    unseen.append(name)  # what lies in it may be readable all the same
            return found

    def _list(self, task: tuple[ApiResource, str | None]) -> list[Manifest]:
        kind, namespace = task
        where = f" in {namespace}" if namespace else ""
        name = f"{kind.api_version}/{kind.kind}{where}"
        try:
            found, _, reason = in_a_version_that_answers(
                self.cluster, self.served, kind, lambda version: self._list_in_scope(version, namespace)
            )
        except ApiError as error:
            self.unreadable.append(LeftOut(name, str(error)))
            return []
        if reason:
            self.unanswered.add(kind)
            self.left_out.append(LeftOut(name, reason))
        return found

    @again_when_expired
    def _list_in_scope(self, kind: ApiResource, namespace: str | None) -> list[Manifest]:
        """Keep of each page only what may be wanted: the cluster may hold far more than memory."""
        kept: list[Manifest] = []
        for page in pages(self.cluster, kind, namespace):
            for item in page:
                item["metadata"].pop("managedFields", None)
            kept += [as_before(item) for item in page if self._in_scope(item)]
        return kept

    def _in_scope(self, manifest: Manifest) -> bool:
        namespace = manifest["metadata"].get("namespace")
        return namespace is None or self.selection.takes_namespace(namespace)

    def _sort_in(self, manifest: Manifest, namespaces: frozenset[str]) -> None:
        reference = ObjectReference.of(manifest)
        if reference.group_kind == ("", "Pod"):
            self.mounts.append(PodMounts.of(manifest))
        if reference.group_kind == ("", "Secret") and (pod := packed_pod(manifest)) is not None:
            pod["metadata"].pop("managedFields", None)
            self._sort_in(pod, namespaces)  # stopped by us: still part of the application
        reason = reason_to_leave(manifest)
        if reason is not None and reference.group_kind == ENDPOINT_SLICE:
            return  # every Service has them, and their Endpoints are in the list
        if reason is not None and reason == made_by_controller(manifest):
            if not reference.namespace or reference.namespace in namespaces:
                self.owned.add(manifest, chosen=self._is_chosen(manifest, reference))
            return
        if reason is not None:
            if reference.namespace or not reason.startswith(("every", "belongs", "served")):
                self.left_out.append(LeftOut(str(reference), reason))
            return
        if reference.namespace and reference.namespace not in namespaces:
            return
        if (template := PodMounts.of_template(manifest)) is not None:
            self.mounts.append(template)
        self.pool[reference.identity] = manifest
        if self._is_chosen(manifest, reference):
            self.chosen[reference.identity] = CHOSEN

    def _is_chosen(self, manifest: Manifest, reference: ObjectReference) -> bool:
        kind = self.served.for_object(reference)
        if kind is None or not self.selection.takes_kind(kind):
            return False
        is_namespace = reference.group_kind == ("", "Namespace")
        if not reference.namespace and self.selection.cluster_scoped is not True and not is_namespace:
            return False
        if reference.group_kind == ("", "PersistentVolume"):
            return False
        if reference.group_kind == ("", "Secret") and self.selection.secrets != "all":
            return False
        return self.selection.takes_labels(
            manifest["metadata"].get("labels") or {}
        ) and self.selection.takes_name(reference.name)

    def _result(self) -> Capture:
        claims, volumes_left, claims_dropped = list_claims(
            [
                self.pool[identity]
                for identity in self.chosen
                if identity[:2] == ("", "PersistentVolumeClaim")
            ],
            self.mounts,
            self.selection,
        )
        self.left_out += [LeftOut(name, reason) for name, reason in volumes_left]
        dropped = {ObjectReference.parse(name).identity for name in claims_dropped}
        kept = {identity: self.pool[identity] for identity in sorted(self.chosen) if identity not in dropped}
        alternates, unreadable = read_alternates(self.cluster, self.served, kept, without=self.unanswered)
        self.unreadable += [LeftOut(name, reason) for name, reason in unreadable]
        objects = [
            CapturedObject(manifest, self.chosen[identity], alternates.get(identity, ()))
            for identity, manifest in kept.items()
        ]
        return Capture(
            objects=objects,
            claims=claims,
            left_out=sorted(self.left_out, key=lambda one: one.object),
            unreadable=sorted(self.unreadable, key=lambda one: one.object),
        )
