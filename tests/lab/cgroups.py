"""The control groups of a lab: every process it ever started is in them, so none can be lost.

Works with cgroup v1 (each controller its own tree), v2 (one tree), and the mixture of both.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.lab.errors import LabError

ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Return the mounted control group trees."""
    found = []
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"}:
            found.append(Path(where))
    return found


def is_unified() -> bool:
    """Tell whether this machine has cgroup v2 only."""
    return (ROOT / "cgroup.controllers").exists()


def make_group(name: str) -> list[Path]:
    """Make a control group (``lab`` or ``lab/part``) in every tree and return its folders."""
    made = []
    for tree in hierarchies():
        folder = tree
        for part in name.split("/"):
            _delegate(folder)
            folder /= part
            folder.mkdir(exist_ok=True)
            _copy_cpuset(folder)
        made.append(folder)
    return made


def _delegate(parent: Path) -> None:
    """In v2 a child only gets the controllers that its parent hands down."""
    controllers = parent / "cgroup.controllers"
    if controllers.exists():
        for controller in controllers.read_text(encoding="ascii").split():
            with suppress(OSError):  # one that can't be handed down is one the kubelet does without
                (parent / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def _copy_cpuset(folder: Path) -> None:
    """In v1 a new cpuset has no processors, and nothing can be started in it."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        own, above = folder / name, folder.parent / name
        if not own.exists() or (folder / "cgroup.controllers").exists():
            continue
        if not own.read_text(encoding="ascii").strip():
            own.write_text(above.read_text(encoding="ascii"), encoding="ascii")


def _folders(name: str) -> Iterator[Path]:
    """Yield the group's folders in every tree, children first."""
    for tree in hierarchies():
        top = tree / name
        for folder, _, _ in os.walk(top, topdown=False):
            yield Path(folder)


def pids_in(name: str) -> set[int]:
    """Return every process in a control group and below it, in any tree."""
    found: set[int] = set()
    for folder in _folders(name):
        with suppress(OSError):
            found |= {int(line) for line in (folder / "cgroup.procs").read_text(encoding="ascii").split()}
    return found - {0}


def kill_group(name: str, timeout_seconds: float = 60.0) -> int:
    """Kill every process in a control group, wait until they are gone, and return how many there were.

    :raises LabError: some can't be killed.
    """
    seen: set[int] = set()
    deadline = time.monotonic() + timeout_seconds
    while left := pids_in(name):
        seen |= left
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise LabError(f"processes {sorted(left)} of {name} don't die; look at /proc/PID/stack")
        time.sleep(0.02)
    return len(seen)


def remove_group(name: str) -> None:
    """Remove an empty control group from every tree."""
    for folder in _folders(name):
        for _ in range(50):
            try:
                folder.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.02)  # the kernel frees a group a moment after its last process
            else:
                break


def groups_like(prefix: str) -> list[str]:
    """Return the names of top-level groups with this prefix, in any tree."""
    return sorted(
        {entry.name for tree in hierarchies() for entry in tree.glob(f"{prefix}*") if entry.is_dir()}
    )
