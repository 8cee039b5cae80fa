"""A cluster that holds what a test says, and refuses what its account may not read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from migration_ops.cluster import ApiResource, Discovery, Forbidden, NotFound

_KINDS = (
    ("", "Namespace", False),
    ("", "Node", False),
    ("", "Pod", True),
    ("", "PersistentVolumeClaim", True),
    ("", "Service", True),
    ("", "ConfigMap", True),
    ("apps", "Deployment", True),
    ("apps", "ReplicaSet", True),
    ("batch", "CronJob", True),
    ("storage.k8s.io", "StorageClass", False),
)


class StandInCluster:
    """As much of a `Cluster` as looking needs.

    :param objects: with kind, apiVersion left out.
    :param forbidden: plurals that may not be listed over all namespaces; `plural@namespace` for one of them.
    """

    name = "stand-in"

    def __init__(self, *objects: dict[str, Any], forbidden: Collection[str] = ()) -> None:
        self._objects = objects
        self._forbidden = forbidden
        resources = [
            ApiResource(
                group, "v1", kind, "storageclasses" if group[:1] == "s" else kind.lower() + "s", namespaced
            )
            for group, kind, namespaced in _KINDS
        ]
        self.cache: dict[str, Any] = {"discovery": Discovery(tuple(resources))}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def version(self) -> str:
        """As real ones say it."""
        return "v1.30.1"

    def get(self, path: str, **_options: object) -> Any:
        """Answer a list, or one namespace."""
        *_, parent, last = path.split("/")
        if parent == "namespaces":
            self._may_read(f"namespaces@{last}", path)
            for item in self._objects:
                if item["kind"] == "Namespace" and item["metadata"]["name"] == last:
                    return item
            raise NotFound(f"no {last}", status=404, reason="NotFound")
        namespace = parent if "/namespaces/" in path else None
        self._may_read(f"{last}@{namespace}" if namespace else last, path)
        kinds = {resource.plural: resource.kind for resource in self.cache["discovery"].resources}
        items = [
            dict(item)
            for item in self._objects
            if item["kind"] == kinds[last] and namespace in {None, item["metadata"].get("namespace")}
        ]
        return {"items": items, "metadata": {}}

    def _may_read(self, what: str, path: str) -> None:
        if what in self._forbidden:
            raise Forbidden(f"may not read {path}", status=403, reason="Forbidden")


def thing(kind: str, name: str, namespace: str | None = None, **fields: Any) -> dict[str, Any]:
    """An object."""
    place = {"namespace": namespace} if namespace else {}
    return {"kind": kind, "metadata": {"name": name, **place, **fields.pop("metadata", {})}, **fields}


def template(*images: str) -> dict[str, Any]:
    """What makes pods with these images."""
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"template": {"spec": {"containers": containers}}}
