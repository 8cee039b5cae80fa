"""The documentation builds without a warning, leaves no page out, and its reference is made from the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from migration_ops.migration import plan_schema
from migration_ops.provider_info import get_provider_info

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--quiet", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def page(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def test_every_page_is_in_the_navigation(site: Path) -> None:
    home = page(site, "index.html")
    for file in (ROOT / "docs").rglob("*.md"):
        address = file.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert f'href="{address}"' in home, f"{address} is in no section of mkdocs.yml"


def test_every_link_between_pages_leads_somewhere_in_a_checkout_too() -> None:
    """The site has pages that are made from the code; who reads a checkout has not."""
    for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", file.read_text("utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (file.parent / target).exists(), f"{file} links to {target}"


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        sources = re.findall(
            r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', file.read_text("utf-8")
        )
        assert [one for one in sources if "canonical" not in one] == [], file


def test_the_reference_has_every_field_operator_connection_and_command(site: Path) -> None:
    schema = page(site, "reference/plan-schema.html")
    fields = {*plan_schema()["properties"]}.union(
        *(part["properties"] for part in plan_schema()["$defs"].values())
    )
    assert [name for name in fields if f"<code>{name}</code>" not in schema] == []

    operators = page(site, "reference/operators.html")
    classes = set()
    for file in (ROOT / "plugins" / "migration_ops" / "operators").glob("*.py"):
        classes |= set(
            re.findall(r"^class ([A-Z]\w+(?:Operator|Sensor))\(", file.read_text("utf-8"), re.MULTILINE)
        )
    assert len(classes) > 15
    assert [name for name in classes if f">{name}<" not in operators] == []

    connections = page(site, "reference/connections.html")
    for one in get_provider_info()["connection-types"]:
        assert [name for name in one["conn-fields"] if f"<code>{name}</code>" not in connections] == []
    commands = page(site, "reference/commands.html")
    for command in ("account kubeconfig", "ack agent", "plan check", "resume", "transform"):
        assert f"migration-ops {command}" in commands


def test_the_search_knows_the_runbook(site: Path) -> None:
    index = json.loads(page(site, "search/search_index.json"))
    assert any("Going back" in one["title"] for one in index["docs"])
