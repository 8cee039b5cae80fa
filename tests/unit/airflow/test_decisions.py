"""A step that fails for good asks what shall happen, and does what is answered."""

from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import Mock, create_autospec, patch

import pytest
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import upsert_hitl_detail

from migration_ops.cluster import Cluster, ClusterUnreachable, Forbidden, RollbackResult
from migration_ops.hooks.cluster import ClusterHook
from migration_ops.migration.errors import UnfinishedError
from migration_ops.migration.events import Event
from migration_ops.migration.journal import Journal
from migration_ops.operators.base import MigrationOperator, RetryUnlessHopeless
from migration_ops.operators.decision import (
    ATTEMPTS,
    CUTOVER_ANSWERS,
    TRIES,
    UNDO_ANSWERS,
    AskedToRetryError,
    AskedToRollBackError,
    LeftAsItIsError,
    asks_when_it_fails,
)
from migration_ops.operators.gate import FinishGate
from migration_ops.operators.rollback import RollBackOperator, UndoTargetOperator


class Step(MigrationOperator):
    """Fails as it is told."""

    failure: Exception

    @asks_when_it_fails
    def execute(self, context):
        raise self.failure


class Store(dict):
    """Stands in for Airflow's task state store."""

    set = dict.__setitem__


class Instance:
    """Stands in for a task instance."""

    id = "0190"
    task_id = "resources"

    def __init__(self, number):
        self.try_number = number
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


@pytest.fixture
def journal():
    """A journal of a run that stopped the source."""
    found = create_autospec(Journal, instance=True)
    now = datetime.now(UTC)
    workloads = {"workloads": [{"object": "apps/v1/Deployment/shop/web"}]}
    found.events.return_value = [
        Event(plan="shop", run="r", name="quiesce-begun", began=now),
        Event(plan="shop", run="r", name="quiesced", began=now, data=workloads),
        Event(plan="shop", run="r", name="final-delta", began=now),
    ]
    return found


@pytest.fixture
def step(plan, journal):
    """A step that asks."""
    made = Step(task_id="resources", plan=plan | {"approvals": {"cutover": ["ops"]}}, answers=CUTOVER_ANSWERS)
    made.__dict__["journal"] = journal
    return made


@pytest.fixture
def asked():
    """What Airflow is told to ask."""
    with patch(
        "airflow.sdk.execution_time.hitl.upsert_hitl_detail", create_autospec(upsert_hitl_detail)
    ) as put:
        yield put


def context_of(number, **stored):
    return {
        "ti": Instance(number),
        "task_state_store": Store(stored),
        "dag_run": SimpleNamespace(dag_id="shop.cutover", run_id="one"),
    }


def answer(option, user="ops"):
    return {"chosen_options": [option], "responded_by_user": {"id": user, "name": user} if user else None}


def test_what_may_pass_is_tried_again_before_anybody_is_asked(step, asked):
    step.failure = OSError("connection refused")
    for number in range(1, ATTEMPTS):
        with pytest.raises(OSError, match="connection refused"):
            step.execute(context_of(number))
    asked.assert_not_called()
    with pytest.raises(TaskAwaitingInput):
        step.execute(context_of(ATTEMPTS))


def test_an_api_server_that_has_just_started_refuses_everybody_and_is_tried_again(step, asked):
    step.failure = Forbidden('User "migration-ops" cannot get path "/api"', status=403)
    with pytest.raises(Forbidden):
        step.execute(context_of(1))
    decision = RetryUnlessHopeless().evaluate(step.failure, 1, TRIES, context_of(1))
    assert decision.action.value == "retry"
    assert RetryUnlessHopeless().evaluate(step.failure, 1, 5, context_of(1)).action.value == "fail"


def test_the_question_names_step_reason_and_the_state_of_both_clusters(step, asked, journal):
    step.failure = ValueError("Deployment shop-prod/web: admission webhook said no")
    with pytest.raises(TaskAwaitingInput):
        step.execute(context_of(1))

    said = asked.call_args.kwargs
    assert said["params"] == {}
    assert said["options"] == ["Retry", "Roll back", "Leave as it is"]
    assert said["defaults"] == ["Leave as it is"]
    assert said["assigned_users"] == [{"id": "ops", "name": "ops"}]
    assert "Step **resources** of shop failed" in said["body"]
    assert "admission webhook said no" in said["body"]
    assert "Source: **stopped** since" in said["body"]
    assert "(1 workloads, all remembered)" in said["body"]
    assert "Target: claims hold the delta staged before the stop" in said["body"]
    written = journal.write.call_args
    assert written.args[1] == "failed"
    assert written.kwargs["data"]["step"] == "resources"


