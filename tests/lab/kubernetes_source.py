"""Debian's source package of Kubernetes: its version, and its tree unpacked.

The machine's own apt configuration stays as it is: a sources list and package lists of our own are used beside it.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.packages import debian_mirror
from tests.lab.tools import output_of, run_tool

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


def unpack_kubernetes(folder: Path, tree: Path, log: Path) -> None:
    """Unpack the downloaded original tarball into a folder that isn't there yet.

    Debian's patches change only the client's printing and tests, so the servers are those of the tarball.
    """
    tarball = next(folder.glob("kubernetes_*.orig.tar.gz"))
    tree.mkdir(parents=True)
    run_tool(["tar", "--extract", "--file", tarball, "--strip-components=1", "--directory", tree], log=log)
