"""Who serves an Ingress: the controller of its class, whatever a company calls that class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from migration_ops.transform.objects import Manifest, group_of, mapping_at

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
GROUP = "networking.k8s.io"
BY_NAME = "class:"
"""Stands before the name of a class whose IngressClass isn't known."""


def ingress_classes(objects: Sequence[Manifest]) -> dict[str, Manifest]:
    """Give the IngressClasses among some objects, by name.

    :param objects: any objects.
    """
    return {
        item["metadata"]["name"]: item
        for item in objects
        if item["kind"] == "IngressClass" and group_of(item["apiVersion"]) == GROUP
    }


def class_of(ingress: Manifest, classes: Mapping[str, Manifest]) -> str:
    """Give the name of an Ingress's class; empty when it has none and there is no default one.

    :param ingress: the Ingress, in any version's form.
    :param classes: the IngressClasses by name.
    """
    annotated = mapping_at(ingress, "metadata", "annotations").get(CLASS_ANNOTATION)
    named = mapping_at(ingress, "spec").get("ingressClassName") or annotated
    if named:
        return str(named)
    defaults = [name for name, item in classes.items() if _is_default(item)]
    return defaults[0] if len(defaults) == 1 else ""


def controller_of(ingress: Manifest, classes: Mapping[str, Manifest]) -> str:
    """Give the controller that serves an Ingress, `class:NAME` where only the class's name is known.

    :param ingress: the Ingress, or the IngressClass itself.
    :param classes: the IngressClasses by name.
    """
    if ingress["kind"] == "IngressClass":
        return str(mapping_at(ingress, "spec").get("controller") or "")
    name = class_of(ingress, classes)
    if not name:
        return ""
    controller = mapping_at(classes.get(name), "spec").get("controller")
    return str(controller) if controller else f"{BY_NAME}{name}"


def class_parameters(
    classes: Mapping[str, Manifest], objects: Sequence[Manifest]
) -> dict[str, dict[str, Any]]:
    """Give the spec of the parameters of each class by its name, as far as they are there.

    :param classes: the IngressClasses by name.
    :param objects: where the parameters may be.
    """
    named: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, item in classes.items():
        reference = mapping_at(item, "spec", "parameters")
        group, kind = reference.get("apiGroup"), reference.get("kind")
        named[str(group or ""), str(kind), str(reference.get("name"))].append(name)
    found: dict[str, dict[str, Any]] = {}
    for item in objects:
        key = (group_of(item["apiVersion"]), item["kind"], item["metadata"]["name"])
        for name in named.get(key, ()):
            found.setdefault(name, mapping_at(item, "spec"))
    return found


def parameters_of(
    ingress: Manifest, classes: Mapping[str, Manifest], parameters: Mapping[str, dict[str, Any]]
) -> dict[str, Any] | None:
    """Give the spec of the parameters of an Ingress's class; None when they are named and not known.

    Parameters don't count for an Ingress whose annotation names the class: AWS's controller reads them for
    `spec.ingressClassName` and for the default class only.

    :param ingress: the Ingress.
    :param classes: the IngressClasses by name.
    :param parameters: of each class, by its name.
    """
    name = class_of(ingress, classes)
    has_parameters = mapping_at(classes.get(name), "spec", "parameters")
    if not has_parameters or mapping_at(ingress, "metadata", "annotations").get(CLASS_ANNOTATION):
        return {}
    return parameters.get(name)


def _is_default(ingress_class: Manifest) -> bool:
    return mapping_at(ingress_class, "metadata", "annotations").get(DEFAULT_CLASS) == "true"
