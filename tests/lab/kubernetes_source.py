"""Debian's source package of Kubernetes: its version, and its tree unpacked.

The machine's own apt configuration stays as it is: a sources list and package lists of our own are used
beside it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.packages import debian_mirror
from tests.lab.tools import output_of, run_tool

REFLECTION = "golang-github-modern-go-reflect2-dev"
REFLECTION_PATH = "github.com/modern-go/reflect2"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def write_source_list(folder: Path) -> list[str]:
    """Write a sources list for bookworm's source packages and return apt's options that use it."""
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    entry = f"deb-src [signed-by={KEYRING}] {debian_mirror()} bookworm main\n"
    (folder / "source.list").write_text(entry, encoding="utf-8")
    return [
        *("-o", f"Dir::Etc::sourcelist={folder / 'source.list'}"),
        *("-o", "Dir::Etc::sourceparts=/nonexistent"),
        *("-o", f"Dir::State::Lists={folder / 'lists'}"),
        *("-o", "APT::Sandbox::User=root"),  # our folders needn't be open to apt's own user
    ]


def download_kubernetes(folder: Path, log: Path) -> str:
    """Download the source package into a folder and return its Debian version.

    :raises LabError: no mirror has it.
    """
    options = write_source_list(folder)
    run_tool(["apt-get", *options, "update"], log=log)
    shown = output_of(["apt-cache", *options, "showsrc", "--only-source", "kubernetes"])
    found = re.search(r"^Version: (\S+)$", shown, re.MULTILINE)
    if not found:
        raise LabError(f"the mirror {debian_mirror()} has no source package kubernetes in bookworm")
    version = found.group(1)
    command = ["apt-get", *options, "source", "--download-only", f"kubernetes={version}"]
    run_tool(command, log=log, folder=folder)
    return version


def replace_reflection(tree: Path, work: Path, log: Path) -> None:
    """Put Debian's version of the library ``reflect2`` in place of the vendored one.

    The vendored 1.0.1 doesn't know the maps of Go 1.18 and later: an API server that was built with it dies
    of a segmentation fault as soon as somebody makes a custom resource. 1.0.2 is the same library made to
    fit.
    """
    folder = work / "reflect2"
    folder.mkdir(parents=True)
    run_tool(["apt-get", "-o", "APT::Sandbox::User=root", "download", REFLECTION], log=log, folder=folder)
    run_tool(["dpkg-deb", "--extract", next(folder.glob("*.deb")), folder / "tree"], log=log)
    vendored = tree / "vendor" / REFLECTION_PATH
    shutil.rmtree(vendored)
    shutil.copytree(folder / "tree/usr/share/gocode/src" / REFLECTION_PATH, vendored)


def unpack_kubernetes(folder: Path, tree: Path, log: Path) -> None:
    """Unpack the downloaded original tarball into a folder that isn't there yet.

    Debian's patches change only the client's printing and tests, so the servers are those of the tarball.
    """
    tarball = next(folder.glob("kubernetes_*.orig.tar.gz"))
    tree.mkdir(parents=True)
    run_tool(["tar", "--extract", "--file", tarball, "--strip-components=1", "--directory", tree], log=log)
