"""What kinds a cluster serves.

One aggregated answer where the server has it (Kubernetes 1.26 and later), one request per group version
where not. Group versions whose backend is away (an APIService without endpoints) are named, not hidden.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

from migration_ops.cluster.answers import JSON, STARTING_SECONDS
from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.errors import ApiError, ClusterError, ClusterUnreachable, ServerFailed
from migration_ops.cluster.reference import ObjectReference, split_api_version

AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    f"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,{JSON}"
)


POLL_SECONDS = 0.5

_COMPLETE = "complete"  # in the connection's cache: since when the server is known to list all its kinds

BUILT_IN_GROUPS = frozenset(
    {
        "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io",
        "authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io",
        "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io",
        "networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io",
        "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io", "auditregistration.k8s.io",
        "settings.k8s.io",
    }
)  # fmt: skip
"""Groups with a dot that the API server itself serves; others may have a backend of their own."""


@dataclass(frozen=True, slots=True)
class ApiResource:
    """One kind in one version, as served.

    :param group: API group, empty for core.
    :param version: e.g. ``v1``.
    :param kind: e.g. ``Deployment``.
    :param plural: its name in paths, e.g. ``deployments``.
    :param namespaced: whether objects live in namespaces.
    :param verbs: what the server offers.
    :param preferred: whether the server names this version as the group's preferred one for this kind.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...] = ()
    preferred: bool = False

    @property
    def api_version(self) -> str:
        """``apiVersion`` as manifests write it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``plural.group`` (plain plural in core): what filters and messages call a kind."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """Return the path of the collection, of one object, or of its subresource.

        :param namespace: the namespace; without it the collection of all namespaces.
        :param name: the object's name.
        :param subresource: e.g. ``status``.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            root += f"/namespaces/{quote(namespace, safe='')}"
        root += f"/{self.plural}"
        if name:
            root += f"/{quote(name, safe='')}"
        return root + (f"/{subresource}" if subresource else "")


@dataclass(frozen=True)
class Discovery:
    """Everything that a cluster serves.

    :param resources: every kind in every served version.
    :param unavailable: group versions that could not be asked, with the reason.
    """

    resources: tuple[ApiResource, ...]
    unavailable: dict[str, str] = field(default_factory=dict)

    def find(self, group: str, kind: str, version: str | None = None) -> ApiResource | None:
        """Return a kind in the given version, or in the preferred one; ``None`` when it isn't served.

        :param group: API group, empty for core.
        :param kind: e.g. ``Deployment``.
        :param version: e.g. ``v1``.
        """
        served = self._by_kind.get((group, kind), ())
        if version is not None:
            return next((one for one in served if one.version == version), None)
        return served[0] if served else None

    def for_object(self, reference: ObjectReference) -> ApiResource | None:
        """Return what serves an object in exactly its version, or ``None``.

        :param reference: the object.
        """
        return self.find(reference.group, reference.kind, reference.version)

    def versions(self, group: str, kind: str) -> list[ApiResource]:
        """Return all served versions of a kind, the preferred one first.

        :param group: API group, empty for core.
        :param kind: e.g. ``Deployment``.
        """
        return list(self._by_kind.get((group, kind), ()))

    @cached_property
    def _by_kind(self) -> dict[tuple[str, str], list[ApiResource]]:
        found: dict[tuple[str, str], list[ApiResource]] = {}
        for one in self.resources:
            found.setdefault((one.group, one.kind), []).append(one)
        return {key: sorted(versions, key=lambda one: not one.preferred) for key, versions in found.items()}

    def api_names(self) -> frozenset[str]:
        """Return ``group/version/Kind`` (core ``v1/Kind``) of all that is served."""
        return frozenset(f"{one.api_version}/{one.kind}" for one in self.resources)


def discover(cluster: Cluster) -> list[ApiResource]:
    """List every kind in every version that the cluster serves.

    :param cluster: the cluster to ask.
    :raises ClusterError: when the API server cannot be asked at all.
    """
    return list(discovery(cluster).resources)


def discovery(cluster: Cluster, *, refresh: bool = False) -> Discovery:
    """Ask a cluster what it serves; the answer is remembered on the connection.

    :param cluster: the cluster to ask.
    :param refresh: ask again, e.g. after CustomResourceDefinitions were applied.
    :raises ClusterError: when the API server cannot be asked at all.
    """
    if refresh or "discovery" not in cluster.cache:
        cluster.cache["discovery"] = _ask(cluster)
    found: Discovery = cluster.cache["discovery"]
    return found


def _await_complete(cluster: Cluster) -> None:
    """Wait, within bounds, until the server calls itself ready; asked once, and again after it was away.

    One that has just started lists fewer kinds than it will: a capture would miss custom resources, a
    quiesce what Argo CD or Flux would start again, and a rollback what it is to delete.
    """
    if cluster.cache.get(_COMPLETE, float("-inf")) > cluster.returned_at:
        return
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline:
        try:
            cluster.get("/readyz", accept="*/*", what="ask whether the server is ready")
        except ServerFailed:
            time.sleep(POLL_SECONDS)
        except ApiError:
            break  # not everybody may ask, and old servers don't know the question
        else:
            break
    cluster.cache[_COMPLETE] = time.monotonic()  # one that never gets ready is waited for once


