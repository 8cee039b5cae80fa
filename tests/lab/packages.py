"""The Debian packages of the lab: what is missing is installed, nothing else is touched."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.progress import Progress
from tests.lab.tools import output_of, run_tool

BUILD_PACKAGES = ("golang-1.19-go", "debootstrap")
NODE_PACKAGES = (
    "etcd-server",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iproute2",
    "iptables",
    "conntrack",
)
S3_PACKAGES = ("ceph-mon", "ceph-osd", "radosgw", "ceph-common")
LOCK_PATIENCE = ("-o", "DPkg::Lock::Timeout=600")
# Packages whose services Debian starts by itself where systemd runs; the lab starts its own on other
# addresses.
UNWANTED_SERVICES = ("etcd.service", "containerd.service")


def missing_packages(names: Sequence[str]) -> list[str]:
    """Return those of these packages that aren't installed."""
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${Status}\\n", *names],
        capture_output=True,
        text=True,
        check=False,  # it fails if one of them isn't known, and still lists the others
    )
    installed = {
        line.split()[0] for line in done.stdout.splitlines() if line.endswith(" install ok installed")
    }
    return [name for name in names if name not in installed]


def install_packages(names: Sequence[str], progress: Progress, log: Path) -> None:
    """Install what is missing of these packages.

    :raises LabError: apt failed; the message ends with what it said.
    """
    missing = missing_packages(names)
    if not missing:
        return
    last = [""]
    environment = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}

    def remember(line: str) -> None:
        last[0] = line.strip()[:80]

    def apt(*arguments: str) -> None:
        run_tool(["apt-get", *LOCK_PATIENCE, *arguments], log=log, environment=environment, on_line=remember)

    with progress.step(f"installing Debian packages {' '.join(missing)}", lambda: last[0]), _services_held():
        run_tool(["dpkg", "--configure", "-a"], log=log, environment=environment, on_line=remember)
        try:
            apt("install", "--yes", "--no-install-recommends", *missing)
        except LabError:  # the package lists may be old or missing
            apt("update")
            apt("install", "--yes", "--no-install-recommends", *missing)


class _services_held:  # noqa: N801 - reads as what it does in a with statement
    """Keep systemd, if it runs, from starting the packages' own services while they are installed."""

    def __enter__(self) -> None:
        self._masked = []
        if Path("/run/systemd/system").is_dir():
            self._masked = [name for name in UNWANTED_SERVICES if not _unit_exists(name)]
            if self._masked:
                output_of(["systemctl", "mask", "--runtime", *self._masked])

    def __exit__(self, *_: object) -> None:
        if self._masked:
            output_of(["systemctl", "unmask", "--runtime", *self._masked])


def _unit_exists(name: str) -> bool:
    done = subprocess.run(["systemctl", "cat", name], capture_output=True, check=False)
    return done.returncode == 0


def debian_mirror(codename: str = "bookworm") -> str:
    """Return the address of the package mirror that this machine's apt uses for a Debian release.

    :raises LabError: apt has no such entry.
    """
    wanted = ("Created-By: Packages", f"Codename: {codename}", "Component: main")
    found = output_of(["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted]).split()
    if not found:
        raise LabError(
            f"apt knows no mirror of Debian {codename} main: "
            "add one to /etc/apt/sources.list.d and run apt-get update"
        )
    return found[0]
