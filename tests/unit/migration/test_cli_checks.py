"""Bad options are refused by name before a cluster is asked for anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter, ValidationError

from migration_ops.cli import main
from migration_ops.migration.quantities import BytesPerSecond, Duration


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "broken.yaml"
    path.write_text("name: [a\nb: }\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "init", "--name", "a", "--timezone", "Mars/Base"], "no time zone"),
        (["plan", "init", "--name", "a", "-o", "/nowhere/plan.yaml"], "folder /nowhere is not there"),
        (["plan", "init", "--name", "a"], "isn't a kubeconfig"),
        (["account", "kubeconfig", "source", "--output", "/nowhere/a"], "folder /nowhere is not there"),
        (["account", "kubeconfig", "source", "--output", "/tmp/a", "--hours", "nan"], "--hours 24"),
        (["account", "kubeconfig", "source", "--output", "/tmp/a", "--hours", "-5"], "--hours"),
        (["resume", "--plan", "include/plans/shop.yaml", "--wait", "nan"], "--wait 24"),
        (["resume", "--plan", "include/plans/shop.yaml"], "isn't a kubeconfig"),
    ],
)
def test_a_bad_option_or_file_is_named(kubeconfig: str, arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(main, [*arguments, "--kubeconfig", kubeconfig])
    assert done.exit_code in {1, 2}
    assert isinstance(done.exception, SystemExit)
    assert words in done.output


@pytest.mark.parametrize(
    ("kind", "text"),
    [(Duration, "9" * 20 + "h"), (Duration, "9" * 400 + "d"), (BytesPerSecond, "9" * 400 + "GiB/s")],
)
def test_a_quantity_beyond_measure_is_refused(kind: object, text: str) -> None:
    with pytest.raises(ValidationError, match="write for example"):
        TypeAdapter(kind).validate_python(text)
