"""Work that is begun before its result is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Ahead(Generic[Result]):
    """One piece of work in a thread of its own.

    Nobody has to wait for it: the thread ends with the process.

    :param work: may be done twice: if it fails ahead, it is done again when its result is wanted.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._results = list[Result]()
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except Exception:  # noqa: BLE001 - it is raised when it happens again, to somebody who can handle it
            return

    def result(self) -> Result:
        """Wait for the result; whatever the work raises is raised here."""
        self._thread.join()
        return self._results[0] if self._results else self._work()
