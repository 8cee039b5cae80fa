"""Steps that ask, when they fail for good, what shall happen: again, back, or nothing.

The question stands on the failed task itself, so nothing has to be cleared and no rights on Airflow are
needed for the answer: `Retry` makes it try anew, every other answer ends it as failed, and `RollBackOperator`
takes the run from there. A task that is lost again and again without an error of its own asks as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput

from migration_ops.migration.recovery import LEAVE, RETRY, ROLL_BACK, START_SOURCE, Answer, question

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.execution_time.hitl import HITLUser

    from migration_ops.operators.base import MigrationOperator

ATTEMPTS = 5
"""How often a step is tried before somebody is asked, each time anew after an answer."""

TRIES = 100
"""`retries` of a step that asks: they bound how often people may answer `Retry`."""

DECISION = "decision"
"""XCom in which a failed step leaves the answer."""

_ANSWERED = "answered_at_try"
_LONGEST_REASON = 2000

_Execute = TypeVar("_Execute", bound=Callable[..., Any])


class AskedToRetryError(Exception):
    """Somebody answered `Retry`."""

    retryable = True


class AskedToRollBackError(AirflowFailException):
    """Somebody answered `Roll back`."""

    retryable = False


class LeftAsItIsError(AirflowFailException):
    """Somebody answered `Leave as it is`, or nobody answered in time."""

    retryable = False


def asks_when_it_fails(execute: _Execute) -> _Execute:
    """Mark an operator's `execute`: if the operator was given `answers`, its failures become questions."""

    @functools.wraps(execute)
    def guarded(self: MigrationOperator, context: Context) -> Any:
        return guard(self, context, lambda: execute(self, context))

    return guarded  # type: ignore[return-value]


def guard(step: MigrationOperator, context: Context, attempt: Callable[[], Any]) -> Any:
    """Make one attempt; what fails is tried again by Airflow, and when that is used up somebody is asked."""
    if not step.answers:
        return attempt()
    tries = tries_since_answer(context)
    if tries > ATTEMPTS:
        lost = "without an error of its own: its worker was killed, or Airflow took it for dead"
        ask(
            step, context, f"The task was lost {tries - 1} times {lost}; the scheduler's log says more", tries
        )
    try:
        return attempt()
    except AirflowSkipException:
        raise
    except Exception as error:
        if tries < ATTEMPTS and (is_refusal(error) or not is_hopeless(error)):
            raise
        ask(step, context, f"{type(error).__name__}: {error}", tries)


def is_hopeless(error: BaseException) -> bool:
    """Whether trying again unchanged can't help: the error's own word, or an error in a program or value."""
    lasting = isinstance(error, (TypeError, ValueError, LookupError, AttributeError, NameError))
    return getattr(error, "retryable", not lasting) is False


def is_refusal(error: BaseException) -> bool:
    """Whether an API server said that the account has no right.

    Rights were looked at before the stop, and a server that has just started refuses everybody until it has
    read them: after the stop this is tried again like anything that may pass.
    """
    from migration_ops.cluster import Forbidden

    return isinstance(error, Forbidden)


def tries_since_answer(context: Context) -> int:
    """How often the step was tried since somebody answered, this time included."""
    store = context.get("task_state_store")
    answered = store.get(_ANSWERED) if store is not None else None
    number = int(context["ti"].try_number)
    return number - answered if isinstance(answered, int) and answered < number else number


def ask(step: MigrationOperator, context: Context, reason: str, tries: int) -> None:
    """Write the failure into the journal, put the question, and wait for the answer without a worker.

    :raises TaskAwaitingInput: always; the task goes on in `MigrationOperator.decided`.
    """
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    from migration_ops.notifiers.telling import tell_question

    plan, run, name = step.the_plan, step.cutover_run(context), step.task_id
    step.log.error("Failed after %d tries, now asking what to do: %s", tries, reason)
    events = None
    try:
        step.journal.write(run, "failed", data={"step": name, "reason": reason[:_LONGEST_REASON]})
        events = step.journal.events(run)
    except Exception as error:  # noqa: BLE001 - the vault may be what failed: asking is what counts now
        step.log.warning("The journal can't be written or read: %s", error)
    users: list[HITLUser] = [{"id": user, "name": user} for user in plan.approvals.cutover]
    subject = f"{plan.name}: step {name} failed. What shall happen?"
    body = question(
        plan.name,
        name,
        reason=reason,
        tries=tries,
        events=events,
        answers=step.answers,
        timeout=plan.approvals.timeout,
    )
    upsert_hitl_detail(
        ti_id=context["ti"].id,
        options=list(step.answers),
        subject=subject,
        body=body,
        defaults=[LEAVE],
        params={},  # the API takes no null
        assigned_users=users or None,
    )
    if plan.notify:
        tell_question(plan, context, subject, body)
    raise TaskAwaitingInput(method_name="decided", timeout=plan.approvals.timeout)


def take_answer(step: MigrationOperator, context: Context, event: dict[str, Any]) -> None:
    """Note the answer and who gave it, and do what it says; returns if the run is to go on without the step.

    :raises AskedToRetryError: Airflow tries again at once.
    :raises AskedToRollBackError: the step has failed, and the run's rollback begins.
    :raises LeftAsItIsError: the step has failed.
    """
    chosen: Sequence[str] = event.get("chosen_options") or [LEAVE]
    who = answered_by(event)
    step.log.info("The answer is %r, by %s", chosen[0], who)
    data = {"question": step.task_id, "answer": chosen[0], "by": who}
    note(step, context, "answered", data)
    context["ti"].xcom_push(key=DECISION, value=data)
    if (store := context.get("task_state_store")) is not None:
        store.set(_ANSWERED, int(context["ti"].try_number))  # also counts when the task is cleared later
    if chosen[0] == START_SOURCE:
        return
    if chosen[0] == RETRY:
        raise AskedToRetryError(f"{who} answered: {RETRY}")
    if chosen[0] == ROLL_BACK:
        raise AskedToRollBackError(f"{who} answered: {ROLL_BACK}")
    raise LeftAsItIsError(f"{who} answered: {chosen[0]}. See the task's question for what that means")


def note(step: MigrationOperator, context: Context, name: str, data: dict[str, Any]) -> None:
    """Write an event into the journal if the vault can be reached; Airflow's audit log has it in any case."""
    try:
        step.journal.write(step.cutover_run(context), name, data=data)
    except Exception as error:  # noqa: BLE001 - an answer counts also when the vault is away
        step.log.warning("The journal can't be written: %s", error)


def answered_by(event: dict[str, Any]) -> str:
    """Who answered a question, for logs and journal."""
    user = event.get("responded_by_user")
    return str(user["name"]) if user else "nobody in time"


def answers_for(*answers: Answer) -> tuple[Answer, ...]:
    """The answers that a step offers, the default one always among them."""
    return (*answers, LEAVE)


CUTOVER_ANSWERS = answers_for(RETRY, ROLL_BACK)
ROLLBACK_ANSWERS = answers_for(RETRY)
UNDO_ANSWERS = answers_for(RETRY, START_SOURCE)
BEGIN_ANSWERS = answers_for(ROLL_BACK)
