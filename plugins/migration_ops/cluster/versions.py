"""Which version of a kind to read: one that keeps everything and that the target will understand."""

from __future__ import annotations

import re
from collections.abc import Collection

from migration_ops.cluster.kinds import BUILT_IN_GROUPS, ApiResource, Discovery

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?$")

# autoscaling/v1 is older servers' preferred version, but keeps metrics and behaviour only as annotations.
_RICHEST = {("autoscaling", "HorizontalPodAutoscaler"): ("v2", "v2beta2", "v2beta1", "v1")}

# The same objects served in a second, older group: reading both would double them.
_MOVED_TO = {"extensions": ("apps", "networking.k8s.io", "policy"), "events.k8s.io": ("",)}


def priority(version: str) -> tuple[int, int, int]:
    """Return a sort key: stable before beta before alpha, then higher numbers first.

    :param version: e.g. ``v1beta2``.
    """
    found = _VERSION.match(version)
    if found is None:
        return 3, 0, 0
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return stage, -int(found[1]), -int(found[3] or 0)


def reading_versions(served: Discovery, target_apis: Collection[str] | None = None) -> list[ApiResource]:
    """Choose for every kind the version in which it is captured.

    What the target serves as well comes first, then what loses nothing, then the server's preference.

    :param served: what the source serves.
    :param target_apis: ``group/version/Kind`` of the target (`Discovery.api_names`), when it is known.
    """
    chosen: list[ApiResource] = []
    for group, kind in sorted({(one.group, one.kind) for one in served.resources}):
        if any(served.find(newer, kind) for newer in _MOVED_TO.get(group, ())):
            continue
        chosen.append(best_version(served.versions(group, kind), target_apis))
    return chosen


def best_version(versions: list[ApiResource], target_apis: Collection[str] | None = None) -> ApiResource:
    """Choose among the served versions of one kind.

    :param versions: at least one, the preferred one first.
    :param target_apis: see `reading_versions`.
    """
    first = versions[0]
    richest = _RICHEST.get((first.group, first.kind), ())

    def rank(one: ApiResource) -> tuple[bool, int, bool, tuple[int, int, int]]:
        shared = target_apis is None or f"{one.api_version}/{one.kind}" in target_apis
        wealth = richest.index(one.version) if one.version in richest else len(richest)
        return not shared, wealth, not one.preferred, priority(one.version)

    return min(versions, key=rank)


def is_newer(other: ApiResource, version: str) -> bool:
    """Tell whether a target may want an object in another version than the captured one.

    :param other: the other version.
    :param version: the captured one.
    """
    if not is_built_in(other.group):
        return True
    richest = _RICHEST.get((other.group, other.kind))
    if richest and other.version in richest and version in richest:
        return richest.index(other.version) < richest.index(version)
    return priority(other.version) < priority(version)


def is_built_in(group: str) -> bool:
    """Tell whether the API server itself serves a group; definitions of the community use .k8s.io as well.

    :param group: API group, empty for core.
    """
    return "." not in group or group in BUILT_IN_GROUPS
