"""What tasks import is there before they are forked."""

from __future__ import annotations

import subprocess
import sys

import pytest
from airflow.jobs.job import Job
from airflow.listeners.listener import get_listener_manager
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker

from migration_ops import preload

IN_A_TASK = """
import sys
from migration_ops import preload

class {component}:
    pass

preload.on_starting({component}())
before = set(sys.modules)
import migration_ops.hooks.cluster, migration_ops.hooks.vault
import migration_ops.operators.cutover, migration_ops.migration.stopping, migration_ops.migration.target
import migration_ops.mover.pod_exec, migration_ops.vault
print(len(set(sys.modules) - before))
"""


def imported_later(component: str) -> int:
    """How many modules a step imports after a component of this class began."""
    program = [sys.executable, "-W", "ignore", "-c", IN_A_TASK.format(component=component)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


def test_a_step_finds_everything_imported_where_airflow_forks_it() -> None:
    assert imported_later("Job") == 0


def test_a_tasks_own_process_imports_no_more_than_it_needs() -> None:
    assert imported_later("TaskRunnerMarker") > 500


def test_airflow_calls_it_when_a_scheduler_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(preload, "preload", lambda: called.append("imported"))
    get_listener_manager().hook.on_starting(component=TaskRunnerMarker())
    assert called == []
    Job()  # type: ignore[no-untyped-call]
    assert called == ["imported"]


def test_a_module_that_cannot_be_imported_does_not_keep_airflow_from_starting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(preload, "OF_OTHERS", ("no_such_module",))
    preload.on_starting(Job())  # type: ignore[no-untyped-call]
    assert "No module named 'no_such_module'" in caplog.text


def test_command_lines_are_not_imported() -> None:
    assert not [name for name in preload._modules() if "cli" in name.rpartition(".")[2].split("_")]
