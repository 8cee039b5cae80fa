"""A gate opens for a clear yes only."""

from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException

from migration_ops.operators.gate import ApprovalGate, RefusedError


@pytest.fixture
def gate():
    return ApprovalGate(
        task_id="approve",
        subject="Stop the shop?",
        approvers=["ops"],
        response_timeout=timedelta(hours=1),
        refused="Nothing has been changed.",
    )


def answer(option, user="ops"):
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime.now(UTC),
        "responded_by_user": {"id": user, "name": user} if user else None,
    }


def test_silence_means_no_and_only_a_lost_answer_is_asked_for_again(gate):
    assert gate.defaults == ["Reject"]
    assert gate.retries > 0
    assert issubclass(RefusedError, AirflowFailException), "a no is tried no more"
    assert gate.assigned_users == [{"id": "ops", "name": "ops"}]


def test_without_approvers_everybody_may_answer_who_may_at_all():
    gate = ApprovalGate(task_id="a", subject="?")
    assert gate.assigned_users is None


def test_a_yes_is_remembered_with_its_name(gate):
    assert gate.execute_complete({}, answer("Approve"))["approved_by"] == "ops"


def test_a_no_fails_the_run_and_says_what_it_means(gate):
    with pytest.raises(RefusedError, match=r"ops refused\. Nothing has been changed\."):
        gate.execute_complete({}, answer("Reject"))


def test_silence_fails_the_run_too(gate):
    with pytest.raises(RefusedError, match="nobody answered in time"):
        gate.execute_complete({}, answer("Reject", user=None))
