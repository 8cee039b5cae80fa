"""A plan's notifiers as one of Airflow's own, for callbacks of DAGs and for questions that wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseNotifier

from migration_ops.migration.plan_notify import Notify
from migration_ops.notifiers.delivery import deliver, deliver_async
from migration_ops.notifiers.failed_steps import failed_steps
from migration_ops.notifiers.message import Message, run_of, run_url

if TYPE_CHECKING:
    from migration_ops.migration import Plan


class PlanNotifier(BaseNotifier):
    """Tells that a run failed, or that a question waits, as the plan's `notify` says.

    :param plan: the plan.
    :param occasion: which of the two.
    """

    def __init__(self, plan: Plan, occasion: Literal["failure", "approval"]) -> None:
        super().__init__()
        self.plan = plan.name
        self.entries = list(plan.notify)
        self.occasion = occasion

    def notify(self, context: Any) -> None:
        """Tell."""
        message = (failure if self.occasion == "failure" else approval)(self.plan, context)
        deliver(self.entries, message, context)


def failure(plan: str, context: Mapping[str, Any]) -> Message:
    """A run that failed for good."""
    dag_id, run_id = run_of(context)
    failed = failed_steps(context)
    lines = [
        f"Run {run_id} of {dag_id} has failed.",
        *(f"- {one}" for one in failed),
        "Steps can be cleared once the cause is mended: they go on where they were.",
    ]
    if dag_id == f"{plan}.cutover":
        lines.append(f"If the source is stopped and you want it back, run {plan}.rollback.")
    title = f"{dag_id} failed at {failed[0].name}" if failed else f"{dag_id} failed"
    return Message(
        "failure", plan, title, "\n".join(lines), run_url(context, failed[0].task_id if failed else "")
    )


def approval(plan: str, context: Mapping[str, Any]) -> Message:
    """A question that waits for people."""
    task = context["task"]
    timeout = getattr(task, "response_timeout", None)
    silent = " or ".join(getattr(task, "defaults", None) or ["no"])
    silence = f"\n\nWithout an answer within {timeout} the answer is: {silent}." if timeout else ""
    title = str(getattr(task, "subject", None) or f"{task.task_id} waits for an answer")
    body = f"{getattr(task, 'body', None) or ''}{silence}".strip()
    url = f"{run_url(context, task.task_id)}/required_actions"
    return Message("approval", plan, title, body, url)


async def tell_late(
    plan: str, notify: list[dict[str, Any]], deadline: str, context: Mapping[str, Any] | None = None, **_: Any
) -> None:
    """Tell that a backup isn't done by its deadline (a deadline alert's callback, in the triggerer).

    :param notify: the plan's `notify` as JSON data.
    :param deadline: the plan's `schedule.deadline`.
    """
    seen = context or {}
    body = (
        f"A backup of plan {plan} isn't done {deadline} after its start. It goes on. Look which volume it "
        "waits for: its rows in the grid say what each mover does."
    )
    message = Message("late", plan, f"{plan}.backup is late", body, run_url(seen))
    await deliver_async([Notify.model_validate(entry) for entry in notify], message, seen)
