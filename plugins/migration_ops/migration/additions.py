"""What somebody added to an object that was applied, where such objects are complete as they were applied.

The server's defaults, its controllers and what admission adds to our own request are no additions of others:
the object's managed fields tell them apart. Servers that keep none (before 1.18) tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migration_ops.cluster.marks import FIELD_MANAGER

Manifest = dict[str, Any]
Path = tuple[str | int, ...]

_COMPLETE = frozenset(
    {
        "args", "binaryData", "command", "containers", "data", "egress", "env", "envFrom", "from", "ingress",
        "initContainers", "matchLabels", "nodeSelector", "paused", "rules", "selector", "subjects", "to",
        "type", "verbs",
    }
)  # fmt: skip
_CONTROLLERS = frozenset(
    {
        "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "cloud-controller-manager",
        "clusterrole-aggregation-controller", "cainjector", "cert-manager-cainjector",
    }
)  # fmt: skip


def added_by_others(expected: Manifest, live: Manifest) -> Iterator[Path]:
    """Places of the live object that others than the applying process and the control plane added.

    :param expected: the object as it was applied.
    :param live: the object as the server says it.
    """
    trees = list(_trees_of_others(live))
    if trees:
        for key in live:
            if key not in {"apiVersion", "kind", "metadata", "status"}:
                yield from _added(expected.get(key), live[key], (key,), trees)


def _trees_of_others(live: Manifest) -> Iterator[Manifest]:
    entries: list[Manifest] = (live.get("metadata") or {}).get("managedFields") or []
    applied = max(
        (str(one.get("time") or "") for one in entries if _is_ours(one) and one.get("operation") == "Apply"),
        default="",
    )
    for one in entries:
        ours = _is_ours(one) and (one.get("operation") == "Apply" or str(one.get("time") or "") <= applied)
        if not ours and not one.get("subresource") and one.get("manager") not in _CONTROLLERS:
            yield one.get("fieldsV1") or {}


def _is_ours(entry: Manifest) -> bool:
    return bool(entry.get("manager") == FIELD_MANAGER)


def _added(expected: Any, live: Any, path: Path, trees: Iterable[Manifest]) -> Iterator[Path]:
    if expected is None or type(expected) is not type(live):
        if expected is None and path[-1] in _COMPLETE and live and _is_touched(path, trees):
            yield path
        return
    if isinstance(live, dict):
        for key, value in live.items():
            if key in expected:
                yield from _added(expected[key], value, (*path, key), trees)
            elif (
                not _COMPLETE.isdisjoint((path[-1], key))
                and value is not None
                and _is_touched((*path, key), trees)
            ):
                yield (*path, key)
    elif isinstance(live, list):
        if len(live) > len(expected) and path[-1] in _COMPLETE and _is_touched(path, trees):
            yield (*path, len(expected))
        for number, (wanted, has) in enumerate(zip(expected, live, strict=False)):
            yield from _added(wanted, has, (*path, number), trees)


def _is_touched(path: Path, trees: Iterable[Manifest]) -> bool:
    return any(_reaches(path, tree) for tree in trees)


def _reaches(path: Path, tree: Manifest) -> bool:
    """Whether managed fields hold a place, or a list or map as a whole that it lies in."""
    if not path:
        return True
    if isinstance(path[0], int):  # elements are told by their keys or values, or not at all
        below = [part for name, part in tree.items() if not name.startswith(("f:", "."))]
        return not below or any(_reaches(path[1:], part) for part in below)
    found = tree.get(f"f:{path[0]}")
    return found is not None and (not found or _reaches(path[1:], found))
