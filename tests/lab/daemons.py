"""A server of the lab: started in its own session, found again by any later process, stopped for certain.

The pid file holds the first line of ``/proc/PID/stat``, written by the process itself before it becomes the
server: the start time in it tells the server from a later process with the same number, and there is no
moment at which the server runs and the file doesn't exist.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.cgroups import make_group
from tests.lab.errors import LabError

# $0 = pid file, $1 = log, $2 = number of control groups, then these, then the command.
_INNER = """
read -r stat </proc/$$/stat && echo "$stat" >"$0.half" && mv "$0.half" "$0" || exit 96
shift; groups=$1; shift
while [ "$groups" -gt 0 ]; do echo $$ >"$1/cgroup.procs" || exit 97; shift; groups=$((groups-1)); done
exec "$@"
"""
_OUTER = 'inner=$1; shift; setsid sh -c "$inner" "$@" </dev/null >>"$2" 2>&1 &'
READY_PAUSE_SECONDS = 0.1


@dataclass
class Daemon:
    """One server process.

    :param name: as people call it, such as ``source apiserver``.
    :param command: program and arguments; or a function that returns them, asked when it is started.
    :param log: its output is appended here.
    :param pid_file: see the module's text.
    :param group: the control group that it is put into.
    :param ready: tells whether it serves.
    :param environment: added to ours.
    """

    name: str
    command: Sequence[str] | Callable[[], Sequence[str]]
    log: Path
    pid_file: Path
    group: str
    ready: Callable[[], bool] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def pid(self) -> int | None:
        """The number of the running process, or None."""
        try:
            recorded = self.pid_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        pid = int(recorded.split(" ", 1)[0])
        current = _stat(pid)
        if current is None or _start_time(current) != _start_time(recorded) or _state(current) in "ZX":
            return None
        return pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.pid is not None

    def start(self) -> bool:
        """Start it unless it runs; return whether it was started. Doesn't wait for readiness."""
        if self.running:
            return False
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.unlink(missing_ok=True)
        command = list(self.command() if callable(self.command) else self.command)
        groups = [str(folder) for folder in make_group(self.group)]
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"==== {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {shlex.join(command)}\n")
        subprocess.run(
            [
                "sh",
                "-c",
                _OUTER,
                "start",
                _INNER,
                str(self.pid_file),
                str(self.log),
                str(len(groups)),
                *groups,
                *command,
            ],
            check=True,
            env={**os.environ, **self.environment},
        )
        deadline = time.monotonic() + 60
        while not self.pid_file.exists():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} didn't start\n{self.last_lines()}")
            time.sleep(0.005)
        return True

    def wait_ready(self, timeout_seconds: float = 180.0) -> None:
        """Wait until it serves.

        :raises LabError: it died, or doesn't serve in time; the message ends with its last log lines.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            if not self.running:
                raise LabError(f"{self.name} ended while starting; log: {self.log}\n{self.last_lines()}")
            if self.ready is None or self.ready():
                return
            if time.monotonic() > deadline:
                raise LabError(
                    f"{self.name} isn't ready after {timeout_seconds:.0f} s; log: {self.log}\n"
                    f"{self.last_lines()}"
                )
            time.sleep(READY_PAUSE_SECONDS)

    def stop(self, *, hard: bool = False, timeout_seconds: float = 15.0) -> bool:
        """Stop it and wait until it is gone; return whether it ran.

        :param hard: kill it without a chance to tidy up, as a crash would.
        """
        pid = self.pid
        if pid is None:
            return False
        patience = time.monotonic() + timeout_seconds
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if hard else signal.SIGTERM)
        while self.running:
            if time.monotonic() > patience:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        self.pid_file.unlink(missing_ok=True)
        return True

    def last_lines(self, count: int = 15) -> str:
        """Return the end of its log."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-count:])


def _stat(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None


def _fields(stat: str) -> list[str]:
    return stat.rsplit(")", 1)[1].split()  # the program's name in parentheses may hold anything


def _state(stat: str) -> str:
    return _fields(stat)[0]


def _start_time(stat: str) -> str:
    return _fields(stat)[19]
