"""All commands end alike: the same status for the same sort of trouble, one line about it, no traceback.

The table is docs/reference/exit-statuses.md.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from migration_ops.cli import GROUPS, main

ROOT = Path(__file__).parents[3]
PROGRAM = Path(sys.executable).with_name("migration-ops")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["--nothing"],
        ["plan", "nothing"],
        ["plan", "check"],
        ["plan", "pools", "--nothing"],
        ["transform", "--nothing"],
        ["transform", "--rules", "api-versions"],
        ["vault", "nothing"],
        ["vault", "snapshots", "--nothing"],
        ["resume"],
        ["resume", "--plan", "a.yaml", "--kubeconfig", "/nowhere"],
        ["account", "manifests", "middle"],
        ["account", "kubeconfig", "source", "--kubeconfig", "/nowhere", "--output", "a"],
        ["ack", "agent", "--region", "a"],
        ["ack", "kubeconfig", "--region", "a", "--cluster", "b", "--output", "/nowhere/a"],
        ["ack", "kubeconfig", "--region", "a", "--cluster", "b", "--output", "a", "--minutes", "5"],
    ],
    ids=" ".join,
)
def test_wrong_options_end_with_1_and_one_line_that_leads_to_the_help(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)

    assert done.exit_code == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("migration-ops: ")
    assert "--help`" in line


@pytest.mark.parametrize("group", ["plan", "vault", "account", "ack"])
def test_a_group_alone_shows_its_commands_and_ends_with_1(group: str) -> None:
    done = CliRunner().invoke(main, [group])
    assert done.exit_code == 1
    assert "Commands:" in done.stderr
    assert group in GROUPS


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.get_command(None, "transform"), "callback", interrupted)
    done = CliRunner().invoke(main, ["transform"])
    assert done.exit_code == 130
    assert done.stderr.strip() == "migration-ops: interrupted"


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(**_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(main.get_command(None, "transform"), "callback", hungry)
    done = CliRunner().invoke(main, ["transform"])
    assert done.exit_code == 1
    assert "not enough memory" in done.stderr


def test_a_question_without_an_answer_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migration_ops.migration.plan_init_cli.is_terminal", lambda: True)
    done = CliRunner().invoke(main, ["plan", "init"], input="")
    assert done.exit_code == 1
    assert "give its option instead" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["plan", "schema"],
        ["plan", "check", "include/plans/shop.yaml"],
        ["transform", "--describe", "--rules", "eks-to-ack"],
        ["account", "manifests", "source"],
        ["vault", "--help"],
    ],
    ids=" ".join,
)
def test_an_output_that_is_full_or_closed_is_told_in_one_line(arguments: list[str]) -> None:
    for redirection, words in (
        (">/dev/full", "no space left on device"),
        (">&-", "standard output is closed"),
    ):
        done = subprocess.run(
            ["/bin/sh", "-c", f'"$0" "$@" {redirection}', str(PROGRAM), *arguments],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert words in line


def test_a_reader_that_has_seen_enough_hears_nothing() -> None:
    done = subprocess.run(
        ["/bin/bash", "-c", '"$0" plan schema | head -n 1; exit "${PIPESTATUS[0]}"', str(PROGRAM)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "{\n"
    assert done.returncode in {0, 1}  # 0 if all of it fitted into the pipe before it was closed


def test_the_page_lists_every_status() -> None:
    page = (ROOT / "docs" / "reference" / "exit-statuses.md").read_text(encoding="utf-8")
    for status in (0, 1, 2, 3, 10, 11, 12, 130):
        assert f"\n| {status} | " in page
