"""How much a backup has before it, for its progress alone.

Sizes are looked up beside the backup, from the first report on, so that short ones don't pay for it, and with
bounded effort: a volume of millions of files is expected to be as large as its parent, and goes without a
percentage if it has none, sooner than it pays seconds for one.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 1.0
"""How much of a processor the look may take."""

_LOOK_AT_CLOCK_EVERY = 500


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a backup will come to, as far as is known.

    :param size_bytes: none if nobody knows.
    """

    size_bytes: int = 0
    files: int = 0


def look_up(paths: Sequence[Path | str], patience_seconds: float = PATIENCE_SECONDS) -> Expectation:
    """Sum up the sizes of regular files; nothing if that would take too long.

    :param paths: files and folders; what can't be read counts nothing, the backup tells of it.
    :param patience_seconds: of this thread's processor time.
    """
    until, seen, size, files = time.thread_time() + patience_seconds, 0, 0, 0
    folders: list[str | Path] = []
    for path in paths:
        try:
            found = os.stat(path)
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode):
            folders.append(path)
        elif stat.S_ISREG(found.st_mode):
            size, files = size + found.st_size, files + 1
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if seen % _LOOK_AT_CLOCK_EVERY == 0 and time.thread_time() > until:
                        return Expectation()
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        size, files = size + entry.stat(follow_symlinks=False).st_size, files + 1
        except OSError:
            continue
    return Expectation(size, files)
