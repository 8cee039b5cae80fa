"""Ingresses that share one load balancer of EKS: what its scheme is, whichever of them says it.

AWS's controller collects the schemes of all members of a group; members that say nothing get what the others
say, and a group whose members disagree is served no more (kubernetes-sigs/aws-load-balancer-controller,
pkg/ingress/group_loader.go and model_build_load_balancer.go).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from migration_ops.transform.ingress_classes import controller_of, parameters_of
from migration_ops.transform.objects import Manifest, mapping_at

ALB = "alb.ingress.kubernetes.io/"
_AUTO_MODE = "eks.amazonaws.com/alb"
CONTROLLERS = frozenset({"ingress.k8s.aws/alb", "class:alb", _AUTO_MODE})

Group = tuple[bool, str]
"""Whether the controller of Auto Mode serves it, and the group's name: each controller has its own groups."""


def group_of_ingress(
    ingress: Manifest, controller: str, parameters: Mapping[str, Any] | None
) -> Group | None:
    """Give the group of an Ingress; None when it has a load balancer of its own.

    :param ingress: the Ingress.
    :param controller: of its class.
    :param parameters: of its class: a group that they name wins.
    """
    of_class = mapping_at(parameters, "group").get("name")
    name = of_class or mapping_at(ingress, "metadata", "annotations").get(f"{ALB}group.name")
    return (controller == _AUTO_MODE, str(name)) if name else None


def schemes_of_groups(
    objects: Sequence[Manifest],
    classes: Mapping[str, Manifest],
    of_classes: Mapping[str, dict[str, Any]],
) -> dict[Group, dict[str, str]]:
    """Give the schemes that members of each group state, each with the first Ingress that states it.

    :param objects: any objects.
    :param classes: the IngressClasses by name.
    :param of_classes: their parameters, by the class's name.
    """
    found: dict[Group, dict[str, str]] = defaultdict(dict)
    for item in objects:
        if item["kind"] != "Ingress" or (controller := controller_of(item, classes)) not in CONTROLLERS:
            continue
        annotations = mapping_at(item, "metadata", "annotations")
        parameters = parameters_of(item, classes, of_classes)
        group = group_of_ingress(item, controller, parameters)
        scheme = mapping_at(parameters).get("scheme") or annotations.get(f"{ALB}scheme")
        if group is not None and scheme is not None and parameters is not None:
            metadata = item["metadata"]
            found[group].setdefault(str(scheme), f"{metadata.get('namespace', '')}/{metadata['name']}")
    return dict(found)
