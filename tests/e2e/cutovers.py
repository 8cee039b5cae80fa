"""Cutovers of the demo's shop with something going wrong, each taken back so that the next one can follow."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.demo import checks
from tests.demo.airflow_api import AirflowApi, Question, Run, RunFailedError, go_ahead
from tests.demo.scenario import Scenario
from tests.demo.shop import deployment
from tests.demo.shop.deployment import SOURCE_NAMESPACE, TARGET_NAMESPACE
from tests.e2e.mishaps import PATIENCE_SECONDS, Mishap
from tests.lab import Lab

DAG_ID = "shop.cutover"
NOT_BEGUN = {None, "skipped", "upstream_failed", "removed"}


@dataclass(frozen=True)
class Ended:
    """How a cutover ended.

    :param run: the DAG run
    :param states: the last state of each task
    :param questions: what failed steps asked, in order
    :param orders: how many acknowledged orders were found in the target when it asked how to end
    :param forecast: the seconds of downtime that were expected; none if it didn't come to its report
    :param downtime: the seconds that the run reports
    """

    run: Run
    states: Mapping[str, str]
    questions: Sequence[Question]
    orders: int
    forecast: float | None = None
    downtime: float | None = None


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
        seconds: float = 1500,
    ) -> Ended:
        """Cut over, let things go wrong, and follow the run to its end.

        :param at: what happens when a task is first seen to have begun, or in a state: `final deferred`
        :param answers: to the questions of failed steps, in order; one more question is a failure
        :param end: answer to the question how the cutover ends
        :param mend: called before a question of a failed step is answered
        """
        waiting, threads, errors = dict(at or {}), list[threading.Thread](), list[BaseException]()
        questions, states, left = list[Question](), dict[str, str](), list(answers)
        orders = 0

        def watch(told: dict[str, str]) -> None:
            states.update(told)
            for moment in [moment for moment in waiting if _has_come(moment, told)]:
                mishap = waiting.pop(moment)
                threads.append(threading.Thread(target=guarded, args=(mishap,), name=moment))
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
            try:
                run = api.wait(DAG_ID, self.run_id, answer=answer, watch=watch, seconds=seconds)
            finally:
                for thread in threads:
                    thread.join()
            forecast, downtime = self._seconds(api, run, states)
        if errors:
            raise errors[0]
        assert not waiting, f"never came to {', '.join(waiting)}: {states}"
        self.done.append(Ended(run, states, questions, orders, forecast, downtime))
        return self.done[-1]

    def _seconds(
        self, api: AirflowApi, run: Run, states: Mapping[str, str]
    ) -> tuple[float | None, float | None]:
        """Forecast and measured downtime, as the run tells them itself."""
        if states.get("report") != "success":
            return None, None
        forecast = float(api.result(run, "prepare", "forecast_seconds"))
        downtime = float(api.result(run, "report", "downtime_seconds"))
        self.scenario.progress.say(
            f"  {run.run_id}: forecast {forecast:.1f} s, measured {downtime:.1f} s "
            f"({forecast / downtime - 1:+.0%})"
        )
        return forecast, downtime

    def make_ready(self) -> None:
        """Bring the shop back to the source, whatever tests before did with it; empty the target of it."""
        self._end_unfinished_runs()
        target = self.scenario.ground.target
        if TARGET_NAMESPACE in target.namespaces() or target.labelled("migration-ops.io/plan=shop"):
            with self.api() as api:
                api.run("shop.rollback")
        elif not checks.is_open(self.scenario.ground.source):
            self.scenario.resume_source()
        deployment.await_ready(
            self.scenario.ground.source, SOURCE_NAMESPACE, self.scenario.progress, seconds=PATIENCE_SECONDS
        )

    def _end_unfinished_runs(self) -> None:
        """A test that failed may have left a run behind, and a plan has only one cutover at a time."""
        with self.api() as api:
            api.wait_for_dag(DAG_ID)
            for run in api.request("GET", f"/dags/{DAG_ID}/dagRuns", params={"limit": 100})["dag_runs"]:
                if run["state"] in {"queued", "running"}:
                    api.request(
                        "PATCH",
                        f"/dags/{DAG_ID}/dagRuns/{run['dag_run_id']}",
                        json={"state": "failed"},
                        params={"update_mask": "state"},
                    )

    def api(self) -> AirflowApi:
        """Return a client of Airflow."""
        return self.scenario.airflow.api()

    def log(self, task_id: str) -> str:
        """Return the log of the last try of a task of the last run."""
        with self.api() as api:
            found = [one for one in api.tasks(DAG_ID, self.run_id) if one["task_id"] == task_id]
            return api.log(found[0])

    def check_orders(self) -> int:
        """Check that the target has every order that was acknowledged in the source; return how many."""
        entries = [one for one in self.scenario.entries() if one.namespace == SOURCE_NAMESPACE]
        return checks.check_orders(
            entries, checks.stored_orders(self.scenario.ground.target, TARGET_NAMESPACE)
        )

    def check_back(self) -> None:
        """Check that the source serves as before, and that the target holds nothing of the plan."""
        source, target = self.scenario.ground.source, self.scenario.ground.target
        deployment.await_ready(source, SOURCE_NAMESPACE, self.scenario.progress, seconds=PATIENCE_SECONDS)
        self.check_trading()
        entries = [one for one in self.scenario.entries() if one.namespace == SOURCE_NAMESPACE]
        checks.check_orders(entries, checks.stored_orders(source, SOURCE_NAMESPACE))
        assert TARGET_NAMESPACE not in target.namespaces()
        assert target.labelled("migration-ops.io/plan=shop") == []

    def check_trading(self) -> None:
        """Check that the source takes orders."""
        seen = self._source_orders()
        self.scenario.progress.wait_for(
            "the source takes orders", lambda: self._source_orders() > seen, seconds=PATIENCE_SECONDS
        )

    def _source_orders(self) -> int:
        return sum(entry.namespace == SOURCE_NAMESPACE for entry in self.scenario.entries())


def _has_come(moment: str, told: Mapping[str, str]) -> bool:
    task, _, state = moment.partition(" ")
    return told.get(task) == state if state else told.get(task) not in NOT_BEGUN
