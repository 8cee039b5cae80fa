"""Two real Kubernetes clusters and a real S3 server on one Debian 12 machine, for the demo and for tests.

``Lab.up()`` brings the lab up and returns it; ``Lab()`` attaches to one that runs. On the command line:
``python -m tests.lab up|down|status``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.errors import LabError, PreflightError
from tests.lab.preflight import preflight

if TYPE_CHECKING:
    from tests.lab.lab import Lab

__all__ = ["Lab", "LabError", "PreflightError", "preflight"]


def __getattr__(name: str) -> Any:
    """Import the lab itself when it is asked for: `preflight` must run before anything is installed."""
    if name != "Lab":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from tests.lab.lab import Lab

    return Lab
