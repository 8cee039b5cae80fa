"""Clients of a cluster's API that leave no connection open."""

from __future__ import annotations

from pathlib import Path

from kubernetes import client, config


class ClosingClient(client.ApiClient):  # type: ignore[misc]  # the package has no types
    """The ``kubernetes`` package's client, but ``close`` closes its connections too."""

    def close(self) -> None:
        """Close threads and connections."""
        super().close()
        self.rest_client.pool_manager.clear()


def open_client(kubeconfig: Path) -> ClosingClient:
    """Return a new client of a kubeconfig's current context; close it, or use it as a context manager."""
    settings = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=settings)
    return ClosingClient(settings)
