"""Lets the triggerer ask a cluster until it has an answer, for a step that needs no worker meanwhile."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from migration_ops.triggers.asking import AskTrigger

if TYPE_CHECKING:
    from migration_ops.operators.base import MigrationOperator

_GRACE = timedelta(minutes=5)  # the trigger ends by itself; this only guards against a lost triggerer


def await_answer(
    step: MigrationOperator, question: str, arguments: dict[str, Any], *, patience: timedelta, method: str
) -> None:
    """Go on in one of the step's methods when the target has answered, or the time is over.

    The method gets the event, whose `answer` is nothing without one in time, and the `arguments`.

    :param question: one of `triggers.asking.QUESTIONS`.
    :param arguments: of the question's function, as JSON data.
    :param patience: how long to ask.
    :param method: the method's name.
    :raises TaskDeferred: always.
    """
    step.defer(
        trigger=AskTrigger(
            conn_id=step.target_conn_id,
            question=question,
            arguments=arguments,
            deadline=time.time() + patience.total_seconds(),
        ),
        method_name=method,
        kwargs={"arguments": arguments},
        timeout=patience + _GRACE,
    )
