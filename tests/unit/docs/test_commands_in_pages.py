"""What the pages tell people to type exists: commands, options, targets of make, YAML that can be read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from migration_ops.cli import main

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_ENDS = {"|", ">", ">>", "<", "&&", "||", ";", "&"}


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The contents of a page's code blocks in some languages."""
    for language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield text


def typed(page: Path, program: str) -> Iterator[list[str]]:
    """What a page says to type after a program's name, in blocks and within sentences."""
    lines = [
        line.strip().removeprefix("$ ")
        for text in blocks(page, "sh", "bash", "console")
        for line in text.replace("\\\n", " ").splitlines()
    ]
    lines += re.findall(rf"`({program} [^`]+)`", page.read_text(encoding="utf-8"))
    for line in lines:
        for part in re.split(r"\s&&\s|\s\|\s|;\s|\s#", line):
            found = re.search(rf"(?:^|\s)({program}\s.*)$", part)
            if found and "…" not in part:
                words = shlex.split(found[1], comments=True)
                end = next((at for at, word in enumerate(words) if word in _ENDS), len(words))
                yield words[len(program.split()) : end]


def problem_of(words: list[str]) -> str | None:
    """What is wrong with some words after `migration-ops`; nothing if that could be run."""
    command: click.Command = main
    context = click.Context(main)
    rest = list(words)
    while isinstance(command, click.Group):
        if not rest or rest[0].startswith("-"):
            break
        if not re.fullmatch(r"[a-z][a-z-]*", rest[0]):
            return None  # a placeholder, as in `migration-ops COMMAND`
        found = command.get_command(context, rest.pop(0))
        if found is None:
            return f"there is no command {' '.join(words)}"
        command = found
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for word in rest:
        name = word.partition("=")[0]
        if name.startswith("--") and name not in known | {"--help", "--version"}:
            return f"{' '.join(words)}: there is no option {name}"
    return None


def test_commands_and_options_exist() -> None:
    found = [(page, words) for page in PAGES for words in typed(page, "migration-ops")]
    assert len(found) > 30
    problems = [(page.name, problem) for page, words in found if (problem := problem_of(words))]
    assert problems == []


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {words[0] for page in PAGES for words in typed(page, "make") if words}
    assert named >= {"demo", "demo-down"}
    assert named <= targets


def test_modules_that_are_run_exist() -> None:
    named = {words[0] for page in PAGES for words in typed(page, "python -m") if words}
    assert named
    for name in named:
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_yaml_can_be_read() -> None:
    for page in PAGES:
        for text in blocks(page, "yaml"):
            try:
                list(yaml.safe_load_all(text))
            except yaml.YAMLError as error:
                pytest.fail(f"{page.name}: {error}")


def test_dags_that_are_named_are_made() -> None:
    made = {path.stem for path in (ROOT / "dags").glob("*.py")} - {"plans"}
    named = set()
    for page in PAGES:
        named |= set(re.findall(r"`(?:NAME|PLAN|shop)\.([a-z]+)`", page.read_text(encoding="utf-8")))
    assert len(named) > 6
    assert named <= made
