"""What can go wrong during a cutover, done on purpose: to workers, Airflow, clusters, S3, the application."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from migration_ops.mover.names import SPEC_LABEL
from tests.demo.kube import Kube
from tests.demo.scenario import Scenario
from tests.demo.shop.deployment import SOURCE_NAMESPACE, TARGET_NAMESPACE
from tests.lab.readiness import wait_until

if TYPE_CHECKING:
    from tests.e2e.cutovers import Cutovers

Mishap = Callable[["Cutovers"], None]
PATIENCE_SECONDS = 300.0
"""Bounds every wait for something that must come: generous, as the machine may be busy with other tests."""


def kill_worker_of(task_id: str) -> Mishap:
    """Return: kill the process that runs a task, as the kernel does when memory is short.

    Where a step's work shows in the clusters, it is killed in the middle of that.
    """

    def kill(cutovers: Cutovers) -> None:
        with cutovers.api() as api:
            tasks = api.tasks("shop.cutover", cutovers.run_id)
        found = [one for one in tasks if one["task_id"] == task_id]
        title = f"airflow worker -- {found[0]['id']}"
        killed = list[int]()
        if task_id in _IN_THE_MIDDLE:
            middle = _IN_THE_MIDDLE[task_id]
            wait_until(lambda: middle(cutovers.scenario), f"work of {task_id} to show", PATIENCE_SECONDS)

        def attempt() -> bool:
            for process in psutil.process_iter(["cmdline"]):
                if title in " ".join(process.info["cmdline"] or []):
                    process.kill()
                    killed.append(process.pid)
            return bool(killed)

        wait_until(attempt, f"worker of {task_id} to be found and killed", 60)
        cutovers.scenario.progress.say(f"  killed the worker of {task_id}: {killed}")

    return kill


def _selector(action: str) -> str:
    return f"migration-ops.io/mover=true,migration-ops.io/action={action}"


def _has_begun_moving(kube: Kube, action: str) -> bool:
    """Jobs stay until their step is done; those of movers that stand by are marked with their order."""
    found = client.BatchV1Api(kube.api).list_job_for_all_namespaces(label_selector=_selector(action))
    return any(
        job.spec.template.spec.containers[0].args[0] != "standby"
        or job.metadata.labels[SPEC_LABEL] != job.spec.template.metadata.labels[SPEC_LABEL]
        for job in found.items
    )


def _movers(kube: Kube, action: str) -> list[Any]:
    """The movers' pods that haven't ended."""
    found = kube.core.list_pod_for_all_namespaces(label_selector=_selector(action))
    return [pod for pod in found.items if pod.status.phase in {"Pending", "Running"}]


def _is_stopping(scenario: Scenario) -> bool:
    writer = scenario.ground.source.apps.read_namespaced_deployment("writer", SOURCE_NAMESPACE)
    return bool(writer.spec.replicas == 0)


def _has_secret(scenario: Scenario) -> bool:
    return scenario.ground.target.read("v1", "Secret", "db-credentials", TARGET_NAMESPACE) is not None


_IN_THE_MIDDLE: dict[str, Callable[[Scenario], bool]] = {
    "quiesce": _is_stopping,
    "final": lambda scenario: _has_begun_moving(scenario.ground.source, "final"),
    "restore": lambda scenario: _has_begun_moving(scenario.ground.target, "restore"),
    "resources": _has_secret,
}
"""What shows that a step's work has begun."""


def restart(*components: str) -> Mishap:
    """Return: stop parts of Airflow, all at once, and start them again."""

    def do(cutovers: Cutovers) -> None:
        airflow = cutovers.scenario.airflow
        for name in components:
            airflow.component(name).stop()
        cutovers.scenario.progress.say(f"  stopped {', '.join(components)}")
        for name in components:
            airflow.start_component(name)

    return do


def api_servers_away(*clusters: str, seconds: float = 60.0) -> Mishap:
    """Return: stop the clusters' API servers for a while."""

    def do(cutovers: Cutovers) -> None:
        there = [cutovers.lab.cluster(cluster) for cluster in clusters]
        for one in there:
            one.stop("apiserver", hard=True)
        cutovers.scenario.progress.say(
            f"  the API server of {' and '.join(clusters)} is away for {seconds:.0f} s"
        )
        time.sleep(seconds)
        for one in there:
            one.start("apiserver", wait=False)  # what is under test does the waiting

    return do


def s3_away(seconds: float = 60.0) -> Mishap:
    """Return: stop S3 for a while."""

    def do(cutovers: Cutovers) -> None:
        cutovers.lab.s3.stop(hard=True)
        cutovers.scenario.progress.say(f"  S3 is away for {seconds:.0f} s")
        time.sleep(seconds)
        cutovers.lab.s3.start()

    return do


def kubelet_away(cluster: str) -> Mishap:
    """Return: stop a node's kubelet until the node counts as not ready, and for 20 s more."""

    def do(cutovers: Cutovers) -> None:
        there, kube = cutovers.lab.cluster(cluster), _side(cutovers, cluster)
        there.stop("kubelet", hard=True)
        wait_until(lambda: not kube.node_is_ready(), f"node of {cluster} to be not ready", PATIENCE_SECONDS)
        cutovers.scenario.progress.say(f"  the node of {cluster} is not ready")
        time.sleep(20)
        there.start("kubelet")

    return do


def mover_deleted(cluster: str, action: str) -> Mishap:
    """Return: delete the pod of a mover that works, as soon as there is one.

    A mover may be done in a second, so this is to begin in the step before.
    """

    def do(cutovers: Cutovers) -> None:
        kube, gone = _side(cutovers, cluster), list[str]()

        def attempt() -> bool:
            for pod in _movers(kube, action)[:1]:
                name: Any = pod.metadata.name
                try:
                    kube.core.delete_namespaced_pod(name, pod.metadata.namespace, grace_period_seconds=0)
                except ApiException:
                    return False
                gone.append(name)
            return bool(gone)

        wait_until(attempt, f"mover of {action} to be there and be deleted", PATIENCE_SECONDS)
        cutovers.scenario.progress.say(f"  deleted the mover's pod {gone[0]}")

    return do


def web_answers(replicas: int) -> Mishap:
    """Return: scale the target's web tier, so that the plan's probes fail or pass.

    To let them fail it is to begin while resources are applied: long before the first probe.
    """

    def do(cutovers: Cutovers) -> None:
        apps = cutovers.scenario.ground.target.apps

        def is_there() -> bool:
            found = apps.list_namespaced_deployment(TARGET_NAMESPACE, field_selector="metadata.name=web")
            return bool(found.items)

        def answers() -> bool:
            ready = apps.read_namespaced_deployment("web", TARGET_NAMESPACE).status.ready_replicas or 0
            return bool(ready >= replicas if replicas else ready == 0)

        wait_until(is_there, "target's web tier to be made", PATIENCE_SECONDS)
        apps.patch_namespaced_deployment_scale("web", TARGET_NAMESPACE, {"spec": {"replicas": replicas}})
        wait_until(answers, f"target's web tier to have {replicas} ready pods", PATIENCE_SECONDS)
        cutovers.scenario.progress.say(f"  the target's web tier has {replicas} replicas")

    return do


def _side(cutovers: Cutovers, cluster: str) -> Kube:
    ground = cutovers.scenario.ground
    return {"source": ground.source, "target": ground.target}[cluster]