def test_the_plans_notifiers_hear_of_the_question(plan, journal, asked):
    told = Step(
        task_id="resources",
        plan=plan | {"notify": [{"notifier": "some.Notifier", "on": ["approval"]}]},
        answers=CUTOVER_ANSWERS,
    )
    told.__dict__["journal"] = journal
    told.failure = ValueError("no")
    with (
        patch("migration_ops.notifiers.telling.deliver", autospec=True) as deliver,
        pytest.raises(TaskAwaitingInput),
    ):
        told.execute(context_of(1))
    message = deliver.call_args.args[1]
    assert message.title == "shop: step resources failed. What shall happen?"
    assert "> ValueError: no" in message.body


def test_it_also_asks_when_the_vault_is_what_failed(step, asked, journal):
    step.failure = ValueError("no")
    journal.write.side_effect = OSError("S3 is away")
    with pytest.raises(TaskAwaitingInput):
        step.execute(context_of(1))
    assert "journal can't be read" in asked.call_args.kwargs["body"]


def test_a_task_that_is_lost_again_and_again_asks_before_it_is_tried_once_more(step, asked):
    step.failure = AssertionError("never tried")
    with pytest.raises(TaskAwaitingInput):
        step.execute(context_of(ATTEMPTS + 1))
    assert "lost 5 times" in asked.call_args.kwargs["body"]


def test_retry_tries_at_once_and_counts_anew(step, journal):
    context = context_of(ATTEMPTS)
    with pytest.raises(AskedToRetryError, match="ops answered: Retry") as raised:
        step.decided(context, answer("Retry"))
    decision = RetryUnlessHopeless().evaluate(raised.value, ATTEMPTS, TRIES, context)
    assert (decision.action.value, decision.retry_delay.total_seconds()) == ("retry", 1)
    assert journal.write.call_args.kwargs["data"] == {"question": "resources", "answer": "Retry", "by": "ops"}
    step.failure = OSError("again")
    with pytest.raises(OSError, match="again"):
        step.execute(context_of(ATTEMPTS + 1, **context["task_state_store"]))


def test_pauses_between_tries_grow_anew_after_an_answer():
    policy = RetryUnlessHopeless()
    pauses = [
        policy.evaluate(OSError(), n, TRIES, context_of(n, answered_at_try=10)).retry_delay.total_seconds()
        for n in (11, 12, 13, 14, 15)
    ]
    assert pauses == [3, 9, 27, 60, 60]


def test_the_tries_before_a_question_last_longer_than_a_node_takes_to_come_back():
    policy = RetryUnlessHopeless()
    pauses = [policy.evaluate(OSError(), n, TRIES, context_of(n)).retry_delay for n in range(1, ATTEMPTS)]
    assert sum(one.total_seconds() for one in pauses) > 90


@pytest.mark.parametrize(
    ("option", "user", "error"),
    [
        ("Roll back", "ops", AskedToRollBackError),
        ("Leave as it is", "ops", LeftAsItIsError),
        ("Leave as it is", None, LeftAsItIsError),
    ],
)
def test_every_other_answer_ends_the_step_and_is_left_for_the_rollback(step, option, user, error):
    context = context_of(2)
    with pytest.raises(error) as raised:
        step.decided(context, answer(option, user))
    assert RetryUnlessHopeless().evaluate(raised.value, 2, TRIES, context).action.value == "fail"
    assert context["ti"].pushed["decision"]["answer"] == option


def test_a_failure_after_a_wait_asks_too(step, asked):
    step.give_up = lambda context: (_ for _ in ()).throw(ValueError("not ready"))
    with pytest.raises(TaskAwaitingInput):
        step.resume_execution("give_up", {}, context_of(1))
    asked.assert_called_once()


def test_a_step_without_answers_simply_fails(plan):
    step = Step(task_id="resources", plan=plan)
    step.failure = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        step.execute(context_of(1))


