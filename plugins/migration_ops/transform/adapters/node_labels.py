"""Where pods may run: labels of the source's nodes in selectors and affinities."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at
from migration_ops.transform.registry import adapter

REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
NODE_POOL = "alibabacloud.com/nodepool-id"
HOSTNAME = "kubernetes.io/hostname"
# Label keys that became others (https://kubernetes.io/docs/reference/labels-annotations-taints/).
RENAMED = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/instance-type": INSTANCE_TYPE,
    "failure-domain.beta.kubernetes.io/region": REGION,
    "failure-domain.beta.kubernetes.io/zone": ZONE,
    "os.architecture": "kubernetes.io/arch",  # CCE's own
    "node-role.kubernetes.io/master": "node-role.kubernetes.io/control-plane",
}
# A known label and the parameter that maps its values.
MAPPED_BY = {REGION: "regions", ZONE: "zones", INSTANCE_TYPE: "instance_types"}
LABELS_OF_EVERY_NODE = (
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "node.kubernetes.io/*",
    "alibabacloud.com/*",
    "*.alibabacloud.com/*",
    "ack.aliyun.com",
)
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@adapter("map-node-labels")
def map_node_labels(draft: Draft, base: Parts, context: Context) -> None:
    """Map node labels in a pod's nodeSelector and node affinity; drop what the target's nodes can't have.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows the parameters `zones`, `regions`, `instance_types`, `node_pools`, `node_labels`.
    """
    selector: Parts = (*base, "spec", "nodeSelector")
    for key, value in list(mapping_at(draft.manifest, *selector).items()):
        mapped = _map(draft, key, [str(value)], context)
        if mapped == (key, [str(value)]):
            continue
        draft.remove((*selector, key))
        if mapped is not None and mapped[0] not in mapping_at(draft.manifest, *selector):
            draft.set((*selector, mapped[0]), mapped[1][0])
    if draft.get(selector) == {}:
        draft.remove(selector)
    _map_affinity(draft, (*base, "spec", "affinity", "nodeAffinity"), context)


def _map_affinity(draft: Draft, place: Parts, context: Context) -> None:
    terms = items_at(draft.manifest, *place, REQUIRED, "nodeSelectorTerms")
    # Terms are alternatives: one that lost all its expressions would be met by any node, and so would all.
    results = [
        _map_term(draft, (*place, REQUIRED, "nodeSelectorTerms", index), context)
        for index in range(len(terms))
    ]
    if terms and not all(results):
        draft.remove((*place, REQUIRED))
    preferred = items_at(draft.manifest, *place, PREFERRED)
    for index in reversed(range(len(preferred))):
        if not _map_term(draft, (*place, PREFERRED, index, "preference"), context):
            draft.remove((*place, PREFERRED, index))
    if draft.get((*place, PREFERRED)) == []:
        draft.remove((*place, PREFERRED))
    if draft.get(place) == {}:
        draft.remove(place)
        if draft.get(place[:-1]) == {}:
            draft.remove(place[:-1])


def _map_term(draft: Draft, place: Parts, context: Context) -> bool:
    """Map a term's expressions; say whether any is left."""
    expressions = items_at(draft.manifest, *place, "matchExpressions")
    for index in reversed(range(len(expressions))):
        here: Parts = (*place, "matchExpressions", index)
        key = str(expressions[index].get("key"))
        values = [str(value) for value in expressions[index].get("values") or []]
        mapped = _map(draft, key, values, context)
        if mapped is None:
            draft.remove(here)
        elif mapped != (key, values):
            draft.set((*here, "key"), mapped[0])
            if values:
                draft.set((*here, "values"), mapped[1])
    if draft.get((*place, "matchExpressions")) == []:
        draft.remove((*place, "matchExpressions"))
    if items_at(draft.manifest, *place, "matchFields"):
        draft.find(
            "warning", "it is bound to a node of the source by name", "choose nodes by label in the target"
        )
        draft.remove((*place, "matchFields"))
    return bool(draft.get(place))


def _map(draft: Draft, key: str, values: list[str], context: Context) -> tuple[str, list[str]] | None:
    """Give the target's key and values; nothing when the requirement can't be kept."""
    new_key = RENAMED.get(key, key)
    own = context.param("node_labels") or {}
    if key in own:
        return _by_plan(key, values, own[key])
    if new_key in MAPPED_BY:
        return _by_table(draft, new_key, values, MAPPED_BY[new_key], context)
    if any(fnmatchcase(key, glob) for glob in context.param("node_pool_labels") or ()):
        mapped = _by_table(draft, key, values, "node_pools", context)
        return None if mapped is None else (NODE_POOL, mapped[1])
    if new_key == HOSTNAME:
        draft.find(
            "warning", f"it is bound to the node {', '.join(values)} of the source", "choose nodes by label"
        )
    elif any(fnmatchcase(key, glob) for glob in context.param("platform_node_labels") or ()):
        draft.find(
            "warning",
            f"it asks for nodes with {key} {', '.join(values)}, a label of the source's platform; dropped",
            "map the label in the parameter node_labels if the target has such nodes",
        )
    else:
        if not any(fnmatchcase(new_key, glob) for glob in LABELS_OF_EVERY_NODE):
            draft.find(
                "warning",
                f"it asks for nodes with {key} {', '.join(values)}".rstrip()
                + ", a label that somebody gave the source's nodes",
                "give the label to nodes of the target, or map it in the parameter node_labels",
            )
        return new_key, values
    return None


def _by_plan(key: str, values: list[str], target: Any) -> tuple[str, list[str]] | None:
    if isinstance(target, dict):
        return str(target.get("key", key)), [
            str(target.get("values", {}).get(value, value)) for value in values
        ]
    return (str(target), values) if target else None


def _by_table(
    draft: Draft, key: str, values: list[str], parameter: str, context: Context
) -> tuple[str, list[str]] | None:
    table: dict[str, Any] = context.param(parameter) or {}
    if not values:
        return key, values
    known = [str(table.get(value, value)) for value in values if value in table or value in table.values()]
    if len(known) == len(values):
        return key, known
    missing = [value for value in values if value not in table and value not in table.values()]
    draft.find(
        "warning",
        f"it asks for nodes with {key} {', '.join(missing)}; the target has none, so that is dropped",
        f"map the values in the parameter {parameter}",
    )
    return (key, known) if known else None
