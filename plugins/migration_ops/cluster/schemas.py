"""Checks custom resources against a definition that no API server serves yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration_ops.cluster.reference import Manifest, ObjectReference


def schema_problems(manifest: Manifest, definition: Manifest) -> list[str]:
    """Return, in words, what of an object its definition would refuse.

    :param manifest: the custom resource.
    :param definition: its CustomResourceDefinition (``apiextensions.k8s.io/v1``).
    """
    from jsonschema import Draft4Validator

    version = ObjectReference.of(manifest).version
    versions = {one["name"]: one for one in definition["spec"].get("versions") or [] if one.get("served")}
    if version not in versions:
        return [f"its definition in the set serves {', '.join(versions) or 'no version'} only"]
    schema = (versions[version].get("schema") or {}).get("openAPIV3Schema")
    if not schema:
        return []
    # OpenAPI 3.0 is draft 4 in what structural schemas may use: there, exclusive bounds are booleans.
    validator = Draft4Validator(_as_json_schema(schema))
    return list(_told(validator.iter_errors({**manifest, "metadata": {}})))


def _told(errors: Any) -> Iterator[str]:
    for error in sorted(errors, key=lambda one: list(map(str, one.absolute_path))):
        path = ".".join(str(part) for part in error.absolute_path)
        yield f"{path or 'the object'}: {error.message}"


def _as_json_schema(schema: Any) -> Any:
    """Translate what Kubernetes' structural schemas say in words of their own."""
    if isinstance(schema, list):
        return [_as_json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        key: _properties(value) if key in {"properties", "definitions"} else _as_json_schema(value)
        for key, value in schema.items()
        if key not in {"format", "default", "example", "description"}
    }
    if schema.get("x-kubernetes-int-or-string"):
        plain.pop("type", None)
        plain.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if schema.get("nullable") and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
    return plain


def _properties(properties: Any) -> Any:
    """Below ``properties`` keys are names of fields: one may be called ``format``."""
    return {name: _as_json_schema(schema) for name, schema in properties.items()}
