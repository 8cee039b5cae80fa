"""What manifests must be shaped like for rules to read them: where mappings and lists are.

Rules look for what they know and leave the rest alone, so that a text where the API has a list would pass by
unseen. Only the places that rules and converters read are checked; the target's API server judges the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from migration_ops.transform.objects import (
    POD_TEMPLATE_PATHS,
    Manifest,
    Parts,
    group_of,
    is_builtin_group,
    pointer,
)

Shape = Literal["mapping", "list of mappings", "list of texts"]

_CONTAINER = "env[] envFrom[] ports[] volumeMounts[] resources resources.requests resources.limits"
_POD = "metadata metadata.labels metadata.annotations spec " + " ".join(
    f"spec.{place}"
    for place in (
        "containers[] initContainers[] ephemeralContainers[] volumes[] nodeSelector affinity tolerations[] "
        "imagePullSecrets[] topologySpreadConstraints[] "
        + " ".join(
            f"{name}[].{place}" for name in ("containers", "initContainers") for place in _CONTAINER.split()
        )
    ).split()
)
_SELECTOR = "spec.selector spec.selector.matchLabels spec.selector.matchExpressions[]"
_WORKLOAD = f"spec spec.template {_SELECTOR}"
_BINDING = "subjects[] roleRef"
_ROLE = "rules[] rules[].apiGroups[text] rules[].resources[text] rules[].verbs[text]"
_WEBHOOKS = "webhooks[] webhooks[].clientConfig webhooks[].clientConfig.service webhooks[].rules[]"
_CLAIM = "spec spec.accessModes[text] spec.resources spec.resources.requests"
_CLAIM_TEMPLATES = " ".join(f"spec.volumeClaimTemplates[].{place}" for place in ["metadata", *_CLAIM.split()])

_PLACES: dict[str, str] = {
    "Deployment": f"{_WORKLOAD} spec.strategy spec.strategy.rollingUpdate",
    "DaemonSet": f"{_WORKLOAD} spec.updateStrategy",
    "StatefulSet": f"{_WORKLOAD} spec.updateStrategy spec.volumeClaimTemplates[] {_CLAIM_TEMPLATES}",
    "ReplicaSet": _WORKLOAD,
    "ReplicationController": "spec spec.selector spec.template",
    "Job": "spec spec.template",
    "CronJob": "spec spec.jobTemplate spec.jobTemplate.spec spec.jobTemplate.spec.template",
    "Pod": "",
    "PodTemplate": "template",
    "Ingress": "spec spec.backend spec.defaultBackend spec.tls[] spec.rules[] spec.rules[].http "
    "spec.rules[].http.paths[] spec.rules[].http.paths[].backend spec.rules[].http.paths[].backend.service",
    "IngressClass": "spec spec.parameters",
    "PodDisruptionBudget": f"spec {_SELECTOR}",
    "HorizontalPodAutoscaler": "spec spec.scaleTargetRef spec.metrics[] spec.behavior",
    "CustomResourceDefinition": "spec spec.names spec.versions[] spec.validation spec.conversion "
    "spec.additionalPrinterColumns[] spec.subresources",
    "MutatingWebhookConfiguration": _WEBHOOKS,
    "ValidatingWebhookConfiguration": _WEBHOOKS,
    "Role": _ROLE,
    "ClusterRole": _ROLE,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "Service": "spec spec.ports[] spec.selector",
    "PersistentVolumeClaim": _CLAIM,
    "PersistentVolume": "spec spec.accessModes[text] spec.capacity spec.nodeAffinity spec.claimRef",
    "NetworkPolicy": "spec spec.podSelector spec.ingress[] spec.egress[]",
    "EndpointSlice": "endpoints[] ports[]",
    "Endpoints": "subsets[]",
    "StorageClass": "parameters allowedTopologies[]",
    "ConfigMap": "data",
    "Secret": "data stringData",
    "ServiceAccount": "secrets[] imagePullSecrets[]",
}
_SUFFIXES: dict[str, Shape] = {"[text]": "list of texts", "[]": "list of mappings"}


def _parsed(text: str, above: Parts = ()) -> list[tuple[Parts, Shape]]:
    found = []
    for place in text.split():
        shape: Shape = next((shape for end, shape in _SUFFIXES.items() if place.endswith(end)), "mapping")
        parts: list[str | int] = []
        for name in place.removesuffix("[text]").removesuffix("[]" if shape != "mapping" else "").split("."):
            parts += [name.removesuffix("[]"), *(["[]"] if name.endswith("[]") else [])]
        found.append(((*above, *parts), shape))
    return found


SHAPES: dict[str, list[tuple[Parts, Shape]]] = {
    kind: _parsed(text) + (_parsed(_POD, POD_TEMPLATE_PATHS[kind]) if kind in POD_TEMPLATE_PATHS else [])
    for kind, text in _PLACES.items()
}
"""By kind: where a mapping or a list must be, if anything is; ``[]`` in a path is every element of a list."""


def shape_problems(manifest: Manifest) -> list[str]:
    """Say where an object is not shaped like its kind.

    :param manifest: a named object of any kind; of custom resources nothing is known.
    """
    if not is_builtin_group(group_of(manifest["apiVersion"])):
        return []
    return [
        f"{pointer(place)} must be a {shape}, and is {_shown(value, shape)}"
        for path, shape in SHAPES.get(manifest["kind"], ())
        for place, value in _values(manifest, path, 0, ())
        if value is not None and not _fits(value, shape)
    ]


def _values(value: Any, path: Parts, depth: int, place: Parts) -> Iterator[tuple[Parts, Any]]:
    """Give what lies at a path; what is misshapen above it is told there, once."""
    for position in range(depth, len(path)):
        part = path[position]
        if part == "[]":
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield from _values(item, path, position + 1, (*place, index))
            return
        if not isinstance(value, dict) or part not in value:
            return
        value, place = value[part], (*place, part)
    yield place, value


def _fits(value: Any, shape: Shape) -> bool:
    if shape == "mapping":
        return isinstance(value, dict)
    wanted = dict if shape == "list of mappings" else str
    return isinstance(value, list) and all(isinstance(item, wanted) for item in value)


def _shown(value: Any, shape: Shape) -> str:
    if isinstance(value, list):
        return "a list" if shape == "mapping" else "a list of other things"
    names = {dict: "a mapping", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)
