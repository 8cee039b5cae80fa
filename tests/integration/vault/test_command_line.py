"""The command line as movers and people use it: exit codes, JSON lines, the summary file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "a password of the tests"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(location: str) -> Run:
    """Call ``migration-ops vault``."""

    def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "from migration_ops.cli import main; main()",
                "vault",
                *map(str, arguments),
            ],
            env={
                **os.environ,
                "RESTIC_REPOSITORY": location,
                "RESTIC_PASSWORD": PASSWORD,
                "PYTHONPATH": str(Path(__file__).parents[3] / "plugins"),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return call


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    root.mkdir()
    (root / "file").write_text("content")
    return root


def _lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_volume_goes_there_and_back_by_commands(run: Run, source: Path, tmp_path: Path) -> None:
    assert run("init").returncode == 0
    backup = run("--json", "backup", "--as-root", source, "--tag", "plan=shop,claim=db", "--host", "source")
    summary = _lines(backup)[-1]
    assert backup.returncode == 0
    assert summary["message_type"] == "summary"
    assert {"snapshot_id", "data_added_packed", "bytes_read", "total_duration", "files_new"} <= summary.keys()
    snapshots = json.loads(run("snapshots", "--json").stdout)
    assert [(s["hostname"], s["tags"]) for s in snapshots] == [("source", ["plan=shop", "claim=db"])]
    assert run("dump", "latest", "/file").stdout == "content"
    assert "/file" in run("ls", "latest").stdout
    restored = run("restore", "latest", "--target", tmp_path / "target", "--verify", "--json")
    assert _lines(restored)[-1]["differences"] == 0
    assert run("verify", "latest", "--target", tmp_path / "target").returncode == 0
    (tmp_path / "target/file").write_text("changed")
    assert run("verify", "latest", "--target", tmp_path / "target").returncode == 1
    assert run("check", "--read-data").returncode == 0
    assert run("stats").returncode == 0
    assert run("diff", "latest", "latest", "--json").returncode == 0
    assert run("forget", "--keep-last", "1", "--prune").returncode == 0
    assert run("unlock").returncode == 0
    assert run("key", "list").stdout.startswith("*")


def test_exit_codes_are_restics(run: Run, source: Path, tmp_path: Path) -> None:
    assert run("snapshots").returncode == 10
    run("init")
    assert run("init").returncode == 1
    assert run("init", "--if-missing").returncode == 0
    assert run("snapshots", RESTIC_PASSWORD="wrong").returncode == 12
    assert run("restore", "abcd", "--target", tmp_path / "x").returncode == 1
    assert run("backup", tmp_path / "nothing").returncode == 1


def test_a_locked_repository_says_by_whom(run: Run, location: str, repo: Any, source: Path) -> None:
    from migration_ops.vault.lock import locked

    with locked(repo, exclusive=True):
        done = run("--json", "backup", source)
    assert done.returncode == 11
    error = _lines(done)[-1]
    assert (error["message_type"], error["code"], error["retryable"]) == ("exit_error", 11, True)
    assert str(os.getpid()) in error["message"]


def test_the_summary_file_holds_the_result_or_the_error(run: Run, source: Path, tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    run("backup", source, "--summary-file", file)
    assert json.loads(file.read_text())["code"] == 10
    run("init")
    run("backup", source, "--summary-file", file)
    assert json.loads(file.read_text())["message_type"] == "summary"
    assert file.stat().st_size <= 4096


def test_probe_works_before_there_is_a_repository(run: Run) -> None:
    summary = _lines(run("--json", "probe", "--size", "64KiB"))[-1]
    assert summary["bytes"] == 65536
    assert summary["write_seconds"] >= 0
    assert summary["repository_exists"] is False


def test_starting_costs_no_heavy_imports() -> None:
    program = (
        "import sys; import migration_ops.vault.cli, migration_ops.vault.cli_copy,"
        " migration_ops.vault.backup, migration_ops.vault.restore, migration_ops.vault.repository;"
        " print(' '.join(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "plugins")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {
        "airflow",
        "asyncio",
        "boto3",
        "kubernetes",
        "obstore",
        "pydantic",
        "rich",
        "tenacity",
    }


def test_the_public_names_are_all_there() -> None:
    from migration_ops import vault

    for name in vault.__all__:
        assert getattr(vault, name) is not None
    with pytest.raises(AttributeError):
        vault.nothing  # noqa: B018 - the access is the test


def test_a_path_that_a_snapshot_does_not_have_fails_ls_by_name(run: Run, source: Path) -> None:
    run("init")
    run("backup", "--as-root", source)
    assert run("ls", "latest", "/file").returncode == 0
    missing = run("ls", "latest", "/nope")
    assert missing.returncode == 1
    assert "has no /nope" in missing.stderr


def test_a_source_that_does_not_exist_is_named_and_the_others_are_backed_up(run: Run, source: Path) -> None:
    run("init")
    done = run("--json", "backup", source, source / "nope")
    assert done.returncode == 3
    assert [line["item"] for line in _lines(done) if line["message_type"] == "error"] == [
        str(source / "nope")
    ]
    assert str(source / "file") in run("ls", "latest").stdout
    nothing = run("backup", source / "nope", source / "neither")
    assert nothing.returncode == 1
    assert str(source / "neither") in nothing.stderr
    assert len(json.loads(run("snapshots", "--json").stdout)) == 1


def test_a_dry_run_says_what_it_would_do_and_does_nothing(run: Run, source: Path, tmp_path: Path) -> None:
    run("init")
    run("backup", "--as-root", source)
    (tmp_path / "target").mkdir()
    (tmp_path / "target/extra").touch()
    dry = run("restore", "latest", "--target", tmp_path / "target", "--delete", "--dry-run")
    assert dry.returncode == 0
    assert "nothing was written: would restore 1 of 1 files and delete 1" in dry.stdout
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["extra"]
