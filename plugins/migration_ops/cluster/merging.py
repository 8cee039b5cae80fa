"""What policy ``update`` leaves of an object that was there: server-side apply merges, never replaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration_ops.cluster.reference import Manifest

SHOWN = 8

# Whatever is in one of these was written by somebody; elsewhere, what we do not send may be a default.
_FREE = frozenset(
    {"data", "binaryData", "labels", "annotations", "nodeSelector", "selector", "matchLabels", "parameters"}
)
_WRITTEN = frozenset(
    {"args", "command", "env", "envFrom", "volumes", "volumeMounts", "initContainers", "containers",
     "imagePullSecrets", "secrets", "tolerations", "affinity", "hostAliases", "nodeSelector", "data"}
)  # fmt: skip
_SERVERS = (
    "migration-ops.io/",
    "kubectl.kubernetes.io/",
    "deployment.kubernetes.io/",
    "kubernetes.io/metadata",
)


def what_stays(sent: Manifest, merged: Manifest) -> str:
    """Name what an object still holds beside what was sent, or nothing.

    :param sent: the object as applied.
    :param merged: what came of it.
    """
    parts = {
        key: value for key, value in merged.items() if key not in {"apiVersion", "kind", "metadata", "status"}
    }
    parts["metadata"] = {key: merged["metadata"].get(key) for key in ("labels", "annotations")}
    found = list(dict.fromkeys(_extra(sent, parts, "")))
    if not found:
        return ""
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"policy `update` merges: {', '.join(found[:SHOWN])}{more} of the object that was there stays; "
        "`recreate` would replace it"
    )


def _extra(sent: Any, merged: Any, place: str) -> Iterator[str]:
    if isinstance(merged, dict):
        ours = sent if isinstance(sent, dict) else {}
        for key, value in merged.items():
            where = f"{place}.{key}" if place else key
            if ours.get(key) is not None:
                yield from _extra(ours[key], value, where)
            elif (
                value
                and (place.rpartition(".")[2] in _FREE or key in _WRITTEN | _FREE)
                and not key.startswith(_SERVERS)
            ):
                yield from _keys(value, where) if key in _FREE else (where,)
    elif isinstance(merged, list) and isinstance(sent, list):
        ours = {one["name"]: one for one in sent if isinstance(one, dict) and "name" in one}
        for one in merged:
            if not isinstance(one, dict) or "name" not in one:
                continue
            where = f"{place}.{one['name']}"
            if one["name"] in ours:
                yield from _extra(ours[one["name"]], one, where)
            elif ours or not sent:
                yield where


def _keys(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{place}.{key}" for key in value if not key.startswith(_SERVERS))
