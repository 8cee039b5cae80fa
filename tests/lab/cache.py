"""What is made once and kept: under ``${XDG_CACHE_HOME:-~/.cache}/migration-ops``, whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_root() -> Path:
    """Return the folder that survives the lab."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "migration-ops"


def fingerprint(*parts: object) -> str:
    """Return a short name for these inputs of a build."""
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()[:16]


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock among processes; the kernel frees it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build_once(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the cached folder ``kind/key``, made by ``build`` if it isn't there yet.

    ``build`` fills a temporary folder that is renamed at the end, so a kill leaves no half result; what a
    killed one left is deleted by the next. Two processes that need the same thing build it once.

    :param build: is called with the empty folder to fill.
    """
    final = cache_root() / kind / key
    if final.is_dir():
        return final
    with file_lock(cache_root() / kind / f".{key}.lock"):
        if final.is_dir():
            return final
        half = final.with_name(f".{key}.half")
        if half.exists():
            shutil.rmtree(half)
        half.mkdir(parents=True)
        build(half)
        half.rename(final)
    return final
