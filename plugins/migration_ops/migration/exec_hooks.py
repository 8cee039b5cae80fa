"""Commands that a plan wants run in the application's own containers around a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from migration_ops.migration.errors import MigrationError
from migration_ops.migration.pod_exec import find_pod, run_in_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubernetes.client import ApiClient

    from migration_ops.cluster import Cluster
    from migration_ops.migration.plan import Plan


def run_hooks(
    plan: Plan,
    cluster: Cluster,
    api_client: ApiClient,
    *,
    place: Literal["before", "after"],
    step: Literal["quiesce", "resume"],
    namespaces: Sequence[str],
    say: Callable[[str], object],
) -> None:
    """Run the plan's hooks of one place, one after the other.

    :param namespaces: the plan's namespaces in the source; a hook that names none needs exactly one.
    :param say: told of each hook and its outcome.
    :raises MigrationError: if a hook failed that must not.
    """
    for hook in plan.quiesce.hooks:
        if (hook.before if place == "before" else hook.after) != step:
            continue
        name = f"hook {place} {step} in {hook.exec.pod}"
        namespace = hook.exec.namespace or (namespaces[0] if len(namespaces) == 1 else None)
        if namespace is None:
            raise MigrationError(f"{name} names no namespace and the plan has several; name one")
        try:
            pod = find_pod(cluster, namespace, hook.exec.pod)
            code, output = run_in_pod(
                api_client,
                namespace,
                pod,
                hook.exec.command,
                container=hook.exec.container,
                timeout_seconds=hook.exec.timeout.total_seconds(),
            )
            problem = f"exit code {code}: {output.strip()[-500:]}" if code else ""
        except MigrationError as error:
            problem = str(error)
        say(f"{name}: {problem or 'done'}")
        if problem and hook.exec.on_error == "fail":
            raise MigrationError(f"{name} failed: {problem}")
