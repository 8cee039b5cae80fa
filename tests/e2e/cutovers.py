"""Cutovers of the demo's shop with something going wrong, each taken back so that the next one can follow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil  # type: ignore[import-untyped]
from kubernetes.client.exceptions import ApiException

from tests.demo import checks
from tests.demo.airflow_api import AirflowApi, Question, Run, RunFailedError, go_ahead
from tests.demo.scenario import Scenario
from tests.demo.shop import deployment
from tests.demo.shop.deployment import SOURCE_NAMESPACE, TARGET_NAMESPACE
from tests.lab import Lab
from tests.lab.readiness import wait_until

DAG_ID = "shop.cutover"
Mishap = Callable[["Cutovers"], None]


@dataclass(frozen=True)
class Ended:
    """How a cutover ended.

    :param run: the DAG run
    :param states: the last state of each task
    :param questions: what failed steps asked, in order
    :param orders: how many acknowledged orders were found in the target when it asked how to end
    """

    run: Run
    states: Mapping[str, str]
    questions: Sequence[Question]
    orders: int


@dataclass
class Cutovers:
    """The shop's Airflow and clusters.

    :param scenario: the shop is open in the source, and a restore point is in the vault
    """

    scenario: Scenario
    run_id: str = ""
    done: list[Ended] = field(default_factory=list)

    @property
    def lab(self) -> Lab:
        """The lab below."""
        assert self.scenario.ground.lab is not None
        return self.scenario.ground.lab

    def run(
        self,
        at: Mapping[str, Mishap] | None = None,
        *,
        answers: Sequence[str] = (),
        end: str = "Roll back",
        mend: Mishap = lambda _: None,
        seconds: float = 900,
    ) -> Ended:
        """Cut over, let things go wrong, and follow the run to its end.

        :param at: what happens when a task is first seen running
        :param answers: to the questions of failed steps, in order; one more question is a failure
        :param end: answer to the question how the cutover ends
        :param mend: called before a question of a failed step is answered
        """
        waiting, threads, errors = dict(at or {}), list[threading.Thread](), list[BaseException]()
        questions, states, left = list[Question](), dict[str, str](), list(answers)
        orders = 0

        def watch(told: dict[str, str]) -> None:
            states.update(told)
            for task in [task for task in waiting if told.get(task) in {"running", "deferred"}]:
                mishap = waiting.pop(task)
                threads.append(threading.Thread(target=guarded, args=(mishap,), name=task))
                threads[-1].start()

        def guarded(mishap: Mishap) -> None:
            try:
                mishap(self)
            except BaseException as error:  # noqa: BLE001 - told by the test's own thread
                errors.append(error)

        def answer(question: Question) -> str:
            nonlocal orders
            if question.task_id == "finish":
                orders = self.check_orders()
                return end
            if "Retry" not in question.options and "Roll back" not in question.options:
                return go_ahead(question)
            questions.append(question)
            if not left:
                raise RunFailedError(f"{question.subject}\n{question.body}")
            mend(self)
            return left.pop(0)

        with self.scenario.airflow.api() as api:
            api.wait_for_dag(DAG_ID)
            self.run_id = api.trigger(DAG_ID)
            run = api.wait(DAG_ID, self.run_id, answer=answer, watch=watch, seconds=seconds)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        assert not waiting, f"never came to {', '.join(waiting)}: {states}"
        self.done.append(Ended(run, states, questions, orders))
        return self.done[-1]

    def api(self) -> AirflowApi:
        """Return a client of Airflow."""
        return self.scenario.airflow.api()

    def check_orders(self) -> int:
        """Check that the target has every order that was acknowledged in the source; return how many."""
        entries = [one for one in self.scenario.entries() if one.namespace == SOURCE_NAMESPACE]
        return checks.check_orders(
            entries, checks.stored_orders(self.scenario.ground.target, TARGET_NAMESPACE)
        )

    def check_back(self) -> None:
        """Check that the source serves as before, and that the target holds nothing of the plan."""
        source, target = self.scenario.ground.source, self.scenario.ground.target
        deployment.await_ready(source, SOURCE_NAMESPACE, self.scenario.progress, seconds=120)
        self.check_trading()
        entries = [one for one in self.scenario.entries() if one.namespace == SOURCE_NAMESPACE]
        # Some orders arrive while the table is read.
        stored = checks.stored_orders(source, SOURCE_NAMESPACE)
        checks.check_orders(entries[:-5], stored)
        assert target.labelled("migration-ops.io/plan=shop") == []
        assert TARGET_NAMESPACE not in target.namespaces()

    def check_trading(self) -> None:
        """Check that the source takes orders."""
        seen = self._source_orders()
        self.scenario.progress.wait_for(
            "the source takes orders", lambda: self._source_orders() > seen, seconds=60
        )

    def _source_orders(self) -> int:
        return sum(entry.namespace == SOURCE_NAMESPACE for entry in self.scenario.entries())


def kill_worker_of(task_id: str) -> Mishap:
    """Return: kill the process that runs a task, as the kernel does when memory is short."""

    def kill(cutovers: Cutovers) -> None:
        with cutovers.api() as api:
            found = [one for one in api.tasks(DAG_ID, cutovers.run_id) if one["task_id"] == task_id]
        title = f"airflow worker -- {found[0]['id']}"
        killed = list[int]()

        def attempt() -> bool:
            for process in psutil.process_iter(["cmdline"]):
                if title in " ".join(process.info["cmdline"] or []):
                    process.kill()
                    killed.append(process.pid)
            return bool(killed)

        wait_until(attempt, f"the worker of {task_id} to be found and killed", 60)
        cutovers.scenario.progress.say(f"  killed the worker of {task_id}: {killed}")

    return kill


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


def api_server_away(cluster: str, seconds: float = 60.0) -> Mishap:
    """Return: stop a cluster's API server for a while."""

    def do(cutovers: Cutovers) -> None:
        there = cutovers.lab.cluster(cluster)
        there.stop("apiserver", hard=True)
        cutovers.scenario.progress.say(f"  the API server of {cluster} is away for {seconds:.0f} s")
        time.sleep(seconds)
        there.start("apiserver")

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
        there = cutovers.lab.cluster(cluster)
        kube = {"source": cutovers.scenario.ground.source, "target": cutovers.scenario.ground.target}[cluster]
        there.stop("kubelet", hard=True)
        wait_until(lambda: not kube.node_is_ready(), f"the node of {cluster} to be not ready", 120)
        cutovers.scenario.progress.say(f"  the node of {cluster} is not ready")
        time.sleep(20)
        there.start("kubelet")

    return do


