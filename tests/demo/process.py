"""Processes that outlive the command that started them: recorded, found again, stopped.

Each has a session of its own. A record names the leader with its start time, so that a process number that
the system gave away again is not taken for ours. What a killed leader left behind is found by its session.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from tests.demo.workspace import Workspace


@dataclass(frozen=True)
class Background:
    """One named process in the background.

    :param name: of its record and its log
    :param workspace: where both are kept
    """

    name: str
    workspace: Workspace

    @property
    def log(self) -> Path:
        """The file that takes its output."""
        return self.workspace.logs / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """The file that says which process it is."""
        return self.workspace.processes / f"{self.name}.json"

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str], **options: Any) -> None:
        """Stop what runs under this name, then start the command.

        :param options: more arguments of :class:`subprocess.Popen`
        """
        self.stop()
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        started = psutil.Process(process.pid).create_time()
        self.workspace.write_private(self.record, json.dumps({"pid": process.pid, "started": started}))

    def running(self) -> bool:
        """Say whether the leader lives."""
        return any(member.pid == self._recorded()[0] for member in self._members())

    def stop(self, grace_seconds: float = 8.0) -> None:
        """End the leader politely, then whatever is left of its session."""
        members = self._members()
        leaders = [member for member in members if member.pid == self._recorded()[0]]
        for leader in leaders:
            with contextlib.suppress(psutil.NoSuchProcess):
                leader.terminate()
        psutil.wait_procs(leaders, timeout=grace_seconds)
        rest = self._members()
        for member in rest:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(rest, timeout=5)
        self.record.unlink(missing_ok=True)

    def last_lines(self, count: int = 20) -> str:
        """Return the end of the log, for messages about a failure."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-count:])

    def _recorded(self) -> tuple[int, float]:
        try:
            record = json.loads(self.record.read_text())
        except FileNotFoundError:
            return 0, 0.0
        return record["pid"], record["started"]

    def _members(self) -> list[psutil.Process]:
        session, started = self._recorded()
        found: list[psutil.Process] = []
        if not session:
            return found
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
                if (
                    os.getsid(process.pid) == session
                    and process.create_time() >= started - 1
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
        return found


def stop_all(workspace: Workspace) -> None:
    """Stop every process that has a record in the workspace."""
    for record in sorted(workspace.processes.glob("*.json")):
        Background(record.stem, workspace).stop()
