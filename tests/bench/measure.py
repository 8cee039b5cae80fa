"""Running a program and measuring it: wall, CPU and peak memory of the whole process tree."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
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


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path | None = None
) -> Measurement:
    """Run a program.

    :raises RuntimeError: if it fails, with what it said.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [*map(str, command)], env={**os.environ, **environment}, cwd=cwd,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    process.stdout.close()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed: {said.decode()[-2000:]}")
    return Measurement(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


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


def settle() -> None:
    """Let the disk finish what earlier runs left to it."""
    os.sync()


def raise_file_limit() -> None:
    """Let programs open as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
