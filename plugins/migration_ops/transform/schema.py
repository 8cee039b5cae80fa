"""The JSON Schema of rule files, for editors and for people who write rules."""

from __future__ import annotations

from typing import Any

from migration_ops.transform.rules import RuleSet

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def rule_set_schema() -> dict[str, Any]:
    """Give the schema of a rule file."""
    return {"$schema": SCHEMA_DIALECT, **RuleSet.model_json_schema(by_alias=True)}
