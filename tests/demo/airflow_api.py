"""A small client of Airflow's public REST API: what an operator does in the UI, done by the demo."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
import tenacity

from tests.demo.progress import Progress

TERMINAL = {"success", "failed"}
API = "/api/v2"
# Nobody reads a question faster. An answer that comes before the scheduler has noticed that the task waits
# makes Airflow 3.3 take the resumed task for one that was lost, and fail it.
READING_SECONDS = 5.0
NOTICING_SECONDS = 2.0
"""A scheduler that gave a sign of life so long after the question has noticed that the task waits."""


@dataclass(frozen=True)
class Question:
    """What a run asks.

    :param task_id: the task that asks
    :param subject: the question in a line
    :param body: the facts, in Markdown
    :param options: what may be answered
    """

    task_id: str
    subject: str
    body: str
    options: tuple[str, ...]


Answer = Callable[[Question], str | None]
"""Chooses an option; with None the question stays open."""


def go_ahead(question: Question) -> str:
    """Say yes to whatever is asked on the way.

    :raises RunFailedError: when a step has failed and asks what shall happen
    """
    for option in ("Approve", "Finish"):
        if option in question.options:
            return option
    raise RunFailedError(f"{question.subject}\n{question.body}")


class RunFailedError(Exception):
    """A DAG run did not end as it should; the message holds the logs of its failed tasks."""


@dataclass(frozen=True)
class Run:
    """A finished DAG run.

    :param dag_id: of its DAG
    :param run_id: its own id
    :param state: how it ended
    :param seconds: how long it took
    :param answered: ids of the tasks whose questions were answered
    """

    dag_id: str
    run_id: str
    state: str
    seconds: float
    answered: tuple[str, ...]


class AirflowApi:
    """Airflow over HTTP; a context manager that closes its connections.

    :param address: base address of the API server
    :param user: who logs in
    :param password: of that user
    :param progress: told of state changes
    """

    def __init__(self, address: str, user: str, password: str, progress: Progress) -> None:
        self._http = httpx.Client(base_url=address, timeout=30)
        self._login = {"username": user, "password": password}
        self._progress = progress

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def unhealthy(self) -> list[str]:
        """Return the parts that don't say that they are healthy."""
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        try:
            health = self._http.get(f"{API}/monitor/health", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return ["api-server"]
        return [part for part in parts if (health.get(part) or {}).get("status") != "healthy"]

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(httpx.TransportError),
        stop=tenacity.stop_after_attempt(5),
        wait=tenacity.wait_fixed(2),
        reraise=True,
    )
    def request(self, method: str, path: str, **options: Any) -> Any:
        """Call the API, logging in where that is needed; return the answer's JSON.

        A server that doesn't answer is asked again: every call here may be repeated.

        :raises httpx.HTTPStatusError: on an error answer, with its text
        """
        for _ in range(2):
            answer = self._http.request(method, API + path, **options)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                break
            token = self._http.post("/auth/token", json=self._login).raise_for_status().json()["access_token"]
            self._http.headers["Authorization"] = f"Bearer {token}"
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {answer.text[:500]}",
                request=answer.request,
                response=answer,
            )
        return answer.json() if answer.content else None

    def import_errors(self) -> list[str]:
        """Return what went wrong when DAG files were read."""
        errors = self.request("GET", "/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in errors]

    def wait_for_dag(self, dag_id: str, seconds: float = 300) -> None:
        """Wait until a DAG is known, and unpause it.

        :raises TimeoutError: when it does not appear, with the import errors of the DAG files
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.request(
                    "PATCH", f"/dags/{dag_id}", json={"is_paused": False}, params={"update_mask": "is_paused"}
                )
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.NOT_FOUND:
                    raise
            else:
                return
            if time.monotonic() > deadline:
                reasons = "\n".join(self.import_errors()) or "no import errors"
                raise TimeoutError(f"Airflow does not know the DAG {dag_id} after {seconds:.0f} s; {reasons}")
            time.sleep(1)

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run and return its id."""
        run_id = f"demo-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}}
        try:
            self.request("POST", f"/dags/{dag_id}/dagRuns", json=body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:  # an attempt before got through after all
                raise
        return run_id

    def run(
        self,
        dag_id: str,
        conf: dict[str, Any] | None = None,
        *,
        answer: Answer = go_ahead,
        seconds: float = 1500,
    ) -> Run:
        """Start a run, answer what it asks, wait for its end.

        :param answer: chooses what to answer wherever the run asks
        :raises RunFailedError: when it fails, with the logs of the failed tasks
        :raises TimeoutError: when it takes longer than ``seconds``
        """
        self.wait_for_dag(dag_id)
        run = self.wait(dag_id, self.trigger(dag_id, conf), answer=answer, seconds=seconds)
        if run.state != "success":
            raise RunFailedError(f"{dag_id} ended as {run.state}\n{self.failures(dag_id, run.run_id)}")
        return run

    def wait(
        self,
        dag_id: str,
        run_id: str,
        *,
        answer: Answer = go_ahead,
        watch: Callable[[dict[str, str]], None] = lambda _: None,
        seconds: float = 1500,
    ) -> Run:
        """Follow a run to its end, answering what it asks and telling each task's changes of state.

        :param watch: called every second with the tasks' states by name
        """
        began, told, answered = time.monotonic(), dict[str, str](), list[str]()
        asked: dict[str, datetime] = {}
        while True:
            run = self.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
            self._tell_changes(dag_id, run_id, told)
            watch(told)
            if run["state"] in TERMINAL:
                return Run(dag_id, run_id, run["state"], time.monotonic() - began, tuple(answered))
            answered += self._answer_questions(dag_id, run_id, answer, asked)
            if time.monotonic() - began > seconds:
                raise TimeoutError(
                    f"{dag_id} run {run_id} is {run['state']} after {seconds:.0f} s; tasks: {told}"
                )
            time.sleep(1)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the run's task instances."""
        path, found = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", list[dict[str, Any]]()
        while True:
            page = self.request("GET", path, params={"limit": 100, "offset": len(found)})
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def result(self, run: Run, task_id: str, key: str = "return_value") -> Any:
        """Return what a task returned, or pushed under a name."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.request("GET", path, params={"deserialize": "true"})["value"]

    def log(self, task: dict[str, Any]) -> str:
        """Return the log of a task's last try as text."""
        path = f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        query = {"map_index": task["map_index"], "full_content": "true"}
        content = self.request("GET", f"{path}/logs/{max(task['try_number'], 1)}", params=query)["content"]
        return "\n".join(_line(entry) for entry in content)

    def failures(self, dag_id: str, run_id: str, lines: int = 40) -> str:
        """Return the ends of the logs of all tasks that failed by themselves."""
        parts = []
        for task in self.tasks(dag_id, run_id):
            if task["state"] == "failed":
                end = "\n".join(self.log(task).splitlines()[-lines:])
                parts.append(f"--- {dag_id} / {_name(task)} (try {task['try_number']})\n{end}")
        return "\n".join(parts)

    def _tell_changes(self, dag_id: str, run_id: str, told: dict[str, str]) -> None:
        for task in self.tasks(dag_id, run_id):
            name, state = _name(task), task["state"] or "waiting"
            if told.get(name) != state and state not in {"waiting", "scheduled", "queued", "restarting"}:
                self._progress.say(f"  {dag_id}: {name} {state}")
                told[name] = state

    def _answer_questions(
        self, dag_id: str, run_id: str, answer: Answer, asked: dict[str, datetime]
    ) -> list[str]:
        query = {"response_received": "false", "state": "awaiting_input"}
        answered = []
        of_run = f"/dags/{dag_id}/dagRuns/{run_id}"
        for detail in self.request("GET", f"{of_run}/hitlDetails", params=query)["hitl_details"]:
            task = detail["task_instance"]
            if not self._was_read(asked.setdefault(task["id"], datetime.now(UTC))):
                continue
            body, options = str(detail.get("body") or ""), tuple(detail["options"])
            chosen = answer(Question(task["task_id"], detail["subject"], body, options))
            if chosen is None:
                continue
            self._progress.say(
                f"  {dag_id}: {task['task_id']} asks {detail['subject']!r}; the answer is {chosen}"
            )
            given = {name: _value(field) for name, field in (detail.get("params") or {}).items()}
            try:
                self.respond(dag_id, run_id, task["task_id"], chosen, given, task["map_index"])
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.CONFLICT:
                    raise
            answered.append(task["task_id"])
        return answered

    def _was_read(self, asked: datetime) -> bool:
        if datetime.now(UTC) < asked + timedelta(seconds=READING_SECONDS):
            return False
        scheduler = self.request("GET", "/monitor/health")["scheduler"]
        seen = scheduler.get("latest_scheduler_heartbeat")
        return bool(seen) and datetime.fromisoformat(seen) > asked + timedelta(seconds=NOTICING_SECONDS)

    def respond(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        option: str,
        given: dict[str, Any] | None = None,
        map_index: int = -1,
    ) -> None:
        """Answer one question.

        :param given: what is filled into the form
        :raises httpx.HTTPStatusError: when the answer isn't taken, because of who gives it for example
        """
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/{map_index}/hitlDetails"
        self.request("PATCH", path, json={"chosen_options": [option], "params_input": given or {}})


def _value(field: Any) -> Any:
    """Return what to fill into a form's field: its default, or a sentence where it is left empty."""
    default = field.get("value") if isinstance(field, dict) else field
    return "answered by the demo" if default in (None, "") else default


def _name(task: dict[str, Any]) -> str:
    label = task.get("rendered_map_index") or (task["map_index"] if task["map_index"] >= 0 else "")
    return f"{task['task_id']} [{label}]" if label != "" else str(task["task_id"])


def _line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    text = f"{entry.get('timestamp', '')} {entry.get('level', '')} {entry.get('event', '')}".strip()
    for error in entry.get("error_detail") or []:
        text += f"\n{error.get('exc_type')}: {error.get('exc_value')}"
    return text
