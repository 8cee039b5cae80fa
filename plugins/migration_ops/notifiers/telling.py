"""What operators tell: one function for each occasion that only a running step knows of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from migration_ops.notifiers.delivery import deliver
from migration_ops.notifiers.message import Message, run_url

if TYPE_CHECKING:
    from migration_ops.migration import Plan

_SHOWN = 20


def tell_overrun(plan: Plan, context: Mapping[str, Any], goes_on: datetime | None, work: str) -> int:
    """A window ended before what was to be done in it.

    :param goes_on: when the next window begins.
    :param work: what that is: backup or staging.
    """
    local = goes_on.astimezone(plan.schedule.zone) if goes_on else None
    then = f"It goes on at {local:%Y-%m-%d %H:%M} ({plan.schedule.zone.key})" if local else "It doesn't go on"
    body = (
        f"The window ended before the {work} of plan {plan.name} was done. {then}, where it was: what is "
        "there isn't sent again. If that happens often, widen schedule.windows, raise limit_upload or "
        "movers.parallelism, or split the plan."
    )
    return _tell(plan, context, "overrun", f"The {work} of {plan.name} did not fit into its window", body)


def tell_warnings(plan: Plan, context: Mapping[str, Any], done: Mapping[str, Any]) -> int:
    """A restore point that lacks something; says nothing if it doesn't.

    :param done: what the commit returned.
    """
    lines = [
        f"{volume['namespace']}/{volume['claim']}: {warning}"
        for volume in done.get("volumes", [])
        for warning in volume.get("warnings", [])
    ]
    if not lines:
        return 0
    body = f"Restore point {done['point']} is complete but for:\n" + _some(lines)
    return _tell(plan, context, "finding", f"{plan.name}: {len(lines)} warnings in a backup", body)


def tell_findings(plan: Plan, context: Mapping[str, Any], counts: Mapping[str, int], lines: list[str]) -> int:
    """What the checks or the rules found; says nothing unless somebody has to decide or to mend.

    :param counts: number of findings by severity.
    :param lines: the counts in words, then the findings, a line each.
    """
    serious = sum(counts.get(severity, 0) for severity in ("blocker", "decision"))
    if not serious:
        return 0
    return _tell(plan, context, "finding", f"{plan.name}: {serious} findings need you", _some(lines))


def tell_question(plan: Plan, context: Mapping[str, Any], title: str, body: str) -> int:
    """A step that has failed and waits for an answer, beside the questions that are part of a runbook."""
    url = f"{run_url(context, context['ti'].task_id)}/required_actions"
    return deliver(plan.notify, Message("approval", plan.name, title, body, url), context)


def tell_finished(plan: Plan, context: Mapping[str, Any]) -> int:
    """A cutover that is done, with the figures of its report."""
    facts = context["ti"].xcom_pull(task_ids="report", key="facts") or ""
    downtime_seconds = context["ti"].xcom_pull(task_ids="report", key="downtime_seconds")
    took = f" after {downtime_seconds:.0f} s of downtime" if downtime_seconds is not None else ""
    # The report asks for an answer at its end, which is given by now.
    parts = [part for part in str(facts).split("\n\n") if not part.startswith(("Approve", "Finish"))]
    return _tell(plan, context, "finished", f"{plan.name} runs in the target{took}", "\n\n".join(parts))


def _tell(plan: Plan, context: Mapping[str, Any], occasion: Any, title: str, body: str) -> int:
    return deliver(plan.notify, Message(occasion, plan.name, title, body, run_url(context)), context)


def _some(lines: list[str]) -> str:
    more = [f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join([*lines[:_SHOWN], *more])
