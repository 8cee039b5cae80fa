"""Objects as the checks may trust them: no nulls, and of custom resources only what is surely a workload.

The API server guarantees the shape of its own kinds, but for optional fields that are null. What stands in a
custom resource under names like `template` or `volumes` means whatever its definition wants; only those kinds
are read that this project knows as workloads.
"""

from __future__ import annotations

from typing import Any

from migration_ops.cluster import Manifest, ObjectReference
from migration_ops.cluster.suspension import SUSPENSIONS

_OURS = ("", "apps", "batch", "autoscaling", "policy", "extensions")


def trusted(manifest: Manifest) -> Manifest:
    """The object without nulls; of an unknown kind only its name, labels and annotations.

    :param manifest: stays as it is.
    """
    group, kind = ObjectReference.of(manifest).group_kind
    if group in _OURS or group.endswith(".k8s.io") or (group, kind) in SUSPENSIONS:
        found: Manifest = _without_nulls(manifest)
        return found
    kept = {key: manifest[key] for key in ("apiVersion", "kind", "metadata") if key in manifest}
    return kept | {"metadata": _without_nulls(manifest.get("metadata") or {})}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(below) for key, below in value.items() if below is not None}
    if isinstance(value, list):
        return [_without_nulls(below) for below in value if below is not None]
    return value