class TestBeginningTheRollback:
    @pytest.fixture
    def begin(self, plan, journal):
        made = RollBackOperator(task_id="begin", plan=plan, steps=["final"], answers=("Roll back",))
        made.__dict__["journal"] = journal
        return made

    def context(self, *answers):
        context = context_of(1)
        context["ti"].xcom_pull = lambda task_ids, key: list(answers)
        return context

    def test_the_answer_of_the_failed_step_begins_it(self, begin):
        assert begin.execute(self.context(None, {"answer": "Roll back", "by": "ops"})) == "ops"

    def test_another_answer_skips_it(self, begin):
        with pytest.raises(AirflowSkipException, match="Leave"):
            begin.execute(self.context({"answer": "Leave as it is", "by": "ops"}))

    def test_nothing_is_rolled_back_where_nothing_was_stopped(self, begin, journal):
        journal.last.return_value = None
        with pytest.raises(AirflowSkipException, match="nothing was stopped"):
            begin.execute(self.context(None))

    def test_a_step_that_failed_without_asking_is_asked_about(self, begin, asked):
        with pytest.raises(TaskAwaitingInput):
            begin.execute(self.context(None))
        assert "failed without a question" in asked.call_args.kwargs["body"]


@pytest.fixture
def undo(plan, journal):
    made = UndoTargetOperator(task_id="undo_target", plan=plan, answers=UNDO_ANSWERS)
    made.__dict__["journal"] = journal
    made.__dict__["target_hook"] = create_autospec(ClusterHook, instance=True)
    made.__dict__["source_hook"] = create_autospec(ClusterHook, instance=True)
    made.source_hook.cluster = create_autospec(Cluster, instance=True)
    made.target_hook.cluster = create_autospec(Cluster, instance=True)
    made.source_hook.cluster.name = "old"
    return made


def test_nothing_is_deleted_while_the_source_can_t_be_started(undo, asked):
    undo.source_hook.cluster.get.side_effect = ClusterUnreachable("read the version on old: no answer")
    with (
        patch("migration_ops.migration.stopping.roll_back", autospec=True) as deleted,
        pytest.raises(TaskAwaitingInput),
    ):
        undo.execute(context_of(1))
    deleted.assert_not_called()
    body = asked.call_args.kwargs["body"]
    assert "the target would be deleted while the source can't be started" in body
    assert "run shop.rollback with *Also if the source doesn't answer*" in body


@pytest.mark.parametrize(("without_source", "gone"), [("True", True), ("", False)])
def test_the_target_is_emptied_if_the_source_answers_or_somebody_wants_it_all_the_same(
    undo, asked, without_source, gone
):
    undo.without_source = without_source
    if gone:
        undo.source_hook.cluster.get.side_effect = ClusterUnreachable("no answer")
    undo.target_hook.cluster = Mock()
    undo.target_hook.cluster.get.return_value = {"items": []}
    with patch(
        "migration_ops.migration.stopping.roll_back", autospec=True, return_value=RollbackResult((), ())
    ) as deleted:
        undo.execute(context_of(1))
    deleted.assert_called_once()
    asked.assert_not_called()


def test_a_target_that_stays_needs_no_source(undo):
    undo.keep = "everything"
    undo.source_hook.cluster.get.side_effect = ClusterUnreachable("no answer")
    assert undo.execute(context_of(1)) == {"deleted": [], "restored": []}


def test_a_target_that_is_gone_keeps_the_source_no_longer_stopped_than_people_take_to_answer(undo, asked):
    gone = ClusterUnreachable("discover /api on target: no answer for 151 s")
    with (
        patch("migration_ops.migration.stopping.roll_back", autospec=True, side_effect=gone),
        pytest.raises(TaskAwaitingInput),
    ):
        undo.execute(context_of(1))
    said = asked.call_args.kwargs
    assert said["options"] == ["Retry", "Start the source", "Leave as it is"]
    assert "no answer for 151 s" in said["body"]
    assert "make sure that the application doesn't serve there" in said["body"]
    assert undo.decided(context_of(1), answer("Start the source")) == {"deleted": [], "restored": []}
    with pytest.raises(AskedToRetryError):
        undo.decided(context_of(1), answer("Retry"))


def test_that_the_target_is_being_emptied_is_in_the_journal_before_anything_is_deleted(undo, journal):
    written = []
    journal.write.side_effect = lambda run, name, **_: written.append((run, name))

    def deleted(*_args, **_options):
        assert written == [(undo.run_key(context_of(1)), "undoing")]
        return RollbackResult((), (), problems=("v1/Namespace//shop-prod is still there",))

    with (
        patch("migration_ops.migration.stopping.roll_back", autospec=True, side_effect=deleted),
        pytest.raises(UnfinishedError),
    ):
        undo.execute(context_of(1))


