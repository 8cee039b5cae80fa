"""Deployment, DaemonSet, StatefulSet and ReplicaSet of extensions/v1beta1 and apps/v1beta* to apps/v1.

The old versions' defaults are written out, so that the workload behaves in the target as in the source.
Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#v1-16
"""

from __future__ import annotations

from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.conversion import CannotConvertError
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, mapping_at
from migration_ops.transform.registry import converter

# extensions/v1beta1 writes "no limit" as the largest number (pkg/apis/extensions/v1beta1/defaults.go).
NO_LIMIT = 2147483647
OLD_DEFAULTS: dict[tuple[str, str], dict[Parts, Any]] = {
    ("extensions/v1beta1", "Deployment"): {
        ("spec", "progressDeadlineSeconds"): NO_LIMIT,
        ("spec", "revisionHistoryLimit"): NO_LIMIT,
        ("spec", "strategy", "rollingUpdate", "maxSurge"): 1,
        ("spec", "strategy", "rollingUpdate", "maxUnavailable"): 1,
    },
    ("apps/v1beta1", "Deployment"): {("spec", "revisionHistoryLimit"): 2},
    ("extensions/v1beta1", "DaemonSet"): {("spec", "updateStrategy", "type"): "OnDelete"},
    ("apps/v1beta1", "StatefulSet"): {("spec", "updateStrategy", "type"): "OnDelete"},
}
REMOVED_FIELDS: dict[str, tuple[Parts, ...]] = {
    "Deployment": (("spec", "rollbackTo"),),
    "DaemonSet": (("spec", "templateGeneration"),),
}


@converter("workload")
def convert_workload(draft: Draft, _to: str, _context: Context) -> None:
    """Write out selector and old defaults, and drop fields that are gone.

    :param draft: the workload.
    :param _to: apps/v1.
    :param _context: unused.
    :raises CannotConvertError: when there is neither a selector nor labels to make one of.
    """
    kind = draft.manifest["kind"]
    if not mapping_at(draft.manifest, "spec", "selector"):
        labels = mapping_at(draft.manifest, "spec", "template", "metadata", "labels")
        if not labels:
            raise CannotConvertError(
                "it has no selector, and its pods have no labels", "give its pods a label"
            )
        draft.set(("spec", "selector"), {"matchLabels": dict(labels)})
    for place in REMOVED_FIELDS.get(kind, ()):
        draft.remove(place)
    for place, value in OLD_DEFAULTS.get((draft.manifest["apiVersion"], kind), {}).items():
        if "rollingUpdate" in place and draft.get(("spec", "strategy", "type")) == "Recreate":
            continue
        if draft.get(place) is None:
            draft.set(place, value)
