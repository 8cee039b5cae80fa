"""Can this machine run the lab? Looked at, never tried by changing anything that stays."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from tests.lab.cache import cache_root
from tests.lab.cgroups import hierarchies
from tests.lab.image import ARCHITECTURES
from tests.lab.instance import DATA_ROOT, RUN_ROOT

TOOLS = ("apt-get", "dpkg-query", "unshare", "nsenter", "setpriv", "setsid", "mount", "tar", "nice")
FREE_GIGABYTES = 6
FIRST_TIME_GIGABYTES = 10  # with what is downloaded and built
MEMORY_GIGABYTES = 5


def preflight() -> list[str]:
    """Return one sentence for each thing that this machine lacks; an empty list: the lab can run."""
    _complete_path()
    missing = _system()
    if os.geteuid() != 0:
        missing.append("root: the lab makes network namespaces, mounts and control groups; run it with sudo")
    missing += [
        f"the program {tool}: it comes with every Debian 12" for tool in TOOLS if not shutil.which(tool)
    ]
    if not missing:  # without root or the tools, trying them would only say the same again
        missing += _kernel()
    return missing + _room()


def _complete_path() -> None:
    """Let programs of the system be found even where `su` has kept a user's PATH."""
    folders = os.environ.get("PATH", "").split(":")
    lacking = [folder for folder in ("/usr/sbin", "/sbin") if folder not in folders]
    os.environ["PATH"] = ":".join([*folders, *lacking])


def _system() -> list[str]:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    release = dict(line.split("=", 1) for line in lines if "=" in line)
    missing = []
    if (release.get("ID", "").strip('"'), release.get("VERSION_ID", "").strip('"')) != ("debian", "12"):
        found = release.get("PRETTY_NAME", platform.system()).strip('"')
        missing.append(f"Debian 12 (this is {found}): the lab is made of its packages")
    if platform.machine() not in ARCHITECTURES:
        missing.append(f"a processor of {' or '.join(ARCHITECTURES)} (this is {platform.machine()})")
    return missing


def _kernel() -> list[str]:
    missing = []
    trial = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private"]
    if _fails([*trial, "mount", "-t", "tmpfs", "none", "/mnt"]):
        missing.append("namespaces and mounts (CAP_SYS_ADMIN): inside a container, give it --privileged")
    elif shutil.which("ip"):
        wires = "ip link add name lab-a type veth peer name lab-b && ip link add name lab-c type bridge"
        if _fails([*trial, "sh", "-c", wires]):
            missing.append("network interfaces of type veth and bridge (kernel modules veth and bridge)")
    if not any(line.split()[-1] == "overlay" for line in _lines("/proc/filesystems")) and _fails(
        ["modprobe", "overlay"]
    ):
        missing.append("the overlay file system (kernel module overlay)")
    trees = hierarchies()
    if not trees:
        missing.append("control groups mounted at /sys/fs/cgroup")
    missing += [f"write access to the control groups at {tree}" for tree in trees if _is_read_only(tree)]
    return missing


def _room() -> list[str]:
    missing = []
    wanted = FREE_GIGABYTES if (cache_root() / "kubernetes").exists() else FIRST_TIME_GIGABYTES
    for folder in {cache_root(), DATA_ROOT, RUN_ROOT.parent}:
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        needed = wanted if folder != RUN_ROOT.parent else 0.1
        if shutil.disk_usage(there).free < needed * 2**30:
            missing.append(f"{needed} GB of free disk space in {there}")
    memory = {line.split(":")[0]: int(line.split()[1]) for line in _lines("/proc/meminfo")}
    if memory.get("MemTotal", 0) < MEMORY_GIGABYTES * 2**20 * 0.95:
        missing.append(f"{MEMORY_GIGABYTES} GB of memory")
    return missing


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def _fails(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode != 0
    except (OSError, subprocess.TimeoutExpired):
        return True


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