def test_a_target_that_does_not_answer_is_not_told_as_being_emptied(undo, journal, asked):
    undo.target_hook.cluster.get.side_effect = ClusterUnreachable("read the version on new: no answer")
    with (
        patch("migration_ops.migration.stopping.roll_back", autospec=True) as deleted,
        pytest.raises(TaskAwaitingInput),
    ):
        undo.execute(context_of(1))
    deleted.assert_not_called()
    assert "Start the source" in asked.call_args.kwargs["options"]
    assert [one.args[1] for one in journal.write.call_args_list] == ["failed"]


def test_a_target_that_goes_while_it_is_emptied_is_asked_about_at_once(undo, journal, asked):
    def deleted(*_args, **_options):
        undo.target_hook.cluster.get.side_effect = ClusterUnreachable("read the version on new: no answer")
        return RollbackResult((), (), problems=("delete v1/Service/shop-prod/web: no answer",))

    with (
        patch("migration_ops.migration.stopping.roll_back", autospec=True, side_effect=deleted),
        pytest.raises(TaskAwaitingInput),
    ):
        undo.execute(context_of(1))
    assert "Start the source" in asked.call_args.kwargs["options"]
    assert [one.args[1] for one in journal.write.call_args_list] == ["undoing", "failed"]


def test_what_a_node_that_is_away_holds_in_the_target_is_deleted_later_without_a_question(undo, asked):
    held = RollbackResult((), (), problems=("v1/Namespace//shop-prod is still there: finalizers",))
    with patch("migration_ops.migration.stopping.roll_back", autospec=True, return_value=held):
        for number in range(1, ATTEMPTS):
            with pytest.raises(UnfinishedError, match="still there: finalizers") as raised:
                undo.execute(context_of(number))
            decision = RetryUnlessHopeless().evaluate(raised.value, number, TRIES, context_of(number))
            assert decision.action.value == "retry"
        asked.assert_not_called()
        with pytest.raises(TaskAwaitingInput):
            undo.execute(context_of(ATTEMPTS))


def test_claims_that_were_staged_before_the_cutover_stay_and_are_named(undo, journal):
    def claim(name, run):
        labels = {"migration-ops.io/plan": "shop", "migration-ops.io/run": run}
        return {"metadata": {"namespace": "shop-prod", "name": name, "labels": labels}}

    own = undo.run_key(context_of(1))
    undo.target_hook.cluster = target = Mock()
    target.get.return_value = {"items": [claim("data", "stage-1"), claim("new", own)]}
    with patch(
        "migration_ops.migration.stopping.roll_back", autospec=True, return_value=RollbackResult((), ())
    ):
        done = undo.execute(context_of(1))
    assert done["staged"] == ["shop-prod/data (made by stage-1)"]
    (written,) = [one for one in journal.write.call_args_list if "rolled-back" in one.args]
    assert written.kwargs["data"]["staged"] == done["staged"]
    assert target.get.call_args.kwargs["query"] == {"labelSelector": "migration-ops.io/plan=shop"}


class TestFinishing:
    @pytest.fixture
    def gate(self, plan):
        with patch("migration_ops.operators.gate.journal_answer", autospec=True):
            yield FinishGate(task_id="finish", plan=plan, subject="?", approvers=["ops"])

    def event(self, option):
        return answer(option) | {"params_input": {}, "responded_at": datetime.now(UTC)}

    def test_silence_leaves_everything_as_it_is(self, gate):
        assert gate.defaults == ["Leave as it is"]

    def test_finish_goes_on_with_a_name(self, gate):
        assert gate.execute_complete(context_of(1), self.event("Finish")) == {"approved_by": "ops"}

    @pytest.mark.parametrize(
        ("option", "error"), [("Roll back", AskedToRollBackError), ("Leave as it is", LeftAsItIsError)]
    )
    def test_anything_else_ends_the_run_and_is_left_for_the_rollback(self, gate, option, error):
        context = context_of(1)
        with pytest.raises(error):
            gate.execute_complete(context, self.event(option))
        assert context["ti"].pushed["decision"]["answer"] == option
