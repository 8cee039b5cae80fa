"""Imports what tasks need before they are forked, so that none of a downtime's steps has to.

Airflow forks each task from a process that lives long: with the LocalExecutor from the scheduler's. What is
imported there needn't be in every task; the Kubernetes client and its provider alone take a second of
processor time. Airflow calls `on_starting` when such a process begins, before its first fork.
"""

from __future__ import annotations

import logging
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # At run time it keeps the signature that Airflow's specification asks for.
    hookimpl: Callable[[Any], Any]
else:
    from airflow.listeners import hookimpl

log = logging.getLogger(__name__)

PACKAGES = (
    "migration_ops.operators",
    "migration_ops.hooks",
    "migration_ops.cluster",
    "migration_ops.migration",
    "migration_ops.mover",
    "migration_ops.transform",
    "migration_ops.vault",
)
OF_OTHERS = ("airflow.providers.amazon.aws.hooks.base_aws", "boto3", "kubernetes.stream")
"""What those modules import only where they use it."""


@hookimpl
def on_starting(component: Any) -> None:
    """Import everything when a scheduler, DAG processor or triggerer starts; called by Airflow.

    :param component: an Airflow `Job`, or what marks a task's own process, where it is too late.
    """
    if type(component).__name__ != "Job":
        return
    try:
        preload()
    except Exception:
        log.exception("What tasks import could not be imported ahead; each will tell the same")


def preload() -> None:
    """Import every module that a task may need; a second call does nothing.

    Celery's workers aren't announced by Airflow: let `airflow_local_settings` call it there.

    :raises ImportError: if one cannot be imported.
    """
    for name in (*_modules(), *OF_OTHERS):
        import_module(name)


def _modules() -> Iterator[str]:
    for name in PACKAGES:
        package = import_module(name)
        yield name
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            last = found.name.rpartition(".")[2]
            if not last.endswith(("cli", "__main__")) and not last.startswith("cli"):
                yield found.name
