"""Who serves an Ingress: the controller of its class, whatever a company calls that class."""

from __future__ import annotations

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


def parameters_of(
    ingress: Manifest, classes: Mapping[str, Manifest], objects: Sequence[Manifest]
) -> dict[str, Any] | None:
    """Give the spec of the parameters of an Ingress's class; None when they are named and not known.

    Parameters don't count for an Ingress whose annotation names the class: AWS's controller reads them for
    `spec.ingressClassName` and for the default class only.

    :param ingress: the Ingress.
    :param classes: the IngressClasses by name.
    :param objects: where the parameters may be.
    """
    named = mapping_at(classes.get(class_of(ingress, classes)), "spec", "parameters")
    if not named or mapping_at(ingress, "metadata", "annotations").get(CLASS_ANNOTATION):
        return {}
    for item in objects:
        is_it = (item["kind"], item["metadata"]["name"]) == (named.get("kind"), named.get("name"))
        if is_it and group_of(item["apiVersion"]) == str(named.get("apiGroup") or ""):
            return mapping_at(item, "spec")
    return None


def _is_default(ingress_class: Manifest) -> bool:
    return mapping_at(ingress_class, "metadata", "annotations").get(DEFAULT_CLASS) == "true"
