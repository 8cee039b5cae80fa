"""What a run's journal is made of: events with their names, free of vault and Airflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

HOOKS_BEGUN, QUIESCE_BEGUN, QUIESCED = "hooks-begun", "quiesce-begun", "quiesced"
STOPPED_MORE, DISTURBED = "stopped-more", "disturbed"
SOURCE_SILENT = "source-silent"
FINAL_DELTA, ADAPTED, RESTORED, APPLIED = "final-delta", "adapted", "restored", "applied"
READY, VERIFIED, FINISHED = "ready", "verified", "finished"
FAILED, ANSWERED, ROLLED_BACK, RESUMED = "failed", "answered", "rolled-back", "resumed"
UNDOING = "undoing"
"""A rollback is about to delete what the run made in the target; `ROLLED_BACK` follows when it is through."""
TAKEN_BACK = "taken-back"
"""In the run of a rollback of its own; what it did stands in the cutover's."""
LOOKED = "looked"
"""A readiness report that no approval followed: `connect`'s, or that of a cutover which it stopped."""


class Event(BaseModel):
    """One thing that happened.

    :param name: one of this module's names, or another step's.
    :param began: when it began; the same as `ended` for what takes no time.
    :param data: what has to be remembered, for example what quiesced workloads were.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    plan: str
    run: str
    name: str
    began: datetime
    ended: datetime = Field(default_factory=lambda: datetime.now(UTC))
    data: dict[str, Any] = {}

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began).total_seconds()
