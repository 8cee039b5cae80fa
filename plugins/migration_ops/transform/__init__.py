"""Rules that adapt manifests to the target: pure functions, manifests in, manifests and findings out.

The names below are the package's public ones; they are imported when they are used, so that the command
starts fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from migration_ops.transform.engine import transform
    from migration_ops.transform.errors import (
        ManifestError,
        ParameterError,
        RuleExecutionError,
        RuleSetError,
        TransformError,
    )
    from migration_ops.transform.finding_groups import FindingGroup, Told, group_findings
    from migration_ops.transform.loading import load_rule_sets
    from migration_ops.transform.manifests import read_manifests, write_manifests
    from migration_ops.transform.parameters import Parameters
    from migration_ops.transform.provider import recognise_provider
    from migration_ops.transform.results import Change, Dropped, Finding, ImageCopy, TransformResult
    from migration_ops.transform.schema import rule_set_schema

_HOMES = {
    "transform": "engine",
    "ManifestError": "errors",
    "ParameterError": "errors",
    "RuleExecutionError": "errors",
    "RuleSetError": "errors",
    "TransformError": "errors",
    "FindingGroup": "finding_groups",
    "Told": "finding_groups",
    "group_findings": "finding_groups",
    "load_rule_sets": "loading",
    "read_manifests": "manifests",
    "write_manifests": "manifests",
    "Parameters": "parameters",
    "recognise_provider": "provider",
    "Change": "results",
    "Dropped": "results",
    "Finding": "results",
    "ImageCopy": "results",
    "TransformResult": "results",
    "rule_set_schema": "schema",
}

__all__ = [
    "Change",
    "Dropped",
    "Finding",
    "FindingGroup",
    "ImageCopy",
    "ManifestError",
    "ParameterError",
    "Parameters",
    "RuleExecutionError",
    "RuleSetError",
    "Told",
    "TransformError",
    "TransformResult",
    "group_findings",
    "load_rule_sets",
    "read_manifests",
    "recognise_provider",
    "rule_set_schema",
    "transform",
    "write_manifests",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
