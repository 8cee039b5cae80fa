"""The root of every image, Debian bookworm with Python, and Debian packages on top of it as layers."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.cache import build_once, fingerprint
from tests.lab.layers import Layer, add_tree, read_layer, write_layer
from tests.lab.packages import debian_mirror
from tests.lab.progress import Progress
from tests.lab.tools import run_tool

BASE_PACKAGES = ("python3", "ca-certificates")
SUITE = "bookworm"
REVISION = 1  # raise to have it made anew
# Never needed in a container: half of the base's size.
LEFT_OUT = (
    *("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian"),
    *(
        "var/cache/apt",
        "var/lib/apt/lists",
        "var/cache/debconf",
        "var/log",
        "etc/resolv.conf",
        "etc/hostname",
    ),
    *("dev", "proc", "sys", "run", "tmp", "var/tmp", "deb", "usr/sbin/policy-rc.d"),
)
EMPTY_FOLDERS = {
    "dev": 0o755,
    "proc": 0o555,
    "sys": 0o555,
    "run": 0o755,
    "tmp": 0o1777,
    "var/tmp": 0o1777,
    "var/log": 0o755,
}
# Runs in a mount namespace of its own. $1 base root, $2 work folder, $3 folder of downloaded packages.
_INSTALL_SCRIPT = """
set -e
mkdir -p "$2/upper" "$2/work" "$2/merged"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"
mkdir -p "$2/merged/deb"
mount --bind "$3" "$2/merged/deb"
mount -t proc proc "$2/merged/proc"
mount --rbind /dev "$2/merged/dev"
printf '#!/bin/sh\\nexit 101\\n' >"$2/merged/usr/sbin/policy-rc.d"
chmod 755 "$2/merged/usr/sbin/policy-rc.d"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
chroot "$2/merged" sh -c 'dpkg --unpack --force-unsafe-io /deb/*.deb && dpkg --configure -a --force-unsafe-io'
rm -f "$2/merged/usr/sbin/policy-rc.d"
"""


def base_folder(progress: Progress, log: Path) -> Path:
    """Return the cached folder with ``root`` (the tree) and ``layer.tar``, made by debootstrap if need be."""

    def build(folder: Path) -> None:
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", SUITE]
        last = [""]

        def remember(line: str) -> None:
            last[0] = line.strip()[:60]

        with progress.step("making the base image with debootstrap", lambda: last[0]):
            run_tool(
                [*command, folder / "root", debian_mirror(SUITE)], log=log, isolated=True, on_line=remember
            )
            write_layer(folder / "layer.tar", lambda tar: _add_base(tar, folder / "root"))

    return build_once("base", f"{SUITE}-{fingerprint(*BASE_PACKAGES, *LEFT_OUT, REVISION)}", build)


def base_layer(progress: Progress, log: Path) -> Layer:
    """Return the layer with Debian and Python."""
    return read_layer(base_folder(progress, log) / "layer.tar")


def packages_layer(packages: Sequence[str], progress: Progress, log: Path) -> Layer:
    """Return a layer that adds Debian packages to the base.

    The machine's apt downloads what the base lacks, with its own mirrors and proxies; the packages are
    installed without network in a chroot, on an overlay whose changes become the layer.
    """
    base = base_folder(progress, log)
    wanted = sorted(set(packages))

    def build(folder: Path) -> None:
        work, archives = folder / "overlay", folder / "archives"
        (archives / "partial").mkdir(parents=True)
        download = [
            *("apt-get", "install", "--yes", "--download-only", "--no-install-recommends"),
            *("-o", f"Dir::State::Status={base / 'root/var/lib/dpkg/status'}", "-o", "Debug::NoLocking=1"),
            *("-o", f"Dir::Cache::Archives={archives}", "-o", "APT::Sandbox::User=root"),
            *("-o", f"Dir::State::Extended_States={folder / 'extended-states'}", *wanted),
        ]
        with progress.step(f"adding {' '.join(wanted)} to the base image"):
            run_tool(download, log=log)
            where = (str(base / "root"), str(work), str(archives))
            script = ["sh", "-c", _INSTALL_SCRIPT, "install", *where]
            run_tool(script, log=log, isolated=True)
            write_layer(
                folder / "layer.tar", lambda tar: add_tree(tar, work / "upper", left_out=_is_left_out)
            )
            run_tool(["rm", "-rf", work, archives], log=log)

    key = fingerprint(base.name, *wanted)
    return read_layer(build_once("layers", f"packages-{key}", build) / "layer.tar")


def _is_left_out(path: str) -> bool:
    return path in LEFT_OUT


def _add_base(tar: tarfile.TarFile, root: Path) -> None:
    add_tree(tar, root, left_out=_is_left_out)
    for name, mode in EMPTY_FOLDERS.items():
        member = tar.gettarinfo(root, name)
        member.mode = mode
        tar.addfile(member)
