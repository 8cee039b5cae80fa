"""Whether a node takes a pod: the filters of the scheduler that depend on the node alone.

Node name, node selector, required node affinity, taints, readiness and cordons, as kube-scheduler's plugins
NodeName, NodeAffinity, TaintToleration and NodeUnschedulable decide them. What depends on other pods is
counted in `capacity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migration_ops.cluster import Manifest
from migration_ops.cluster.reference import labels_of

_KEEPS_OFF = frozenset({"NoSchedule", "NoExecute"})
# Set by the node controller for a while; a node that is sick now says nothing about the pod.
_PASSING_TAINTS = "node.kubernetes.io/"


def is_usable(node: Manifest) -> bool:
    """Whether a node takes new pods at all: ready and not cordoned."""
    if (node.get("spec") or {}).get("unschedulable"):
        return False
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def why_not(node: Manifest, spec: Mapping[str, Any]) -> str | None:
    """What keeps a pod off a node; nothing if the node takes it.

    :param spec: the pod's spec.
    """
    name, labels = node["metadata"]["name"], labels_of(node)
    if spec.get("nodeName") not in (None, "", name):
        return f"nodeName is {spec['nodeName']}"
    for key, value in (spec.get("nodeSelector") or {}).items():
        if labels.get(key) != value:
            return f"nodeSelector {key}={value}"
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is not None:
        terms = required.get("nodeSelectorTerms") or []
        if not any(_term_holds(term, labels, name) for term in terms):
            return f"node affinity ({_terms_text(terms)})"
    tolerations = spec.get("tolerations") or []
    for taint in (node.get("spec") or {}).get("taints") or []:
        if taint.get("effect") not in _KEEPS_OFF or str(taint["key"]).startswith(_PASSING_TAINTS):
            continue
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            value = f"={taint['value']}" if taint.get("value") else ""
            return f"taint {taint['key']}{value}:{taint['effect']}"
    return None


def _term_holds(term: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False  # by the API's word an empty term matches nothing
    return all(_holds(one, labels) for one in expressions) and all(
        _holds(one, {"metadata.name": name}) for one in fields
    )


def _holds(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = requirement["key"], requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case operator:
            return _compares(operator, labels.get(key), values)


def _compares(operator: str, label: str | None, values: list[str]) -> bool:
    """`Gt` and `Lt`: whole numbers; anything else doesn't match."""
    try:
        number, bound = int(label or ""), int(values[0])
    except (IndexError, ValueError):
        return False
    return number > bound if operator == "Gt" else number < bound


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration["key"] != taint["key"]:
        return False
    return toleration.get("operator") == "Exists" or (toleration.get("value") or "") == (
        taint.get("value") or ""
    )


def _terms_text(terms: list[dict[str, Any]]) -> str:
    texts = [
        " and ".join(
            " ".join([one["key"], one["operator"], ",".join(one.get("values") or [])]).strip()
            for one in [*(term.get("matchExpressions") or []), *(term.get("matchFields") or [])]
        )
        for term in terms
    ]
    return " or ".join(text for text in texts if text) or "without terms"
