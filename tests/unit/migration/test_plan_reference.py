"""The plan's reference page knows every field that the schema knows."""

import re
from pathlib import Path

import pytest

from migration_ops.migration import plan_schema

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "plan.md").read_text(encoding="utf-8")
SCHEMA = plan_schema()


@pytest.mark.parametrize(
    "field",
    sorted(
        {*SCHEMA["properties"], *(name for part in SCHEMA["$defs"].values() for name in part["properties"])}
    ),
)
def test_the_page_explains_the_field(field):
    assert re.search(rf"`([\w.]+\.)?{field}(\.\w+)?`", PAGE)


@pytest.mark.parametrize("part", ["Plan", *SCHEMA["$defs"]])
def test_every_field_has_a_description_for_editors_and_the_reference(part):
    properties = (SCHEMA if part == "Plan" else SCHEMA["$defs"][part])["properties"]
    assert [name for name, field in properties.items() if len(field.get("description", "")) < 15] == []
