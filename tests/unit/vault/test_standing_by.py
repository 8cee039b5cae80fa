"""A process that stands by has everything ready, takes one order, and does it like the command itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from migration_ops.vault.cli import vault

PASSWORD = "correct horse"
PROGRAM = ("-c", "from migration_ops.cli import main; main()")


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESTIC_REPOSITORY", str(tmp_path / "vault"))
    monkeypatch.setenv("RESTIC_PASSWORD", PASSWORD)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"before")
    assert CliRunner().invoke(vault, ["init"]).exit_code == 0
    return tmp_path


def give(ground: Path, *arguments: str) -> Path:
    order = ground / "order"
    (ground / "aside").write_text(json.dumps(arguments))
    return (ground / "aside").rename(order)


def stand_by(ground: Path, *options: str) -> tuple[int, list[dict], str]:
    found = CliRunner().invoke(vault, ["--json", "standby", str(ground / "order"), *options])
    return found.exit_code, [json.loads(line) for line in found.stdout.splitlines()], found.stderr


def test_an_order_that_comes_later_is_done_with_what_is_there_then(ground: Path) -> None:
    def later() -> None:
        time.sleep(0.5)
        (ground / "data" / "file").write_bytes(b"after all")
        give(ground, "backup", str(ground / "data"), "--as-root", "--tag", "late")

    thread = threading.Thread(target=later)
    thread.start()
    code, messages, _ = stand_by(ground)
    thread.join()
    assert code == 0
    assert messages[-1]["message_type"] == "summary"
    assert messages[-1]["total_bytes_processed"] == len(b"after all")
    assert messages[-1]["total_duration"] < 60


def test_snapshots_made_while_it_stood_by_can_be_restored(ground: Path) -> None:
    def later() -> None:
        time.sleep(0.5)
        (ground / "data" / "new").write_bytes(b"written by another process")
        command = [
            sys.executable,
            *PROGRAM,
            "vault",
            "backup",
            str(ground / "data"),
            "--as-root",
        ]
        subprocess.run(command, check=True, capture_output=True)
        give(ground, "restore", "latest", "--target", str(ground / "back"))

    thread = threading.Thread(target=later)
    thread.start()
    code, _, _ = stand_by(ground)
    thread.join()
    assert code == 0
    assert (ground / "back" / "new").read_bytes() == b"written by another process"


def test_the_result_goes_where_standby_was_told_to_write_it(ground: Path) -> None:
    give(ground, "backup", str(ground / "data"))
    summary = ground / "summary"
    found = CliRunner().invoke(vault, ["standby", str(ground / "order"), "--summary-file", str(summary)])
    assert found.exit_code == 0
    assert json.loads(summary.read_text())["message_type"] == "summary"


def test_what_fails_ends_as_the_command_itself_does(ground: Path) -> None:
    give(ground, "restore", "feedbeef", "--target", str(ground / "back"))
    code, messages, said = stand_by(ground)
    alone = CliRunner().invoke(vault, ["restore", "feedbeef", "--target", str(ground / "back")])
    assert (code, messages[-1]["message_type"]) == (alone.exit_code, "exit_error")
    assert alone.stderr in said


def test_without_an_order_it_ends_and_does_nothing(ground: Path) -> None:
    code, messages, _ = stand_by(ground, "--wait", "1")
    assert code == 1
    assert messages[-1]["message"] == "no order came within 1 s; nothing was done"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('["forget", "--keep-last", "1"]', "wants forget; it may want backup, restore, verify"),
        ('["standby", "/tmp/x"]', "wants standby"),
        ("[]", "wants nothing"),
        ('{"backup": "/data"}', "is no list of texts"),
        ('["backup", 1]', "is no list of texts"),
        ("[", "is no JSON"),
    ],
)
def test_an_order_that_is_none_is_refused(ground: Path, text: str, problem: str) -> None:
    (ground / "order").write_text(text)
    code, messages, _ = stand_by(ground)
    assert code == 1
    assert problem in messages[-1]["message"]


def test_a_wrong_password_is_told_before_anybody_waits(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTIC_PASSWORD", "another")
    assert stand_by(ground)[0] == 12


def test_asked_to_stop_it_ends_at_once(ground: Path) -> None:
    command = [
        sys.executable,
        *PROGRAM,
        "vault",
        "--json",
        "-v",
        "standby",
        str(ground / "order"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        waiting = json.loads(process.stdout.readline())
        assert waiting["action"] == "waiting for"
        process.terminate()
        last = json.loads(process.stdout.read().splitlines()[-1])
    assert "SIGTERM received" in last["message"]
    assert process.returncode != 0
