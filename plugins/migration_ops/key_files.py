"""Removes the key files that the Kubernetes client leaves behind when a task's process ends.

TLS reads keys and certificates from files only, so the client writes a kubeconfig's into the folder for
temporary files and removes them as Python exits. Airflow ends a task's process without that: a client's
private key would lie there after every task.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    # At run time it keeps the signature that Airflow's specification asks for.
    hookimpl: Callable[[Any], Any]
else:
    from airflow.listeners import hookimpl


@hookimpl
def before_stopping(component: Any) -> None:
    """Remove them when a task's process has done its work; called by Airflow, after everything else.

    :param component: what marks a task's own process; Airflow's long-lived processes still need theirs.
    """
    if type(component).__name__ != "TaskRunnerMarker":
        return
    remove_key_files()


def remove_key_files() -> None:
    """Remove what the Kubernetes client wrote in this process; a later connection writes it anew."""
    for name in ("kubernetes.config.kube_config", "kubernetes_asyncio.config.kube_config"):
        loader = sys.modules.get(name)
        if loader is not None:
            loader._cleanup_temp_files()  # noqa: SLF001 - the clients have no other way to ask for it
