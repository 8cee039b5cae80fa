"""A cutover with trouble ends in success after a retry, or with the source as it was and an empty target."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.demo.airflow_api import Question, go_ahead
from tests.demo.airflow_stack import BYSTANDER
from tests.e2e.cutovers import DAG_ID, Cutovers
from tests.e2e.mishaps import (
    Mishap,
    api_servers_away,
    kill_worker_of,
    kubelet_away,
    mover_deleted,
    restart,
    s3_away,
    web_answers,
)

LONG = bool(os.environ.get("MIGRATION_OPS_LONG_TESTS"))  # set by `make test-long`
pytestmark = [pytest.mark.lab, pytest.mark.s3, pytest.mark.timeout(2700), pytest.mark.xdist_group("e2e")]

STEPS = ("quiesce", "final", "restore", "resources", "ready", "verify", "report")
TAKEN_BACK = ("rollback.undo_target", "rollback.resume")

# Each of these is overcome without a question; then the answer to `finish` is to roll back.
OVERCOME: dict[str, dict[str, Mishap]] = {
    "workers are killed in each step, and in each of the rollback": {
        step: kill_worker_of(step) for step in (*STEPS, *TAKEN_BACK)
    },
    "the API servers of both clusters are away for a minute in quiesce, resources and verify": {
        step: api_servers_away("source", "target") for step in ("quiesce", "resources", "verify")
    },
    # S3 is away so long that the step waits in the triggerer.
    "S3 is away in the final delta, and scheduler and triggerer restart meanwhile": {
        "quiesce success": s3_away(90),
        "final deferred": restart("scheduler", "triggerer"),
    },
    "movers' pods are deleted, the target's node is not ready, and S3 is away while verifying": {
        "quiesce": mover_deleted("source", "final"),
        "final": mover_deleted("target", "restore"),
        "resources": kubelet_away("target"),
        "verify": s3_away(),
    },
}


def test_a_failing_probe_and_a_killed_worker_end_in_a_clean_rollback(cutovers: Cutovers) -> None:
    mishaps = {"final": kill_worker_of("final"), "resources": web_answers(0)}
    ended = cutovers.run(mishaps, answers=["Roll back"])

    (question,) = ended.questions
    assert question.task_id == "verify"
    assert "http web:80/" in question.body
    assert "Source: **stopped**" in question.body
    assert "Target: all resources are applied" in question.body
    assert ended.states["final"] == "success"
    assert "Found mover" in cutovers.log("final")
    assert ended.states["rollback.resume"] == "success"
    cutovers.check_back()


if LONG:

    @pytest.mark.parametrize("mishaps", OVERCOME.values(), ids=OVERCOME)
    def test_no_acknowledged_order_is_lost_when(cutovers: Cutovers, mishaps: dict[str, Mishap]) -> None:
        ended = cutovers.run(mishaps)

        assert ended.orders > 0
        assert ended.questions == []
        assert {ended.states[step] for step in (*STEPS, *TAKEN_BACK)} == {"success"}
        cutovers.check_back()

    def test_a_failing_probe_that_was_mended_is_retried_and_the_cutover_goes_on(cutovers: Cutovers) -> None:
        ended = cutovers.run({"resources": web_answers(0)}, answers=["Retry"], mend=web_answers(1))

        assert [question.task_id for question in ended.questions] == ["verify"]
        assert ended.states["verify"] == ended.states["rollback.resume"] == "success"
        cutovers.check_back()

    def test_what_is_left_as_it_is_can_be_rolled_back_by_its_own_runbook(cutovers: Cutovers) -> None:
        ended = cutovers.run({"resources": web_answers(0)}, answers=["Leave as it is"])

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

    def test_nothing_moves_when_nobody_answers_in_time(cutovers: Cutovers, hasty_plan: str) -> None:
        dag_id = f"{hasty_plan}.cutover"
        with cutovers.api() as api:
            api.run(f"{hasty_plan}.backup", {"kind": "full"})
            api.wait_for_dag(dag_id)
            run_id = api.trigger(dag_id)
            run = api.wait(dag_id, run_id, answer=lambda _: None)
            tasks = {one["task_id"]: one for one in api.tasks(dag_id, run_id)}
            log = api.log(tasks["approve"])
        assert run.state == "failed"
        assert tasks["approve"]["state"] == "failed"
        assert "nobody answered in time, which counts as no" in log
        assert cutovers.scenario.ground.target.labelled(f"migration-ops.io/plan={hasty_plan}") == []
        cutovers.check_back()
