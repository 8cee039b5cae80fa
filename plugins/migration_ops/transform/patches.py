"""JSON patch, merge patch and strategic merge patch, with each place that they change."""

from __future__ import annotations

from typing import Any

import jsonpatch
import orjson

from migration_ops.transform.draft import Draft
from migration_ops.transform.errors import RuleExecutionError
from migration_ops.transform.objects import Manifest, Parts

# The API's merge keys (k8s.io/api's patchMergeKey tags) of the lists that manifests of applications have.
MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
    "ports": ("containerPort", "port"),
    "webhooks": ("name",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}
PRIMITIVE_MERGE = frozenset({"finalizers"})


def apply_json_patch(draft: Draft, operations: list[dict[str, Any]]) -> bool:
    """Apply RFC 6902 operations, all or none; a failed `test` means that the patch doesn't apply.

    :param draft: the object.
    :param operations: the operations.
    :returns: whether the patch was applied.
    :raises RuleExecutionError: when a path isn't there.
    """
    try:
        patched = jsonpatch.apply_patch(draft.manifest, operations)
    except jsonpatch.JsonPatchTestFailed:
        return False
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise RuleExecutionError(
            f"rule {draft.rule}: the patch doesn't fit {draft.reference}: {error}"
        ) from error
    draft.set((), orjson.loads(orjson.dumps(patched)))
    return True


def apply_merge_patch(draft: Draft, patch: Manifest, parts: Parts = ()) -> None:
    """Apply an RFC 7396 merge patch below a place.

    :param draft: the object.
    :param patch: the patch; null removes.
    :param parts: where it begins.
    """
    for key, value in patch.items():
        place = (*parts, key)
        if value is None:
            draft.remove(place, prune=False)
        elif isinstance(value, dict):
            if not isinstance(draft.get(place), dict):
                draft.set(place, {})
            apply_merge_patch(draft, value, place)
        else:
            draft.set(place, value)


def apply_strategic_merge_patch(draft: Draft, patch: Manifest, parts: Parts = ()) -> None:
    """Apply a strategic merge patch below a place: lists of named things are merged by name.

    `$patch: delete` and `$patch: replace` work in mappings and list elements; `$retainKeys`,
    `$setElementOrder` and `$deleteFromPrimitiveList` are accepted as the API does.

    :param draft: the object.
    :param patch: the patch.
    :param parts: where it begins.
    """
    directive = patch.get("$patch")
    if directive == "delete":
        draft.remove(parts)
        return
    if directive == "replace":
        draft.set(parts, {key: value for key, value in patch.items() if key != "$patch"})
        return
    retained = patch.get("$retainKeys")
    if isinstance(retained, list) and isinstance(draft.get(parts), dict):
        for key in [key for key in draft.get(parts) if key not in retained]:
            draft.remove((*parts, key))
    for key, value in patch.items():
        place = (*parts, key)
        if key.startswith("$deleteFromPrimitiveList/"):
            field = (*parts, key.partition("/")[2])
            draft.set(field, [item for item in draft.get(field) or [] if item not in value])
        elif key.startswith("$"):
            continue
        elif value is None:
            draft.remove(place, prune=False)
        elif isinstance(value, dict):
            if not isinstance(draft.get(place), dict):
                draft.set(place, {})
            apply_strategic_merge_patch(draft, value, place)
        elif isinstance(value, list):
            _merge_list(draft, value, place)
        else:
            draft.set(place, value)


def _merge_list(draft: Draft, patch: list[Any], parts: Parts) -> None:
    current = draft.get(parts)
    name = str(parts[-1])
    if {"$patch": "replace"} in patch:
        draft.set(parts, [item for item in patch if item != {"$patch": "replace"}])
        return
    merge_key = next(
        (
            key
            for key in MERGE_KEYS.get(name, ())
            if all(isinstance(item, dict) and key in item for item in patch)
        ),
        None,
    )
    if not isinstance(current, list) or (merge_key is None and name not in PRIMITIVE_MERGE):
        draft.set(
            parts, [item for item in patch if not (isinstance(item, dict) and item.get("$patch") == "delete")]
        )
        return
    if merge_key is None:
        draft.set(parts, [*current, *(item for item in patch if item not in current)])
        return
    for item in patch:
        index = next((i for i, old in enumerate(current) if old.get(merge_key) == item[merge_key]), None)
        if index is not None:
            apply_strategic_merge_patch(draft, item, (*parts, index))
        elif item.get("$patch") != "delete":
            draft.insert(
                (*parts, len(current)), {key: value for key, value in item.items() if key != "$patch"}
            )
