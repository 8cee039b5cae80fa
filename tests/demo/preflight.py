"""Looks, before anything is changed, whether the demo can run here; if not, says why and what else works."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.demo.ground import is_foreign

FREE_BYTES = 8 << 30
MEMORY_BYTES = 6 << 30
FOREIGN = {
    "DEMO_SOURCE_KUBECONFIG": "kubeconfig of the source",
    "DEMO_TARGET_KUBECONFIG": "kubeconfig of the target",
    "DEMO_HOST_ADDRESS": "address of this machine that pods of both clusters reach",
    "DEMO_S3_ENDPOINT": "address of an S3 server that pods and this machine reach",
    "DEMO_S3_ACCESS_KEY": "access key there",
    "DEMO_S3_SECRET_KEY": "secret key there",
}
ALTERNATIVES = """What works instead:
  * two clusters of your own: set DEMO_SOURCE_KUBECONFIG, DEMO_TARGET_KUBECONFIG, DEMO_HOST_ADDRESS,
    DEMO_S3_ENDPOINT, DEMO_S3_ACCESS_KEY and DEMO_S3_SECRET_KEY, and type `make demo` again;
  * Docker: `docker compose up` starts Airflow, an S3 server and two k3s clusters (docker-compose.yaml);
  * `make test-fast`: lint, types and all tests that need no server, on any system."""


class NotHereError(Exception):
    """The demo can't run on this machine; the message says why and what can be done instead."""


def check(environment: Mapping[str, str] = os.environ) -> None:
    """Return if the demo can run.

    :raises NotHereError: with everything that is missing
    """
    missing = _missing_for_foreign(environment) if is_foreign(environment) else _missing_for_lab()
    if missing:
        listed = "\n".join(f"  * {one}" for one in missing)
        raise NotHereError(
            f"The demo can't run here, and nothing was changed. What is missing:\n{listed}\n{ALTERNATIVES}"
        )


def _missing_for_foreign(environment: Mapping[str, str]) -> list[str]:
    missing = [f"{name}: {meaning}" for name, meaning in FOREIGN.items() if not environment.get(name)]
    for name in ("DEMO_SOURCE_KUBECONFIG", "DEMO_TARGET_KUBECONFIG", "DEMO_S3_CA_FILE"):
        path = environment.get(name)
        if path and not Path(path).is_file():
            missing.append(f"{name}: there is no file {path}")
    return missing


def _missing_for_lab() -> list[str]:
    missing = []
    if platform.system() != "Linux":
        return [f"Linux: this is {platform.system()}; the lab's nodes are processes in network namespaces"]
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    if (release.get("ID"), release.get("VERSION_ID")) != ("debian", "12"):
        missing.append(
            f"Debian 12: this is {release.get('PRETTY_NAME', 'unknown')}; the lab is made from its packages"
        )
    if os.geteuid() != 0:
        missing.append(
            "root: nodes need namespaces, mounts and cgroups (run it with sudo, or in a virtual machine)"
        )
    else:
        missing += _missing_for_nodes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < FREE_BYTES:
        missing.append(f"disk: {free >> 30} GiB are free at {existing}, {FREE_BYTES >> 30} GiB are needed")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if memory < MEMORY_BYTES:
        missing.append(f"memory: the machine has {memory >> 30} GiB, {MEMORY_BYTES >> 30} GiB are needed")
    return missing


def _missing_for_nodes() -> list[str]:
    missing = []
    for flags, meaning in (
        ("--net", "network namespaces"),
        ("--mount", "mounts"),
        ("--pid --fork", "process namespaces"),
    ):
        tried = subprocess.run(
            ["unshare", *flags.split(), "true"], capture_output=True, text=True, check=False
        )
        if tried.returncode:
            missing.append(f"{meaning}: `unshare {flags} true` says {tried.stderr.strip()!r}")
    if not os.access("/sys/fs/cgroup", os.W_OK):
        missing.append("cgroups: /sys/fs/cgroup can't be written to")
    if shutil.which("apt-get") is None:
        missing.append("apt-get: the lab's packages are installed with it")
    return missing
