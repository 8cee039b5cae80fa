"""How objects are named: one text form for every report, journal and message.

``apps/v1/Deployment/shop/web``; core kinds ``v1/Service/shop/web``; cluster-scoped objects have an empty
namespace: ``v1/PersistentVolume//pv-1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

Manifest = dict[str, Any]
"""A Kubernetes object as the API server speaks it."""


def copy_of(manifest: Manifest) -> Manifest:
    """Return a copy of an object in which nothing is shared, not even within the object.

    Manifests that come from YAML with anchors, or from code, may hold one mapping in two places; after
    ``copy.deepcopy`` a label added in one of them would still appear in the other.

    :param manifest: the object.
    """
    copied: Manifest = orjson.loads(orjson.dumps(manifest))
    return copied


def split_api_version(api_version: str) -> tuple[str, str]:
    """Return group (empty for core) and version of an ``apiVersion``.

    :param api_version: e.g. ``apps/v1`` or ``v1``.
    """
    group, _, version = api_version.rpartition("/")
    return group, version


@dataclass(frozen=True, order=True, slots=True)
class ObjectReference:
    """One object's full name.

    :param group: API group, empty for core.
    :param version: API version, e.g. ``v1``.
    :param kind: e.g. ``Deployment``.
    :param namespace: empty for cluster-scoped objects.
    :param name: the object's name.
    """

    group: str
    version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> ObjectReference:
        """Name the object that a manifest describes.

        :param manifest: needs ``apiVersion``, ``kind`` and ``metadata.name``.
        """
        group, version = split_api_version(str(manifest.get("apiVersion", "")))
        metadata = manifest.get("metadata") or {}
        name = metadata.get("name") or metadata.get("generateName", "")
        return cls(group, version, str(manifest.get("kind", "")), metadata.get("namespace") or "", name)

    @classmethod
    def parse(cls, text: str) -> ObjectReference:
        """Read the text form.

        :param text: e.g. ``apps/v1/Deployment/shop/web``.
        :raises ValueError: when it has not four or five parts.
        """
        parts = text.split("/")
        if len(parts) == 4:
            parts.insert(0, "")
        if len(parts) != 5:
            message = f"{text!r} is no object reference; expected [GROUP/]VERSION/KIND/NAMESPACE/NAME"
            raise ValueError(message)
        return cls(*parts)

    @property
    def api_version(self) -> str:
        """``apiVersion`` as manifests write it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> tuple[str, str]:
        """Group and kind: what stays the same when an object is read in another version."""
        return self.group, self.kind

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Group, kind, namespace and name: the same object in whatever version it is read."""
        return self.group, self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}/{self.namespace}/{self.name}"


def reference_of(manifest: Mapping[str, Any]) -> str:
    """Return the text form of an object's name.

    :param manifest: the object.
    """
    return str(ObjectReference.of(manifest))


def annotations_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return an object's annotations, never ``None``.

    :param manifest: the object.
    """
    return (manifest.get("metadata") or {}).get("annotations") or {}


def labels_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return an object's labels, never ``None``.

    :param manifest: the object.
    """
    return (manifest.get("metadata") or {}).get("labels") or {}


def controller_of(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the owner reference of the controller that made this object, if one did.

    :param manifest: the object.
    """
    for owner in (manifest.get("metadata") or {}).get("ownerReferences") or []:
        if owner.get("controller"):
            return dict(owner)
    return None
