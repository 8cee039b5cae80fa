"""Two real Kubernetes clusters and a real S3 server on one Debian 12 machine, for the demo and for tests.

``Lab.up()`` brings the lab up and returns it; ``Lab()`` attaches to one that runs. On the command line:
``python -m tests.lab up|down|status``.
"""

from tests.lab.errors import LabError, PreflightError
from tests.lab.lab import Lab
from tests.lab.preflight import preflight

__all__ = ["Lab", "LabError", "PreflightError", "preflight"]
