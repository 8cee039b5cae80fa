"""Debian's restic of this release and its newest one, unpacked beside the system; and borg, if it is there.

It is kept under the cache folder. A machine that is not Debian, or has no network, has to bring it on PATH.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.packages import debian_mirror

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGES = ("restic",)


class ProgramsMissingError(RuntimeError):
    """The program can't be had here; the message says why."""


def cache_folder() -> Path:
    """Where programs are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "migration-ops"


def unpack_restic(suite: str) -> Path:
    """Download and unpack the package, once.

    :param suite: Debian's release.
    :returns: the folder that holds ``usr/bin/restic``.
    :raises ProgramsMissingError: if apt can't be used.
    """
    cache = cache_folder() / suite
    root = cache / "root"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (root / "usr/bin/restic").exists():
            return root
        if not shutil.which("apt-get") or not Path(KEYRING).exists():
            raise ProgramsMissingError("this is no Debian: put the newest restic on PATH as restic-newest")
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
                [*apt, "download", *PACKAGES], check=True, capture_output=True, cwd=cache, timeout=300
            )
            for package in cache.glob("*.deb"):
                subprocess.run(["dpkg", "-x", str(package), str(root)], check=True, capture_output=True)
        except (LabError, subprocess.SubprocessError, OSError) as error:
            detail = getattr(error, "stderr", b"") or b""
            raise ProgramsMissingError(
                f"cannot get restic from Debian's {suite}: {error} {detail.decode()[-300:]}"
            ) from error
    return root


def newest_restic() -> Path:
    """The newest restic.

    :raises ProgramsMissingError: if there is none to be had.
    """
    own = shutil.which("restic-newest")
    return Path(own) if own else unpack_restic("sid") / "usr/bin/restic"


def release_restic() -> Path:
    """The restic of Debian 12, which is years older.

    :raises ProgramsMissingError: if it can't be had.
    """
    return unpack_restic("bookworm") / "usr/bin/restic"


def borg() -> str | None:
    """The system's borg: Python programs of another release do not run from beside."""
    return shutil.which("borg")
