"""Approvals: Airflow's own, with the answer that is safe when nobody gives one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class RefusedError(Exception):
    """Somebody said no, or nobody answered in time."""

    retryable = False


class ApprovalGate(ApprovalOperator):
    """Asks whether the runbook may go on. No answer in time means no; a no ends the run as failed.

    :param approvers: user ids that may answer; none lets everybody answer who may at all.
    :param refused: what a refusal means, for the one who reads the failed run.
    """

    def __init__(self, *, approvers: Sequence[str] = (), refused: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("defaults", self.REJECT)
        kwargs["retries"] = 0  # a retry would ask again
        users = [{"id": user, "name": user} for user in approvers]
        super().__init__(assigned_users=users or None, **kwargs)
        self.refused = refused

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after a yes.

        :raises RefusedError: after a no, and when nobody answered in time.
        """
        if event.get("chosen_options") == [self.REJECT]:
            user = event.get("responded_by_user")
            who = f"{user['name']} refused" if user else "nobody answered in time, which counts as no"
            raise RefusedError(f"{who}. {self.refused}".strip())
        answer: dict[str, Any] = super().execute_complete(context, event)
        who = (answer.get("responded_by_user") or {}).get("name", "unknown")
        self.log.info("Approved by %s", who)
        return {"approved_by": who, "params": answer.get("params_input") or {}}
