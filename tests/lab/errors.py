"""What goes wrong in the lab, by meaning.

* ``LabError``: a step of the lab failed; the message names the step, the reason and where to read more.

  * ``PreflightError``: this machine can't run the lab; nothing was changed.
"""

from __future__ import annotations

from collections.abc import Sequence


class LabError(Exception):
    """A step of the lab failed."""


class PreflightError(LabError):
    """This machine can't run the lab.

    :param missing: one sentence for each thing that is missing.
    """

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = list(missing)
        listing = "\n".join(f"  - {item}" for item in missing)
        super().__init__(f"this machine can't run the lab; nothing was changed. Missing:\n{listing}")
