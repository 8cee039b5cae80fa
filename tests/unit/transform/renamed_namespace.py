"""Objects of namespace `shop`, and what the rules make of them when it becomes `shop-prod`."""

from __future__ import annotations

from typing import Any

from migration_ops.transform import Parameters, TransformResult, load_rule_sets, transform

Manifest = dict[str, Any]


def moved(*objects: Manifest, **params: Any) -> TransformResult:
    """Adapt objects while the namespace gets its new name."""
    return transform(objects, load_rule_sets([]), Parameters(namespaces={"shop": "shop-prod"}, params=params))


def one(api_version: str, kind: str, spec: dict[str, Any] | None = None, **more: Any) -> Manifest:
    """Return an object of the namespace, called `x` if it isn't said otherwise."""
    metadata = {"name": "x", "namespace": "shop"} | more.pop("metadata", {})
    return (
        {"apiVersion": api_version, "kind": kind, "metadata": metadata}
        | ({"spec": spec} if spec else {})
        | more
    )
