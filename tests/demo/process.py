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
        process.returncode = 0  # it outlives this object, which would warn of that otherwise
        self.workspace.write_private(self.record, json.dumps({"pid": process.pid, "started": started}))

    def running(self) -> bool:
        """Say whether the leader lives."""
        return any(member.pid == self.recorded()[0] for member in self.members())

    def stop(self) -> None:
        """End the process and whatever is left of its session."""
        stop_together([self])

    def last_lines(self, count: int = 20) -> str:
        """Return the end of the log, for messages about a failure."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-count:])

    def recorded(self) -> tuple[int, float]:
        """Return the leader's number and start time; zeros where there is no record."""
        try:
            record = json.loads(self.record.read_text())
        except FileNotFoundError:
            return 0, 0.0
        return record["pid"], record["started"]

    def members(self) -> list[psutil.Process]:
        """Return the living processes of the session."""
        session, started = self.recorded()
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


def stop_together(processes: Sequence[Background], grace_seconds: float = 6.0) -> None:
    """End the leaders politely, all at once, then kill whatever is left of their sessions."""
    leaders = []
    for process in processes:
        leader = process.recorded()[0]
        leaders += [member for member in process.members() if member.pid == leader]
    for member in leaders:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.terminate()
    psutil.wait_procs(leaders, timeout=grace_seconds)
    rest = [member for process in processes for member in process.members()]
    for member in rest:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(rest, timeout=5)
    for process in processes:
        process.record.unlink(missing_ok=True)


def stop_all(workspace: Workspace) -> None:
    """Stop every process that has a record in the workspace."""
    stop_together([Background(record.stem, workspace) for record in workspace.processes.glob("*.json")])
