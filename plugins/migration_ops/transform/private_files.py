"""Files that only their owner reads: manifests hold Secrets, and reports tell of whole clusters."""

from __future__ import annotations

import os
import stat
from pathlib import Path

OF_FILES, OF_FOLDERS = 0o600, 0o700


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, also where it was there already.

    :param path: the file.
    :param content: what it holds then.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OF_FILES)
    with os.fdopen(descriptor, "wb") as file:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # /dev/null stays everybody's
            os.fchmod(descriptor, OF_FILES)
        file.write(content)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it, for their owner alone; those that are there stay as they are.

    :param folder: the folder.
    """
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(mode=OF_FOLDERS, exist_ok=True)
