"""Looks, before anything is changed, whether the demo can run here; if not, says why and what else works."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.lab import preflight as lab_preflight

FOREIGN = {
    "DEMO_SOURCE_KUBECONFIG": "kubeconfig of the source",
    "DEMO_TARGET_KUBECONFIG": "kubeconfig of the target",
    "DEMO_HOST_ADDRESS": "address of this machine that pods of both clusters reach",
    "DEMO_S3_ENDPOINT": "address of an S3 server that pods and this machine reach",
    "DEMO_S3_ACCESS_KEY": "access key there",
    "DEMO_S3_SECRET_KEY": "secret key there",
}
ALTERNATIVES = """What works instead:
  * two clusters of your own: set DEMO_SOURCE_KUBECONFIG, DEMO_TARGET_KUBECONFIG, DEMO_HOST_ADDRESS,
    DEMO_S3_ENDPOINT, DEMO_S3_ACCESS_KEY and DEMO_S3_SECRET_KEY, and type `make demo` again;
  * Docker: `docker compose up` starts Airflow, an S3 server and two k3s clusters (docker-compose.yaml);
  * `make test-fast`: lint, types and all tests that need no server, on any system."""


class NotHereError(Exception):
    """The demo can't run on this machine; the message says why and what can be done instead."""


def is_foreign(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether the demo is asked to use clusters of one's own."""
    return "DEMO_SOURCE_KUBECONFIG" in environment or "DEMO_TARGET_KUBECONFIG" in environment


def check(environment: Mapping[str, str] = os.environ) -> None:
    """Return if the demo can run.

    :raises NotHereError: with everything that is missing
    """
    missing = _missing_for_foreign(environment) if is_foreign(environment) else lab_preflight()
    if missing:
        listed = "\n".join(f"  * {one}" for one in missing)
        raise NotHereError(
            f"The demo can't run here, and nothing was changed. What is missing:\n{listed}\n{ALTERNATIVES}"
        )


def _missing_for_foreign(environment: Mapping[str, str]) -> list[str]:
    missing = [f"{name}: {meaning}" for name, meaning in FOREIGN.items() if not environment.get(name)]
    for name in ("DEMO_SOURCE_KUBECONFIG", "DEMO_TARGET_KUBECONFIG", "DEMO_S3_CA_FILE"):
        path = environment.get(name)
        if path and not Path(path).is_file():
            missing.append(f"{name}: there is no file {path}")
    return missing


if __name__ == "__main__":
    try:
        check()
    except NotHereError as reason:
        sys.exit(str(reason))
