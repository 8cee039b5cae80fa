"""Running a program and measuring it: wall, CPU and peak memory of the whole process tree."""

from __future__ import annotations

import ast
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measurement:
    """One run.

    :param memory: peak resident bytes of the largest process.
    """

    wall: float
    cpu: float
    memory: int


# A small process between this one and the program: peak memory is handed down to what a process starts.
_STARTER = """
import os, sys, time
began = time.monotonic()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
figures = time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
os.write(int(sys.argv[1]), repr(figures).encode())
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path | None = None
) -> Measurement:
    """Run a program.

    :raises RuntimeError: if it fails, with what it said.
    """
    reader, writer = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _STARTER, str(writer), *map(str, command)],
            env={**_own_environment(), **environment}, cwd=cwd, pass_fds=(writer,), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))} failed: {done.stdout.decode()[-2000:]}")
        wall, cpu, memory = ast.literal_eval(os.read(reader, 1000).decode())
    finally:
        os.close(reader)
        os.close(writer)
    return Measurement(wall, cpu, memory)


def _own_environment() -> dict[str, str]:
    """This process's, in which Python programs keep their byte code, as they do where they are installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def median(measurements: Sequence[Measurement]) -> Measurement:
    """The median of each figure."""
    return Measurement(
        statistics.median(each.wall for each in measurements),
        statistics.median(each.cpu for each in measurements),
        max(each.memory for each in measurements),
    )


def alternate(programs: Mapping[str, Callable[[], Measurement]], rounds: int) -> dict[str, list[Measurement]]:
    """Let programs take turns, so that a busy machine is unfair to none."""
    found: dict[str, list[Measurement]] = {name: [] for name in programs}
    for number in range(rounds):
        names = list(programs)
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(programs[name]())
    return found


def stored_bytes(folder: Path) -> int:
    """Bytes of all files of a repository."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def is_in_memory(folder: Path) -> bool:
    """Whether a folder lies in a file system in memory."""
    kind = subprocess.run(
        ["stat", "--file-system", "--format=%T", folder], check=True, capture_output=True, text=True
    )
    return kind.stdout.strip() in ("tmpfs", "ramfs")


def settle() -> None:
    """Let the disk finish what earlier runs left to it."""
    os.sync()


def raise_file_limit() -> None:
    """Let programs open as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
