"""Debian's restic of this release and its newest one, and its borg, unpacked beside the system.

They are kept under the cache folder. A machine that is not Debian, or has no network, brings them on PATH.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.packages import debian_mirror

RESTIC = "usr/bin/restic"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# borg's packages are Python's of their release, and run with the system's Python if that is of the same one.
BORG_PACKAGES = ("borgbackup", "python3-msgpack", "python3-packaging")
BORG_PYTHON = "/usr/bin/python3"


class ProgramsMissingError(RuntimeError):
    """The program can't be had here; the message says why."""


def cache_folder() -> Path:
    """Where programs are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "migration-ops"


def unpack(suite: str, program: str, packages: Sequence[str]) -> Path:
    """Download and unpack packages, once.

    :param suite: Debian's release.
    :param program: what they bring, below the folder.
    :returns: the folder that holds the program.
    :raises ProgramsMissingError: if apt can't be used.
    """
    cache = cache_folder() / suite
    root = cache / "root"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (root / program).exists():
            return root
        if not shutil.which("apt-get") or not Path(KEYRING).exists():
            raise ProgramsMissingError(
                f"this is no Debian: put {Path(program).name} on PATH (the newest restic as restic-newest)"
            )
        for folder in ("lists/partial", "archives/partial"):
            (cache / folder).mkdir(parents=True, exist_ok=True)
        apt = [
            "apt-get", "-q",
            "-o", f"Dir::Etc::SourceList={cache / 'sources.list'}", "-o", "Dir::Etc::SourceParts=/dev/null",
            "-o", f"Dir::State::Lists={cache / 'lists'}", "-o", f"Dir::Cache={cache}",
            "-o", "APT::Sandbox::User=root",
        ]  # fmt: skip
        try:
            (cache / "sources.list").write_text(f"deb [signed-by={KEYRING}] {debian_mirror()} {suite} main\n")
            subprocess.run([*apt, "update"], check=True, capture_output=True, cwd=cache, timeout=300)
            subprocess.run(
                [*apt, "download", *packages], check=True, capture_output=True, cwd=cache, timeout=300
            )
            for name in packages:
                for package in cache.glob(f"{name}_*.deb"):
                    subprocess.run(["dpkg", "-x", str(package), str(root)], check=True, capture_output=True)
        except (LabError, subprocess.SubprocessError, OSError) as error:
            detail = getattr(error, "stderr", b"") or b""
            raise ProgramsMissingError(
                f"cannot get {', '.join(packages)} from Debian's {suite}: {error} {detail.decode()[-300:]}"
            ) from error
    return root


def newest_restic() -> Path:
    """The newest restic.

    :raises ProgramsMissingError: if there is none to be had.
    """
    own = shutil.which("restic-newest")
    return Path(own) if own else unpack("sid", RESTIC, ["restic"]) / RESTIC


def release_restic() -> Path:
    """The restic of Debian 12, which is years older.

    :raises ProgramsMissingError: if it can't be had.
    """
    return unpack("bookworm", RESTIC, ["restic"]) / RESTIC


def borg() -> tuple[list[str], dict[str, str]]:
    """How to call borg: the system's, or Debian 12's, unpacked beside.

    :returns: the start of the command, and what its environment needs.
    :raises ProgramsMissingError: if it can't be had, or does not run here.
    """
    own = shutil.which("borg")
    if own:
        return [own], {}
    root = unpack("bookworm", "usr/bin/borg", BORG_PACKAGES)
    libraries = root / "usr/lib/python3/dist-packages"
    command, environment = [BORG_PYTHON, str(root / "usr/bin/borg")], {"PYTHONPATH": str(libraries)}
    try:
        # Installed packages have their byte code; unpacked ones have not.
        subprocess.run(
            [BORG_PYTHON, "-m", "compileall", "-q", str(libraries)], check=True, capture_output=True
        )
        subprocess.run([*command, "--version"], env=environment, check=True, capture_output=True)
    except (subprocess.SubprocessError, OSError) as error:
        detail = (getattr(error, "stderr", b"") or b"").decode()[-300:]
        raise ProgramsMissingError(f"Debian 12's borg does not run with {BORG_PYTHON}: {detail}") from error
    return command, environment
