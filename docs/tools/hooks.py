"""MkDocs' hooks: generated pages are added, no page is left out, links into the code are checked."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "plugins")]

import reference  # noqa: E402 - beside this file, which is no package

SECTIONS = {
    "how-to": "How to",
    "reference": "Reference",
    "explanation": "Explanation",
    "decisions": "Decisions",
}
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
log = logging.getLogger("mkdocs.hooks.links")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and the README as the first page, then list what the navigation lacks."""
    for path, content in reference.pages().items():
        files.append(File.generated(config, path, content=content))
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "index.md", content=readme))
    listed = set(_listed(config.nav or []))
    for file in files.documentation_pages():
        if file.src_uri not in listed:
            _section(config.nav, file.src_uri).append(file.src_uri)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files outside of docs/ into their names, after a look that they exist."""
    folder = (ROOT / "docs" / page.file.src_uri).parent if page.file.src_uri != "index.md" else ROOT

    def outside(match: re.Match[str]) -> str:
        text, target, _anchor = match.groups()
        if "://" in target or target.startswith("mailto:"):
            return match.group()
        path = (folder / target).resolve()
        if path.is_relative_to(ROOT / "docs"):
            return match.group()
        if page.file.src_uri == "index.md" and (ROOT / "docs" / target).exists():
            return match.group()
        if not path.exists() and (ROOT / "docs" / target).suffix != ".md":
            log.warning("%s links to %s, which isn't there", page.file.src_uri, target)
        if page.file.src_uri == "index.md" and not path.exists():
            return match.group()
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else target
        return f"{text} (`{name}`)" if str(name) not in text else f"`{name}`"

    return LINK.sub(outside, markdown)


def _listed(nav: list[Any]) -> list[str]:
    found: list[str] = []
    for item in nav:
        for value in item.values() if isinstance(item, dict) else [item]:
            found += _listed(value) if isinstance(value, list) else [value]
    return found


def _section(nav: list[Any], path: str) -> list[Any]:
    """The section of a page's folder; the top level for folders that have none."""
    title = SECTIONS.get(path.partition("/")[0])
    for item in nav:
        if isinstance(item, dict) and title in item:
            section: list[Any] = item[title]
            return section
    return nav
