"""A cutover with trouble ends in success after a retry, or with the source as it was and an empty target."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.demo.airflow_api import Question, go_ahead
from tests.demo.airflow_stack import BYSTANDER
from tests.e2e.cutovers import (
    DAG_ID,
    Cutovers,
    Mishap,
    api_server_away,
    kill_worker_of,
    kubelet_away,
    mover_deleted,
    restart,
    s3_away,
    web_answers,
)

LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`
pytestmark = [pytest.mark.lab, pytest.mark.s3, pytest.mark.timeout(1800), pytest.mark.xdist_group("e2e")]

STEPS = ("quiesce", "final", "restore", "resources", "ready", "verify", "report")

# Each of these is overcome without a question; then the answer to `finish` is to roll back.
OVERCOME: dict[str, dict[str, Mishap]] = {
    "workers are killed in each step": {step: kill_worker_of(step) for step in STEPS},
    "the API servers of both clusters and S3 are away for a minute each": {
        "quiesce": api_server_away("source"),
        "final": s3_away(),
        "resources": api_server_away("target"),
    },
    "scheduler and triggerer restart, a mover's pod is deleted, the target is away": {
        "final": restart("scheduler", "triggerer"),
        "restore": mover_deleted("target", "restore"),
        "verify": api_server_away("target"),
    },
    "the source's mover is deleted, and the target's node is not ready": {
        "final": mover_deleted("source", "final"),
        "resources": kubelet_away("target"),
    },
}


def test_a_failing_probe_and_a_killed_worker_end_in_a_clean_rollback(cutovers: Cutovers) -> None:
    ended = cutovers.run({"final": kill_worker_of("final"), "verify": web_answers(0)}, answers=["Roll back"])

    (question,) = ended.questions
    assert question.task_id == "verify"
    assert "http web:80/" in question.body
    assert "Source: **stopped**" in question.body
    assert "Target: all resources are applied" in question.body
    assert ended.states["final"] == "success"
    assert ended.states["rollback.resume"] == "success"
    cutovers.check_back()


if LONG:

    @pytest.mark.parametrize("mishaps", OVERCOME.values(), ids=OVERCOME)
    def test_no_acknowledged_order_is_lost_when(cutovers: Cutovers, mishaps: dict[str, Mishap]) -> None:
        ended = cutovers.run(mishaps)

        assert ended.orders > 0
        assert ended.questions == []
        assert {ended.states[step] for step in (*STEPS, "rollback.resume")} == {"success"}
        cutovers.check_back()

    def test_a_failing_probe_that_was_mended_is_retried_and_the_cutover_goes_on(cutovers: Cutovers) -> None:
        ended = cutovers.run({"verify": web_answers(0)}, answers=["Retry"], mend=web_answers(1))

        assert [question.task_id for question in ended.questions] == ["verify"]
        assert ended.states["verify"] == ended.states["rollback.resume"] == "success"
        cutovers.check_back()

    def test_what_is_left_as_it_is_can_be_rolled_back_by_its_own_runbook(cutovers: Cutovers) -> None:
        ended = cutovers.run({"verify": web_answers(0)}, answers=["Leave as it is"])

        assert ended.run.state == "failed"
        assert ended.states["rollback.begin"] == "skipped"
        with cutovers.api() as api:
            api.run("shop.rollback")
        cutovers.check_back()

    def test_nothing_moves_after_a_refusal(cutovers: Cutovers) -> None:
        with cutovers.api() as api:
            api.wait_for_dag(DAG_ID)
            run_id = api.trigger(DAG_ID)
            run = api.wait(DAG_ID, run_id, answer=lambda _: "Reject")
            states = {one["task_id"]: one["state"] for one in api.tasks(DAG_ID, run_id)}
        assert run.state == "failed"
        assert states["approve"] == "failed"
        assert states["rollback.begin"] == "skipped"
        cutovers.check_back()

    def test_nothing_moves_when_somebody_answers_who_is_not_assigned(cutovers: Cutovers) -> None:
        refused = list[int]()

        def answer(question: Question) -> str:
            with (
                cutovers.scenario.airflow.api(BYSTANDER) as other,
                pytest.raises(httpx.HTTPStatusError) as no,
            ):
                other.respond(DAG_ID, run_id, question.task_id, go_ahead(question))
            refused.append(no.value.response.status_code)
            return "Reject"

        with cutovers.api() as api:
            api.wait_for_dag(DAG_ID)
            run_id = api.trigger(DAG_ID)
            api.wait(DAG_ID, run_id, answer=answer)
        assert refused == [403]
        cutovers.check_back()

    def test_ten_cutovers_lose_no_acknowledged_order(cutovers: Cutovers) -> None:
        """The ones above count, as each compared every acknowledged order with the target's table."""
        while sum(ended.orders > 0 for ended in cutovers.done) < 10:
            cutovers.run()
            cutovers.check_back()