def mover_deleted(cluster: str, action: str) -> Mishap:
    """Return: delete the pod of a mover as soon as there is one."""

    def do(cutovers: Cutovers) -> None:
        kube = {"source": cutovers.scenario.ground.source, "target": cutovers.scenario.ground.target}[cluster]
        gone = list[str]()

        def attempt() -> bool:
            found = kube.core.list_pod_for_all_namespaces(
                label_selector=f"migration-ops.io/mover=true,migration-ops.io/action={action}"
            )
            for pod in found.items[:1]:
                name: Any = pod.metadata.name
                try:
                    kube.core.delete_namespaced_pod(name, pod.metadata.namespace, grace_period_seconds=0)
                except ApiException:
                    return False
                gone.append(name)
            return bool(gone)

        wait_until(attempt, f"a mover of {action} to be there and be deleted", 60)
        cutovers.scenario.progress.say(f"  deleted the mover's pod {gone[0]}")

    return do


def web_answers(replicas: int) -> Mishap:
    """Return: scale the target's web tier, so that the plan's probes fail or pass."""

    def do(cutovers: Cutovers) -> None:
        target = cutovers.scenario.ground.target
        target.apps.patch_namespaced_deployment_scale(
            "web", TARGET_NAMESPACE, {"spec": {"replicas": replicas}}
        )
        cutovers.scenario.progress.say(f"  the target's web tier has {replicas} replicas")

    return do
