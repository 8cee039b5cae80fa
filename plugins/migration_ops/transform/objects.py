"""Plain manifests: what they are called, where their pod templates and claim templates lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import orjson

from migration_ops.bad_input import kind_of
from migration_ops.transform.errors import ManifestError

Manifest = dict[str, Any]
Part = str | int
Parts = tuple[Part, ...]

POD_TEMPLATE_PATHS: dict[str, Parts] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")


def copy_manifest(manifest: Manifest) -> Manifest:
    """Copy a manifest, and refuse what isn't JSON (dates, byte strings, objects).

    :param manifest: the object as parsed.
    :raises ManifestError: when it holds something that JSON doesn't know, or isn't a named object.
    """
    try:
        copied = orjson.loads(orjson.dumps(manifest))
    except (TypeError, ValueError) as error:
        raise ManifestError(
            f"{reference(manifest)} can't be written as JSON ({error}); put quotes around that value"
        ) from error
    check_identity(copied)
    metadata = copied["metadata"]
    for key in [key for key in ("namespace", "labels", "annotations") if metadata.get(key, "") is None]:
        del metadata[key]  # the API reads null as absent
    return copied  # type: ignore[no-any-return]


def check_identity(manifest: Any) -> None:
    """Refuse what lacks apiVersion, kind or name.

    :param manifest: what was read.
    :raises ManifestError: with what is missing.
    """
    if not isinstance(manifest, dict):
        raise ManifestError(f"a manifest must be a mapping, this is {kind_of(manifest)}")
    for key in ("apiVersion", "kind"):
        _check_text(manifest, key, manifest.get(key))
        if not manifest.get(key):
            raise ManifestError(f"{reference(manifest)} has no {key}: is it a Kubernetes manifest?")
    metadata = manifest.get("metadata")
    if isinstance(metadata, dict):
        _check_text(manifest, "metadata.name", metadata.get("name"))
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise ManifestError(f"{reference(manifest)} has no metadata.name; objects are migrated by name")
    for key in ("labels", "annotations"):
        if metadata.get(key) is not None and not isinstance(metadata[key], dict):
            raise ManifestError(f"{reference(manifest)}: metadata.{key} must be a mapping")
    if not isinstance(metadata.get("namespace") or "", str):
        raise ManifestError(f"{reference(manifest)}: metadata.namespace must be text")


def _check_text(manifest: dict[str, Any], field: str, value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise ManifestError(
            f"{reference(manifest)}: {field} must be text, this is {kind_of(value)}; put quotes around it"
        )


def reference(manifest: Any) -> str:
    """Name an object as `apiVersion/kind/namespace/name`; the namespace is empty if it has none.

    :param manifest: the object.
    """
    if not isinstance(manifest, dict):
        return "?"
    metadata = manifest.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    parts = (
        manifest.get("apiVersion"),
        manifest.get("kind"),
        metadata.get("namespace", ""),
        metadata.get("name"),
    )
    return "/".join("?" if part is None else str(part) for part in parts)


def group_of(api_version: str) -> str:
    """Give the API group of an apiVersion; the core group is the empty string.

    :param api_version: such as `apps/v1` or `v1`.
    """
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def is_builtin_group(group: str) -> bool:
    """Whether Kubernetes itself defines the group (no dot, or below k8s.io without being a CRD's).

    :param group: such as `apps`, `networking.k8s.io`, `example.com`.
    """
    return "." not in group or (group.endswith(".k8s.io") and group not in CRD_GROUPS)


CRD_GROUPS = frozenset(
    {
        "autoscaling.k8s.io",
        "custom.metrics.k8s.io",
        "external.metrics.k8s.io",
        "gateway.networking.k8s.io",
        "gateway.networking.x-k8s.io",
        "groupsnapshot.storage.k8s.io",
        "metrics.k8s.io",
        "snapshot.storage.k8s.io",
        "secrets-store.csi.x-k8s.io",
    }
)


def value_at(document: Any, parts: Sequence[Part]) -> Any:
    """Walk down and give what is there, or None.

    :param document: where to start.
    :param parts: keys and indexes.
    """
    for part in parts:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def mapping_at(document: Any, *parts: Part) -> dict[str, Any]:
    """Walk down and give the mapping that is there, or an empty one.

    :param document: where to start.
    :param parts: keys and indexes.
    """
    found = value_at(document, parts)
    return found if isinstance(found, dict) else {}


def items_at(document: Any, *parts: Part) -> list[dict[str, Any]]:
    """Walk down and give the list of mappings that is there, or an empty one.

    :param document: where to start.
    :param parts: keys and indexes.
    """
    found = value_at(document, parts)
    return found if isinstance(found, list) and all(isinstance(item, dict) for item in found) else []


def pod_templates(manifest: Manifest, extra: Sequence[Parts] = ()) -> Iterator[Parts]:
    """Give the paths of all pod templates in an object; a Pod is its own template.

    :param manifest: the object.
    :param extra: further paths, for custom resources that hold templates.
    """
    if manifest["kind"] in POD_TEMPLATE_PATHS and is_builtin_group(group_of(manifest["apiVersion"])):
        parts = POD_TEMPLATE_PATHS[manifest["kind"]]
        if mapping_at(manifest, *parts, "spec"):
            yield parts
    for parts in extra:
        if mapping_at(manifest, *parts, "spec"):
            yield parts


def claims(manifest: Manifest) -> Iterator[Parts]:
    """Give the paths of all claims and claim templates in an object.

    :param manifest: the object; a PersistentVolumeClaim is its own claim.
    """
    if manifest["kind"] == "PersistentVolumeClaim" and manifest["apiVersion"] == "v1":
        yield ()
    if manifest["kind"] == "StatefulSet" and group_of(manifest["apiVersion"]) == "apps":
        for index, _ in enumerate(items_at(manifest, "spec", "volumeClaimTemplates")):
            yield ("spec", "volumeClaimTemplates", index)
    for template in pod_templates(manifest):
        for index, volume in enumerate(items_at(manifest, *template, "spec", "volumes")):
            if mapping_at(volume, "ephemeral", "volumeClaimTemplate"):
                yield (*template, "spec", "volumes", index, "ephemeral", "volumeClaimTemplate")


def containers(manifest: Manifest, template: Parts) -> Iterator[Parts]:
    """Give the paths of all containers below a pod template.

    :param manifest: the object.
    :param template: the template's path.
    """
    for name in CONTAINER_LISTS:
        for index, _ in enumerate(items_at(manifest, *template, "spec", name)):
            yield (*template, "spec", name, index)


def pointer(parts: Sequence[Part]) -> str:
    """Write a path as JSON pointer (RFC 6901).

    :param parts: keys and indexes.
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


@lru_cache(maxsize=4096)
def plural(kind: str) -> str:
    """Guess a kind's resource name as API servers spell it for the kinds of Kubernetes.

    :param kind: such as `NetworkPolicy`.
    """
    lower = kind.lower()
    if lower in {"endpoints", "podmetrics", "nodemetrics"}:
        return lower
    if lower.endswith(("s", "x", "ch")):
        return lower + "es"
    if lower.endswith("y") and lower[-2:-1] not in "aeiou":
        return lower[:-1] + "ies"
    return lower + "s"
