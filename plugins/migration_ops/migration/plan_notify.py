"""The plan's `notify`: who is told of what, by which of Airflow's notifiers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from migration_ops.bad_input import in_form
from migration_ops.migration.plan_base import Section

Occasion = Literal["finding", "approval", "failure", "overrun", "late", "finished"]
_CLASS = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\.[A-Z]\w*$"
_EXAMPLE = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)


class Notify(Section):
    """One way to tell somebody.

    Holds no secret: notifiers take theirs from Airflow connections, whose ids are in `kwargs`.
    """

    on: list[Occasion] = Field(
        default=list(OCCASIONS),
        min_length=1,
        description="`finding`: something needs a decision or could not be read; `approval`: a question "
        "waits; `failure`: a run failed; `overrun`: a window ended before a backup or a staging did; "
        "`late`: a backup isn't done by `schedule.deadline`; `finished`: a cutover is done, with figures.",
    )
    notifier: Annotated[
        str, in_form(_CLASS, f"the dotted path of a notifier's class, such as {_EXAMPLE}")
    ] = Field(
        json_schema_extra={"pattern": _CLASS},
        max_length=256,
        description="Class of an Airflow notifier, as a dotted path.",
        examples=[_EXAMPLE],
    )
    kwargs: dict[str, Any] = Field(
        default={},
        description="Its arguments; texts may hold `{{ message.title }}`, `message.text`, `message.html`, "
        "`message.url`, `message.plan`, `message.occasion`. What takes a text and isn't given gets one.",
    )
