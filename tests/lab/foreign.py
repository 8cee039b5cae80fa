"""Two clusters of one's own in the lab's place: what tests need of a cluster, from a kubeconfig."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kubernetes import client

from tests.lab.clients import open_client
from tests.lab.errors import LabError

VARIABLES = {"source": "DEMO_SOURCE_KUBECONFIG", "target": "DEMO_TARGET_KUBECONFIG"}


class AnyCluster(Protocol):
    """What a test may ask of either kind of cluster."""

    @property
    def name(self) -> str:
        """``source`` or ``target``."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""

    def api_client(self) -> client.ApiClient:
        """Return a new client; close it, or use it as a context manager."""

    def start(self, part: str, *, wait: bool = True) -> None:
        """Start one part."""

    def stop(self, part: str, *, hard: bool = False) -> None:
        """Stop one part."""


@dataclass(frozen=True)
class ForeignCluster:
    """A cluster that somebody else runs.

    :param name: ``source`` or ``target``.
    :param kubeconfig: whose current context is used.
    """

    name: str
    kubeconfig: Path

    def api_client(self) -> client.ApiClient:
        """Return a new client; close it, or use it as a context manager."""
        return open_client(self.kubeconfig)

    def start(self, part: str, *, wait: bool = True) -> None:
        """Refuse: only the lab's parts can be started."""
        self._refuse(part)

    def stop(self, part: str, *, hard: bool = False) -> None:
        """Refuse: only the lab's parts can be stopped."""
        self._refuse(part)

    def _refuse(self, part: str) -> None:
        raise LabError(
            f"{self.name} is {self.kubeconfig}, not the lab's: its {part} can't be started or stopped"
        )


def foreign_clusters(environment: Mapping[str, str] = os.environ) -> dict[str, ForeignCluster]:
    """Return the clusters that the environment names instead of the lab's, both or none.

    :raises LabError: only one is named.
    """
    named = {name: environment[variable] for name, variable in VARIABLES.items() if environment.get(variable)}
    if named and len(named) < len(VARIABLES):
        raise LabError(f"set both or none of {' and '.join(VARIABLES.values())}")
    return {name: ForeignCluster(name, Path(path)) for name, path in named.items()}
