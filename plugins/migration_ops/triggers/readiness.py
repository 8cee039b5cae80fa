"""Waits until objects of a cluster are ready; the asking itself is done in a thread, a little at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from migration_ops.triggers.mover import NOTICE_SECONDS

_SLICE_SECONDS = 20.0  # how long one look may wait; a triggerer that stops waits no longer than this


class ReadinessTrigger(BaseTrigger):
    """Ends its task when all objects are ready, and fires when the deadline has passed.

    :param conn_id: connection of the cluster.
    :param objects: kind, name and namespace of what has to be ready; no more of a manifest is needed.
    :param deadline: until when, as seconds since the epoch.
    :param began: since when it is waited, in ISO 8601; handed back with the end.
    """

    def __init__(self, *, conn_id: str, objects: list[dict[str, Any]], deadline: float, began: str) -> None:
        super().__init__()
        self.began = began
        self.conn_id = conn_id
        self.objects = objects
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer needs to go on."""
        return "migration_ops.triggers.readiness.ReadinessTrigger", {
            "conn_id": self.conn_id,
            "objects": self.objects,
            "deadline": self.deadline,
            "began": self.began,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again until ready or late."""
        told: list[str] = []
        began = time.time()
        while True:
            reasons: list[str] = []
            try:
                ready, reasons = await self._look(min(_SLICE_SECONDS, max(self.deadline - time.time(), 0.1)))
            except Exception as error:  # noqa: BLE001 - any failure to ask is treated alike: ask again, bounded
                ready, reasons = False, [f"can't ask the cluster: {error}"]
                await asyncio.sleep(3)
            if ready:
                ended = datetime.now(UTC).isoformat()
                self.log.info("Everything is ready")
                yield TaskSuccessEvent(xcoms={"return_value": {"began": self.began, "ended": ended}})
                return
            if time.time() > self.deadline:
                await asyncio.sleep(began + NOTICE_SECONDS - time.time())
                yield TriggerEvent({"reasons": reasons})
                return
            if reasons != told:
                told = reasons
                self.log.info("Not ready yet: %s", "; ".join(reasons))

    async def _look(self, seconds: float) -> tuple[bool, list[str]]:
        from airflow.providers.common.compat.connection import get_async_connection

        connection = await get_async_connection(self.conn_id)
        return await asyncio.to_thread(self._ask, connection, seconds)

    def _ask(self, connection: Any, seconds: float) -> tuple[bool, list[str]]:
        from migration_ops.cluster import wait_ready
        from migration_ops.hooks.cluster import ClusterHook
        from migration_ops.hooks.cluster_fields import cluster_fields

        cluster = ClusterHook(self.conn_id, connection_extras=cluster_fields(connection)).cluster
        try:
            found = wait_ready(cluster, self.objects, seconds)
        finally:
            cluster.close()
        return found.ready, [str(reason) for reason in found.not_ready]
