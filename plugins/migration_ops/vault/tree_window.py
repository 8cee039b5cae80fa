"""Reading trees from a store that answers slowly: what lies before a tree in its pack comes with it.

A backup stores a folder's tree after those of the folders in it, so the ones that a walk asks for next mostly
lie right before the one that it has. One request brings them all, where each would cost a round trip.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from migration_ops.vault.backend import Backend, FileKind

_WINDOWS = 8  # kept at once


class TreeWindows:
    """The last few pieces of packs that were read.

    :param backend: its ``read_ahead`` says how many bytes a piece may have.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._windows: OrderedDict[tuple[str, int], bytes] = OrderedDict()  # by pack and first byte

    def read(self, pack: str, offset: int, length: int) -> bytes:
        """Read a part of a pack, as :meth:`Backend.read_range` does."""
        end = offset + length
        with self._lock:
            for (name, start), window in self._windows.items():
                if name == pack and start <= offset and end <= start + len(window):
                    self._windows.move_to_end((name, start))
                    return window[offset - start : end - start]
        start = min(offset, max(0, end - self._backend.read_ahead))
        window = bytes(self._backend.read_range(FileKind.PACK, pack, start, end - start))
        with self._lock:
            self._windows[pack, start] = window
            while len(self._windows) > _WINDOWS:
                self._windows.popitem(last=False)
        return window[offset - start :]
