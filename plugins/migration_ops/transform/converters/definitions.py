"""CustomResourceDefinition: apiextensions.k8s.io/v1beta1 to v1.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#customresourcedefinition-v122
"""

from __future__ import annotations

from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.conversion import CannotConvertError
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import items_at, mapping_at
from migration_ops.transform.registry import converter

PRESERVE = "x-kubernetes-preserve-unknown-fields"
OPEN_SCHEMA: dict[str, Any] = {"openAPIV3Schema": {"type": "object", PRESERVE: True}}


@converter("custom-resource-definition")
def convert_definition(draft: Draft, to: str, _context: Context) -> None:
    """Move what was common to all versions into each of them, and make the schemas structural enough.

    :param draft: the definition.
    :param to: the new version.
    :param _context: unused.
    :raises CannotConvertError: when it is to go back to v1beta1.
    """
    if to != "apiextensions.k8s.io/v1":
        raise CannotConvertError(
            "this direction isn't supported", "serve apiextensions.k8s.io/v1 in the target"
        )
    spec = mapping_at(draft.manifest, "spec")
    draft.set(("spec", "versions"), [_version(version, spec) for version in _versions(spec)])
    for field in (
        "version",
        "validation",
        "subresources",
        "additionalPrinterColumns",
        "preserveUnknownFields",
    ):
        draft.remove(("spec", field))
    draft.remove(("status",))
    if not spec.get("scope"):
        draft.set(("spec", "scope"), "Namespaced")
    _conversion(draft)


def _versions(spec: dict[str, Any]) -> list[dict[str, Any]]:
    listed = items_at(spec, "versions")
    return listed or [{"name": spec.get("version"), "served": True, "storage": True}]


def _version(version: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    new = dict(version)
    new.setdefault("served", True)
    new.setdefault("storage", False)
    preserves = spec.get("preserveUnknownFields", True) is not False
    schema = version.get("schema") or spec.get("validation")
    new["schema"] = _structural(schema, preserves=preserves) if schema else OPEN_SCHEMA
    if "subresources" not in new and spec.get("subresources"):
        new["subresources"] = spec["subresources"]
    columns = version.get("additionalPrinterColumns") or spec.get("additionalPrinterColumns")
    if columns:
        new["additionalPrinterColumns"] = [
            {("jsonPath" if key == "JSONPath" else key): value for key, value in column.items()}
            for column in columns
        ]
    return new


def _structural(schema: dict[str, Any], *, preserves: bool) -> dict[str, Any]:
    root = schema.get("openAPIV3Schema")
    if not isinstance(root, dict):
        return OPEN_SCHEMA
    typed = _typed(root)
    if preserves:
        typed[PRESERVE] = True
    return {"openAPIV3Schema": typed}


def _typed(schema: dict[str, Any]) -> dict[str, Any]:
    """Add the types that v1 demands, where the rest of a schema says which ones they are."""
    new = dict(schema)
    if "properties" in new and isinstance(new["properties"], dict):
        new["properties"] = {
            name: _typed(member) if isinstance(member, dict) else member
            for name, member in new["properties"].items()
        }
        new.setdefault("type", "object")
    if isinstance(new.get("additionalProperties"), dict):
        new["additionalProperties"] = _typed(new["additionalProperties"])
        new.setdefault("type", "object")
    if isinstance(new.get("items"), dict):
        new["items"] = _typed(new["items"])
        new.setdefault("type", "array")
    if "type" not in new and not new.get("x-kubernetes-int-or-string") and not new.get(PRESERVE):
        new = {**new, PRESERVE: True}
    return new


def _conversion(draft: Draft) -> None:
    place = ("spec", "conversion")
    conversion = mapping_at(draft.manifest, *place)
    if not conversion or conversion.get("strategy") != "Webhook":
        return
    config = conversion.get("webhookClientConfig")
    versions = conversion.get("conversionReviewVersions") or ["v1beta1"]
    if config is not None and "webhook" not in conversion:
        webhook = {"clientConfig": config, "conversionReviewVersions": versions}
        draft.set(place, {"strategy": "Webhook", "webhook": webhook})
