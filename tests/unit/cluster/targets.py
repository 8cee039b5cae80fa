"""A target with ConfigMaps and Secrets of one namespace: as much of server-side apply as undoing needs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from migration_ops.cluster import Cluster, Discovery
from migration_ops.cluster.former_notes import FormerNotes
from migration_ops.cluster.kinds import ApiResource

from .conftest import Asked, FakeServer, Reply, status

VERBS = ("list", "delete", "get", "create", "patch")
CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps"
SECRETS = "/api/v1/namespaces/shop/secrets"
NAME = "v1/ConfigMap/shop/x"
KINDS = {"configmaps": "ConfigMap", "secrets": "Secret"}
SERVED = Discovery(
    tuple(ApiResource("", "v1", kind, plural, namespaced=True, verbs=VERBS) for plural, kind in KINDS.items())
)

Refusal = Callable[[Asked], Reply | None]


def notes(cluster: Cluster, run: str) -> FormerNotes:
    """The notes that a run of plan p left in the target."""
    found = FormerNotes(cluster, SERVED, "p", run)
    found.load()
    return found


def config_map(value: str, **metadata: Any) -> dict[str, Any]:
    """ConfigMap x of namespace shop."""
    named = {"name": "x", "namespace": "shop"} | metadata
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"a": value}}


class FakeTarget:
    """Keeps what is applied, drops what is not sent again, and answers lists by label.

    :param server: answers for it.
    """

    def __init__(self, server: FakeServer) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        self.refuse: Refusal = lambda _: None
        self._version = 0
        listed = [
            {"name": plural, "namespaced": True, "kind": kind, "verbs": list(VERBS)}
            for plural, kind in KINDS.items()
        ]
        listed.append({"name": "namespaces", "namespaced": False, "kind": "Namespace", "verbs": ["list"]})
        server.on("/api", Reply({"kind": "APIVersions", "versions": ["v1"]}))
        server.on("/apis", Reply({"kind": "APIGroupList", "groups": []}))
        server.on("/version", Reply({"major": "1", "minor": "33", "gitVersion": "v1.33.0"}))
        server.on("/api/v1", Reply({"groupVersion": "v1", "resources": listed}))
        for plural in KINDS:
            server.on(f"/api/v1/{plural}", self._list)
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "uid": "shop"}}
        server.on("/api/v1/namespaces", Reply({"kind": "NamespaceList", "metadata": {}, "items": [space]}))
        server.on(CONFIG_MAPS, lambda asked: (self._list if asked.method == "GET" else self._create)(asked))
        server.answers = _Paths(server.answers, self._one)

    def put(self, manifest: dict[str, Any], manager: str = "migration-ops") -> dict[str, Any]:
        """Hold an object, as made by somebody now."""
        self._version += 1
        kept = copy.deepcopy(manifest)
        metadata = kept["metadata"]
        metadata.setdefault("uid", f"uid-{self._version}")
        metadata["resourceVersion"] = str(self._version)
        owned: dict[str, Any] = {"f:labels": {f"f:{key}": {} for key in metadata.get("labels") or {}}}
        entry = {"manager": manager, "operation": "Apply", "fieldsV1": {"f:metadata": owned}}
        metadata["managedFields"] = [entry | {"time": str(self._version)}]
        self.there[f"v1/{kept['kind']}/shop/{metadata['name']}"] = kept
        return kept

    def _list(self, asked: Asked) -> Reply:
        wanted = [one.partition("=") for one in asked.query.get("labelSelector", "").split(",") if one]

        def chosen(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
            return [
                one
                for one in items
                if all(
                    labels.get(key) == value if sign else key in labels
                    for labels in [one["metadata"].get("labels") or {}]
                    for key, sign, value in wanted
                )
            ]

        kind = KINDS[asked.path.rpartition("/")[2]]
        items = chosen(one for one in self.there.values() if one["kind"] == kind)
        return Reply({"kind": f"{kind}List", "metadata": {}, "items": items})

    def _create(self, asked: Asked) -> Reply:
        if refusal := self.refuse(asked):
            return refusal
        if "dryRun" in asked.query:
            return Reply(asked.body, 201)
        return Reply(self.put(asked.body), 201)

    def _one(self, asked: Asked) -> Reply:
        *_, plural, name = asked.path.split("/")
        name = f"v1/{KINDS[plural]}/shop/{name}"
        if refusal := self.refuse(asked):
            return refusal
        if asked.method == "PATCH" and "dryRun" in asked.query:
            return Reply(asked.body)
        current = self.there.get(name)
        if asked.method == "PATCH" or (asked.method == "PUT" and current):
            uid = {"uid": current["metadata"]["uid"]} if current else {}
            return Reply(self.put(asked.body | {"metadata": asked.body["metadata"] | uid}))
        if current is None:
            return status(404, f"{name} not found", "NotFound")
        if asked.method == "DELETE":
            del self.there[name]
            return Reply({"kind": "Status", "status": "Success"})
        return Reply(current)


class _Paths(dict[str, Callable[[Asked], Reply]]):
    """Paths with their answers, and one answer for each object of the collection."""

    def __init__(self, known: dict[str, Callable[[Asked], Reply]], one: Callable[[Asked], Reply]) -> None:
        super().__init__(known)
        self._one = one

    def get(self, path: str, default: Any = None) -> Any:
        """Return what answers a path."""
        collection = path.rpartition("/")[0]
        return self._one if collection in {CONFIG_MAPS, SECRETS} else super().get(path, default)
