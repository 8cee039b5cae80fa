"""What rules may know beside the object in hand: parameters, the target, the other objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from migration_ops.transform.ingress_classes import class_parameters, controller_of, ingress_classes
from migration_ops.transform.ingress_groups import Group, schemes_of_groups
from migration_ops.transform.objects import Manifest, group_of, items_at, mapping_at
from migration_ops.transform.parameters import Parameters
from migration_ops.transform.versions import ServedApis


@dataclass(frozen=True)
class Context:
    """Everything that a rule may look at without changing it.

    :param parameters: what the plan says.
    :param params: the rule sets' parameters with their defaults.
    :param storage_classes: the plan's mapping and below it the rule sets' proposals.
    :param provider: the source's provider, given or recognised.
    :param objects: all objects as they came.
    """

    parameters: Parameters
    params: Mapping[str, Any] = field(default_factory=dict)
    storage_classes: Sequence[Mapping[str, str]] = ()
    provider: str | None = None
    objects: Sequence[Manifest] = ()

    @cached_property
    def served(self) -> ServedApis:
        """What the target serves, with the CRDs that come along."""
        return ServedApis(
            self.parameters.target_version, self.parameters.target_apis, _installed_kinds(self.objects)
        )

    @cached_property
    def names(self) -> frozenset[tuple[str, str, str, str]]:
        """Group, kind, namespace and name of every object."""
        return frozenset(
            (
                group_of(item["apiVersion"]),
                item["kind"],
                item["metadata"].get("namespace", ""),
                item["metadata"]["name"],
            )
            for item in self.objects
        )

    @cached_property
    def workloads(self) -> dict[str, Manifest]:
        """Objects that make pods, by `Kind/namespace/name`."""
        return {
            f"{item['kind']}/{item['metadata'].get('namespace', '')}/{item['metadata']['name']}": item
            for item in self.objects
            if item["kind"] == "Pod" or mapping_at(item, "spec", "template") or item["kind"] == "CronJob"
        }

    def param(self, dotted: str) -> Any:
        """Give a parameter's value; None when there is none.

        :param dotted: its name, and keys below it, joined by dots.
        """
        value: Any = self.params
        for name in dotted.split("."):
            if not isinstance(value, Mapping) or name not in value:
                return None
            value = value[name]
        return value

    @cached_property
    def storage_classes_of_source(self) -> Mapping[str, Manifest]:
        """The source's StorageClasses by name, as far as they came along."""
        return {item["metadata"]["name"]: item for item in self.objects if item["kind"] == "StorageClass"}

    @cached_property
    def services_with_selector(self) -> frozenset[tuple[str, str]]:
        """Namespace and name of the Services whose endpoints a controller fills."""
        return frozenset(
            (item["metadata"].get("namespace", ""), item["metadata"]["name"])
            for item in self.objects
            if item["kind"] == "Service"
            and item["apiVersion"] == "v1"
            and mapping_at(item, "spec").get("selector")
        )

    @cached_property
    def ingress_classes(self) -> Mapping[str, Manifest]:
        """The source's IngressClasses by name."""
        return ingress_classes(self.objects)

    @cached_property
    def class_parameters(self) -> Mapping[str, dict[str, Any]]:
        """What the parameters of IngressClasses say, by the class's name, as far as they came along."""
        return class_parameters(self.ingress_classes, self.objects)

    @cached_property
    def schemes_of_groups(self) -> Mapping[Group, Mapping[str, str]]:
        """The schemes that members of EKS's groups of Ingresses state, with the first Ingress of each."""
        return schemes_of_groups(self.objects, self.ingress_classes, self.class_parameters)

    def ingress_controller(self, manifest: Manifest) -> str:
        """Give the controller that serves an Ingress in the source, `class:NAME` if only its class is known.

        :param manifest: the Ingress, or an IngressClass.
        """
        return controller_of(manifest, self.ingress_classes)

    def variables(self, manifest: Manifest, value: Any = None, key: str = "") -> dict[str, Any]:
        """Give what templates may name.

        :param manifest: the object in hand.
        :param value: the value in hand.
        :param key: the annotation or label in hand.
        """
        return {
            "params": self.params,
            "object": manifest,
            "annotations": manifest["metadata"].get("annotations") or {},
            "value": value,
            "key": key,
            "provider": self.provider or "",
        }


def _installed_kinds(objects: Sequence[Manifest]) -> list[str]:
    installed = []
    for item in objects:
        if item["kind"] != "CustomResourceDefinition":
            continue
        spec = mapping_at(item, "spec")
        versions = [
            version.get("name") for version in items_at(spec, "versions") if version.get("served", True)
        ]
        versions += [spec["version"]] if "version" in spec else []
        kind = mapping_at(spec, "names").get("kind")
        installed += [f"{spec.get('group')}/{version}/{kind}" for version in versions]
    return installed