def _ask(cluster: Cluster) -> Discovery:
    _await_complete(cluster)
    resources: list[ApiResource] = []
    unavailable: dict[str, str] = {}
    # Each answer by itself: while a control plane is renewed, two servers of two versions may give them.
    for path in ("/api", "/apis"):
        answer = cluster.get(path, accept=AGGREGATED, what=f"discover {path}")
        match answer.get("kind") if isinstance(answer, dict) else None:
            case "APIGroupDiscoveryList":
                found = _aggregated(answer.get("items") or [])
            case "APIVersions" | "APIGroupList":
                found = _classic(cluster, answer)
            case _:
                message = (
                    f"{cluster.name} answers {path} with no list of kinds; is it a Kubernetes API server?"
                )
                raise ClusterError(message)
        resources += found.resources
        unavailable |= found.unavailable
    return Discovery(tuple(resources), unavailable)


def _aggregated(groups: Iterable[dict[str, Any]]) -> Discovery:
    resources: list[ApiResource] = []
    unavailable: dict[str, str] = {}
    for group in groups:
        name = (group.get("metadata") or {}).get("name", "")
        seen: set[str] = set()  # versions come in the server's order of preference
        for version in group.get("versions") or []:
            if version.get("freshness") == "Stale":
                unavailable[f"{name}/{version['version']}"] = "its API service does not answer"
            found = [one for one in version.get("resources") or [] if _kind_of(one)]
            resources += [
                ApiResource(
                    group=name,
                    version=version["version"],
                    kind=_kind_of(one),
                    plural=one["resource"],
                    namespaced=one.get("scope") == "Namespaced",
                    verbs=tuple(one.get("verbs") or ()),
                    preferred=_kind_of(one) not in seen,
                )
                for one in found
            ]
            seen.update(_kind_of(one) for one in found)
    return Discovery(tuple(resources), unavailable)


def _kind_of(resource: dict[str, Any]) -> str:
    """The kind of an entry of aggregated discovery; empty where a path has nothing but subresources."""
    return str((resource.get("responseKind") or {}).get("kind") or "")


def _classic(cluster: Cluster, listed: dict[str, Any]) -> Discovery:
    versions = listed.get("versions") or []  # of the core group; the other answer has groups
    paths = [(f"/api/{version}", version) for version in versions]
    order: dict[str, list[str]] = {"": list(versions)}
    for group in listed.get("groups") or []:
        preferred = (group.get("preferredVersion") or {}).get("version", "")
        versions = [version["version"] for version in group.get("versions") or []]
        order[group["name"]] = sorted(versions, key=lambda version: version != preferred)
        paths += [(f"/apis/{group['name']}/{version}", f"{group['name']}/{version}") for version in versions]

    def ask(entry: tuple[str, str]) -> tuple[str, list[dict[str, Any]] | str]:
        path, name = entry
        group, _ = split_api_version(name)
        own = "." not in group or group in BUILT_IN_GROUPS
        try:
            # An aggregated API without backend answers 503 for good: not worth the long patience.
            found = cluster.get(path, what=f"discover {name}", retry_seconds=None if own else 15.0)
            return name, found.get("resources") or []
        except ClusterError as error:
            if own and isinstance(error, ClusterUnreachable):
                raise  # the server itself is away: going on would leave out what everybody has
            return name, str(error)

    resources: list[ApiResource] = []
    unavailable: dict[str, str] = {}
    for name, answer in cluster.each(ask, paths):
        if isinstance(answer, str):
            unavailable[name] = answer
            continue
        group, version = split_api_version(name)
        resources += [
            ApiResource(
                group=group,
                version=version,
                kind=entry["kind"],
                plural=entry["name"],
                namespaced=bool(entry.get("namespaced")),
                verbs=tuple(entry.get("verbs", ())),
            )
            for entry in answer
            if "/" not in entry["name"]
        ]
    return Discovery(_mark_preferred(resources, order), unavailable)


def _mark_preferred(resources: list[ApiResource], order: dict[str, list[str]]) -> tuple[ApiResource, ...]:
    """A kind may be missing in its group's preferred version; then its first version in order counts."""
    best: dict[tuple[str, str], tuple[int, str]] = {}
    for one in resources:
        versions = order.get(one.group, [])
        rank = versions.index(one.version) if one.version in versions else len(versions)
        key = (one.group, one.kind)
        best[key] = min(best.get(key, (rank, one.version)), (rank, one.version))
    return tuple(
        ApiResource(
            one.group,
            one.version,
            one.kind,
            one.plural,
            one.namespaced,
            one.verbs,
            preferred=best[one.group, one.kind][1] == one.version,
        )
        for one in resources
    )
