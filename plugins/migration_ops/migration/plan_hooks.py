"""What a plan wants done around a step: commands in the application's containers, changes to its objects."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from migration_ops.cluster import ClusterError, NotFound, ObjectReference, discovery
from migration_ops.cluster.hook_notes import noted_patch, noted_undo, undo_patch
from migration_ops.migration.errors import MigrationError
from migration_ops.migration.pod_exec import find_pod, run_in_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubernetes.client import ApiClient

    from migration_ops.cluster import Cluster
    from migration_ops.migration.plan import Plan
    from migration_ops.migration.plan_quiesce import HookExec, HookPatch

PATIENCE_SECONDS = 60.0

_Done = TypeVar("_Done")


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

    :param namespaces: the plan's namespaces in the source; a command that names none needs exactly one.
    :param say: told of each hook and its outcome.
    :raises MigrationError: if a hook failed that must not.
    """
    for hook in plan.quiesce.hooks:
        if (hook.before if place == "before" else hook.after) != step:
            continue
        if hook.exec is not None:
            name, on_error = f"hook {place} {step} in {hook.exec.pod}", hook.exec.on_error
            problem = _command(hook.exec, cluster, api_client, namespaces, name)
        elif hook.patch is not None:
            name, on_error = (
                f"hook {place} {step} on {hook.patch.kind} {hook.patch.name}",
                hook.patch.on_error,
            )
            problem = _change(hook.patch, cluster, name, noted_for=plan.name if step == "quiesce" else None)
        else:
            continue
        say(f"{name}: {problem or 'done'}")
        if problem and on_error == "fail":
            raise MigrationError(f"{name} failed: {problem}")


def put_back(
    plan: Plan, cluster: Cluster, say: Callable[[str], object], *, patiently: bool = False
) -> list[str]:
    """Undo what patches around the stop changed, as far as the plan's own hooks haven't done it.

    Returns what couldn't be put back and must be: the webhook of an object may be stopped like the rest, so
    that is no reason not to start the source.

    :param say: told of each object and what came of it.
    :param patiently: try each for a minute.
    """
    problems = []
    for patch in [
        one.patch for one in plan.quiesce.hooks if one.patch and "quiesce" in (one.before, one.after)
    ]:
        name = f"{patch.kind} {patch.name} as before its hook"
        attempt = partial(_undo, patch, cluster, plan.name, name)
        try:
            undone = _patiently(attempt) if patiently else attempt()
        except ClusterError as error:
            say(f"{name}: {error}")
            if patch.on_error == "fail":
                problems.append(f"{name}: {error}")
            continue
        if undone:
            say(f"{name}: done")
    return problems


def _undo(patch: HookPatch, cluster: Cluster, plan: str, name: str) -> bool:
    """Put an object back; tell whether there was anything to do."""
    path = _path(patch, cluster)
    if path is None:
        return False
    try:
        undo = noted_undo(cluster.get(path, what=f"read {patch.kind} {patch.name}"), plan)
        if undo is None:
            return False
        cluster.patch(path, undo_patch(undo), what=name)
    except NotFound:
        return False
    return True


def _command(
    wanted: HookExec, cluster: Cluster, api_client: ApiClient, namespaces: Sequence[str], name: str
) -> str:
    """What went wrong; nothing if all went well."""
    namespace = wanted.namespace or (namespaces[0] if len(namespaces) == 1 else None)
    if namespace is None:
        raise MigrationError(f"{name} names no namespace and the plan has several; name one")

    def run() -> tuple[int, str]:
        return run_in_pod(
            api_client,
            namespace,
            find_pod(cluster, namespace, wanted.pod),
            wanted.command,
            container=wanted.container,
            timeout_seconds=wanted.timeout.total_seconds(),
        )

    try:
        code, output = _patiently(run)
    except (MigrationError, ClusterError) as error:
        return str(error)
    return f"exit code {code}: {output.strip()[-500:]}" if code else ""


def _change(wanted: HookPatch, cluster: Cluster, name: str, *, noted_for: str | None) -> str:
    """What went wrong; nothing if all went well.

    :param noted_for: the plan for which it is written on the object what it was, so that it comes to the
        target like that. Not on Secrets, whose content no annotation may hold.
    """
    path = _path(wanted, cluster)
    if path is None:
        return f"{cluster.name} serves no {wanted.kind} of {wanted.api_version}"

    def change() -> None:
        merge = wanted.merge
        if noted_for is not None and wanted.kind != "Secret":
            merge = noted_patch(cluster.get(path, what=name), merge, noted_for)
        cluster.patch(path, merge, what=name)

    try:
        _patiently(change)
    except ClusterError as error:
        return str(error)
    return ""


def _path(wanted: HookPatch, cluster: Cluster) -> str | None:
    """Where the object is; nothing if its kind isn't served."""
    metadata = {"name": wanted.name, "namespace": wanted.namespace}
    reference = ObjectReference.of(
        {"apiVersion": wanted.api_version, "kind": wanted.kind, "metadata": metadata}
    )
    resource = discovery(cluster).for_object(reference)
    return None if resource is None else resource.path(wanted.namespace, wanted.name)


def _patiently(attempt: Callable[[], _Done]) -> _Done:
    """Try again what a node, a webhook or a server refuses that is away for a moment.

    A command that has begun is never begun again.
    """
    return Retrying(
        retry=retry_if_exception(_has_not_begun),
        wait=wait_fixed(2),
        stop=stop_after_delay(PATIENCE_SECONDS),
        reraise=True,
    )(attempt)


def _has_not_begun(error: BaseException) -> bool:
    from kubernetes.client.exceptions import ApiException

    if isinstance(error, ClusterError):
        return error.retryable
    if not isinstance(error, MigrationError):
        return False
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ApiException):
        cause = cause.__cause__
    # A right, a pod or a container that is missing stays so.
    return isinstance(cause, ApiException) and not re.search(r"Handshake status 4\d\d", str(cause.reason))
