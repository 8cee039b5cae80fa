"""What the Kubernetes client accepts in a kubeconfig without a word: a login program that gave nothing.

The client logs the program's failure and goes on without credentials; every request would then be refused, or
waited for, for a reason that nobody sees.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from migration_ops.cluster.errors import KubeconfigError

if TYPE_CHECKING:
    from kubernetes.client import Configuration


def require_credentials(
    kubeconfig: Path | str | Mapping[str, Any], context: str | None, settings: Configuration
) -> None:
    """Refuse a kubeconfig whose login program gave no credentials.

    :param kubeconfig: a file's path, or the parsed content; the client has read it already.
    :param context: the context to use; the current one when not given.
    :param settings: what the client made of it.
    :raises KubeconfigError: naming the program and what can be done.
    """
    if settings.api_key or settings.cert_file:
        return
    if isinstance(kubeconfig, Mapping):
        content: Any = kubeconfig
    elif Path(kubeconfig).is_file():
        content = yaml.safe_load(Path(kubeconfig).read_text(encoding="utf-8"))
    else:
        return  # several files in one text: the client merges them
    chosen = context or content.get("current-context")
    user = (_named(content, "contexts", chosen, "context") or {}).get("user")
    program = (_named(content, "users", user, "user") or {}).get("exec")
    if not program:
        return
    command = str(program.get("command"))
    if shutil.which(command) is None:
        said = f"its program {command} is not installed here; install it, or use a kubeconfig with a token"
    else:
        said = f"its program {command} gave no credentials; run it by hand to see why"
    raise KubeconfigError(f"user {user} of the kubeconfig has no credentials: {said}")


def _named(content: Mapping[str, Any], section: str, name: Any, field: str) -> dict[str, Any] | None:
    for entry in content.get(section) or []:
        if entry.get("name") == name:
            found: dict[str, Any] | None = entry.get(field)
            return found
    return None
