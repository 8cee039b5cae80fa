"""Asks a cluster the same question until it has an answer, or the time is over.

Questions are the domain's functions, by name; they run in a thread and take no longer than a request or two.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from migration_ops.triggers.mover import NOTICE_SECONDS

QUESTIONS = {
    "isolation": ("migration_ops.migration.rehearsal.isolation_probe", "look_at_probe"),
    "image-pulls": ("migration_ops.migration.readiness_report.image_probing", "look_until_settled"),
}
_PAUSE_SECONDS = 1.5
_LONGEST_PAUSE_SECONDS = 8.0


class AskTrigger(BaseTrigger):
    """Fires with `answer`; that is nothing if there was none in time.

    :param conn_id: connection of the cluster.
    :param question: one of `QUESTIONS`.
    :param arguments: of the question's function, as JSON data, beside the cluster.
    :param deadline: until when, as seconds since the epoch.
    """

    def __init__(self, *, conn_id: str, question: str, arguments: dict[str, Any], deadline: float) -> None:
        super().__init__()
        self.conn_id = conn_id
        self.question = question
        self.arguments = arguments
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer needs to go on."""
        names = ("conn_id", "question", "arguments", "deadline")
        return "migration_ops.triggers.asking.AskTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask again and again."""
        began, pause = time.time(), _PAUSE_SECONDS
        while True:
            late = time.time() >= self.deadline
            answer: Any = None
            try:
                answer = await self._ask()
            except Exception as error:  # noqa: BLE001 - any failure to ask is treated alike: ask again, bounded
                self.log.warning("Can't ask the cluster about %s: %s", self.question, error)
            if answer is not None or late:
                await asyncio.sleep(began + NOTICE_SECONDS - time.time())
                yield TriggerEvent({"answer": answer})
                return
            await asyncio.sleep(max(0.0, min(pause, self.deadline - time.time())))
            pause = min(pause * 1.3, _LONGEST_PAUSE_SECONDS)

    async def _ask(self) -> Any:
        from airflow.providers.common.compat.connection import get_async_connection

        connection = await get_async_connection(self.conn_id)
        return await asyncio.to_thread(self._ask_in_thread, connection)

    def _ask_in_thread(self, connection: Any) -> Any:
        from migration_ops.hooks.cluster import ClusterHook
        from migration_ops.hooks.cluster_fields import cluster_fields

        module, name = QUESTIONS[self.question]
        function = getattr(importlib.import_module(module), name)
        cluster = ClusterHook(self.conn_id, connection_extras=cluster_fields(connection)).cluster
        try:
            return function(cluster, **self.arguments)
        finally:
            cluster.close()
