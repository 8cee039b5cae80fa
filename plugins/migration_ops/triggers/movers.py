"""Waits until one of several movers has ended; what that means is the operator's affair.

The asking is done in a thread, with the same few requests with which a worker looks at movers.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from migration_ops.triggers.mover import NOTICE_SECONDS

if TYPE_CHECKING:
    from migration_ops.hooks.cluster import ClusterHook

_UNREACHABLE_SECONDS = 300  # an API server may be away this long before its movers are given up


class MoversTrigger(BaseTrigger):
    """Fires when a mover has ended, at a deadline, and now and then with what the movers have told.

    :param conn_id: connection of the cluster.
    :param movers: namespace, name and uid of each Job, by volume.
    :param deadline: when to look anew in any case, as seconds since the epoch.
    :param report_after_seconds: after which time the movers' progress is handed to the operator.
    """

    def __init__(
        self,
        *,
        conn_id: str,
        movers: dict[str, dict[str, str]],
        deadline: float,
        report_after_seconds: float = 15.0,
    ) -> None:
        super().__init__()
        self.conn_id = conn_id
        self.movers = movers
        self.deadline = deadline
        self.report_after_seconds = report_after_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer needs to go on."""
        names = ["conn_id", "movers", "deadline", "report_after_seconds"]
        return "migration_ops.triggers.movers.MoversTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something that the operator must know."""
        from migration_ops.cluster import KubeconfigError

        hook: ClusterHook | None = None
        began, answered = time.time(), time.time()
        told: dict[str, str] = {}
        while True:
            tell = time.time() - began > self.report_after_seconds
            event: dict[str, Any] | None = None
            try:
                hook = hook or await self._hook()
                phases, progress = await asyncio.to_thread(self._ask, hook, told, tell=tell)
                answered = time.time()
                if any(phase not in {"waiting", "running"} for phase in phases.values()):
                    event = {"phase": "ended"}
                elif progress or time.time() > self.deadline:
                    event = {"phase": "progress", "progress": progress}
            except KubeconfigError as error:  # the connection is wrong: nobody is away who could come back
                event = {"phase": "misdirected", "reason": str(error)}
            except Exception as error:  # noqa: BLE001 - any failure to ask is treated alike: ask again, bounded
                self.log.warning("Can't ask about the movers: %s", error)
                hook = None  # credentials may have ended meanwhile
                if time.time() - answered > _UNREACHABLE_SECONDS:
                    event = {"phase": "unreachable", "reason": str(error)}
            if event:
                await asyncio.sleep(began + NOTICE_SECONDS - time.time())
                yield TriggerEvent(event)
                return
            await asyncio.sleep(random.uniform(0.8, 1.2))  # noqa: S311 - only spreads the requests

    async def _hook(self) -> ClusterHook:
        """The connection as it is now; of an ACK cluster with a kubeconfig that holds."""
        from airflow.providers.common.compat.connection import get_async_connection

        from migration_ops.hooks.cluster import ClusterHook
        from migration_ops.hooks.cluster_fields import cluster_fields

        connection = await get_async_connection(self.conn_id)
        fields = await asyncio.to_thread(cluster_fields, connection)
        return ClusterHook(self.conn_id, connection_extras=fields)

    def _ask(
        self, hook: ClusterHook, told: dict[str, str], *, tell: bool
    ) -> tuple[dict[str, str], dict[str, Any]]:
        from migration_ops.mover import progress_text
        from migration_ops.mover.submission import Submission
        from migration_ops.mover.watching import look, progress_of

        movers = {item: Submission(**where, adopted=True) for item, where in self.movers.items()}
        seen = look(hook.api_client, movers)
        progress = {}
        for item, one in seen.items():
            if one.phase == "waiting" and told.get(item) != one.reason:
                told[item] = one.reason
                self.log.info("Mover of %s waits: %s", item, one.reason)
            if tell and one.pod and (said := progress_of(hook.api_client, movers[item], one.pod)):
                progress[item] = said | {"node": one.node}
                self.log.info("%s: %s", item, progress_text(said))
        return {item: one.phase for item, one in seen.items()}, progress
