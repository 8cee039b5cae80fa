"""Approvals: Airflow's own, with the answer that is safe when nobody gives one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk.exceptions import AirflowFailException

from migration_ops.migration.recovery import LEAVE, ROLL_BACK
from migration_ops.operators.decision import DECISION, AskedToRollBackError, LeftAsItIsError, answered_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context
    from airflow.sdk.execution_time.hitl import HITLUser


class RefusedError(AirflowFailException):
    """Somebody said no, or nobody answered in time."""


_ASKED_AGAIN: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=1)}
"""Airflow 3.3 takes a task that is answered at once for a lost one: then it asks again. A no is final."""


class ApprovalGate(ApprovalOperator):
    """Asks whether the runbook may go on. No answer in time means no; a no ends the run as failed.

    :param approvers: user ids that may answer; none lets everybody answer who may at all.
    :param refused: what a refusal means, for the one who reads the failed run.
    :param plan: the plan, if question and answer belong into its journal.
    """

    def __init__(
        self,
        *,
        approvers: Sequence[str] = (),
        refused: str = "",
        plan: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("defaults", self.REJECT)
        kwargs |= _ASKED_AGAIN
        users = [{"id": user, "name": user} for user in approvers]
        super().__init__(assigned_users=users or None, **kwargs)
        self.refused = refused
        self.plan = plan

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after a yes.

        :raises RefusedError: after a no, and when nobody answered in time.
        """
        if self.plan is not None:
            journal_answer(self, context, event)
        if event.get("chosen_options") == [self.REJECT]:
            user = event.get("responded_by_user")
            who = f"{user['name']} refused" if user else "nobody answered in time, which counts as no"
            raise RefusedError(f"{who}. {self.refused}".strip())
        answer: dict[str, Any] = super().execute_complete(context, event)
        who = (answer.get("responded_by_user") or {}).get("name", "unknown")
        self.log.info("Approved by %s", who)
        return {"approved_by": who, "params": answer.get("params_input") or {}}


class FinishGate(HITLOperator):
    """Asks how a cutover ends: finished, or rolled back. No answer in time leaves everything as it is.

    :param plan: the plan as `Plan.document()` gives it.
    """

    FINISH = "Finish"

    def __init__(self, *, plan: dict[str, Any], approvers: Sequence[str] = (), **kwargs: Any) -> None:
        users: list[HITLUser] = [{"id": user, "name": user} for user in approvers]
        options = [self.FINISH, ROLL_BACK, LEAVE]
        kwargs |= _ASKED_AGAIN
        super().__init__(options=options, defaults=LEAVE, assigned_users=users or None, **kwargs)
        self.plan = plan

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on if the answer is to finish.

        :raises AskedToRollBackError: if the answer is to roll back; the run's rollback begins.
        :raises LeftAsItIsError: if it is left as it is.
        """
        super().execute_complete(context, event)
        chosen, who = event["chosen_options"][0], answered_by(event)
        journal_answer(self, context, event)
        if chosen == self.FINISH:
            return {"approved_by": who}
        context["ti"].xcom_push(key=DECISION, value={"answer": chosen, "by": who})
        if chosen == ROLL_BACK:
            raise AskedToRollBackError(f"{who} answered: {ROLL_BACK}")
        raise LeftAsItIsError(
            f"{who} answered: {chosen}. The application runs in the target, the source is stopped, names are "
            "held back. Clear this task to be asked again, or run the plan's rollback"
        )


def journal_answer(gate: ApprovalGate | FinishGate, context: Context, event: dict[str, Any]) -> None:
    """Write into the plan's journal who answered what."""
    from migration_ops.operators.base import MigrationOperator
    from migration_ops.operators.decision import note

    step = MigrationOperator(task_id=gate.task_id, plan=gate.plan or {})
    chosen = (event.get("chosen_options") or [""])[0]
    note(step, context, "answered", {"question": gate.task_id, "answer": chosen, "by": answered_by(event)})
