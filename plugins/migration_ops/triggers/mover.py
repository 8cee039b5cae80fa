"""Waits for a mover, tells its log what the mover says meanwhile, and ends the task when all went well.

Ending it here saves the start of a worker for each volume, which is part of the downtime. Whatever is out of
the ordinary goes back to the operator: failures, lost summaries, and progress, since a trigger can't write to
the task state store. Polls are short requests: nothing depends on a stream staying open.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from migration_ops.migration.volumes import outcome
from migration_ops.mover import Observation, observe, progress_text, read_messages, summary_text

# A scheduler that resumes a task before it has noticed that the task deferred takes the resumed one for
# lost and fails it (seen with Airflow 3.3.2 and movers that take a second): give it the time to notice.
NOTICE_SECONDS = 2.5
_UNREACHABLE_SECONDS = 300  # an API server may be away this long before the mover is given up


class MoverTrigger(BaseTrigger):
    """Fires when a mover has ended or hasn't started in time, and now and then with its progress.

    :param conn_id: connection of the cluster.
    :param namespace: the Job's namespace.
    :param name: the Job's name.
    :param uid: the Job's UID; pods of an earlier Job of the same name don't count.
    :param start_deadline: until when it must run, as seconds since the epoch.
    :param deadline: until when it must have ended, as seconds since the epoch.
    :param report_after_seconds: how long to wait before progress is handed to the operator.
    :param logged_until: what was logged before, as the time stamp of the last line.
    :param finish: what becomes of the mover's summary, see `migration.volumes.outcome`; without it the
        operator is resumed to say so.
    """

    def __init__(
        self,
        *,
        conn_id: str,
        namespace: str,
        name: str,
        uid: str,
        start_deadline: float,
        deadline: float,
        report_after_seconds: float = 15.0,
        logged_until: str | None = None,
        finish: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.conn_id = conn_id
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.start_deadline = start_deadline
        self.deadline = deadline
        self.report_after_seconds = report_after_seconds
        self.logged_until = logged_until
        self.finish = finish

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer needs to go on."""
        names = ["conn_id", "namespace", "name", "uid", "start_deadline", "deadline"]
        names += ["report_after_seconds", "logged_until", "finish"]
        return "migration_ops.triggers.mover.MoverTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until there is something that the operator must know."""
        from migration_ops.cluster import KubeconfigError
        from migration_ops.hooks.cluster import AsyncClusterHook

        hook = AsyncClusterHook(conn_id=self.conn_id)
        began = time.time()
        report_at = began + self.report_after_seconds
        unreachable_since: float | None = None
        progress: dict[str, Any] | None = None
        pause = 0.5
        waiting_for = ""
        while True:
            try:
                seen, progress = await self._look(hook, progress)
                unreachable_since = None
            except KubeconfigError as error:  # the connection is wrong: nobody is away who could come back
                await asyncio.sleep(began + NOTICE_SECONDS - time.time())
                yield TriggerEvent({"phase": "misdirected", "reason": str(error)})
                return
            except Exception as error:  # noqa: BLE001 - any failure to ask is treated alike: ask again, bounded
                unreachable_since = unreachable_since or time.time()
                self.log.warning("Can't ask about mover %s/%s: %s", self.namespace, self.name, error)
                hook = AsyncClusterHook(conn_id=self.conn_id)  # credentials may have ended meanwhile
                if time.time() - unreachable_since > _UNREACHABLE_SECONDS:
                    yield TriggerEvent({"phase": "unreachable", "reason": str(error)})
                    return
                seen = Observation("running")
            if seen.phase == "waiting" and seen.reason != waiting_for:
                waiting_for = seen.reason
                self.log.info("Mover %s/%s waits: %s", self.namespace, self.name, waiting_for)
            if seen.phase == "succeeded" and (result := await self._end(hook, seen)) is not None:
                yield TaskSuccessEvent(xcoms={"return_value": result})
                return
            if event := self._event(seen, progress, report_at):
                await asyncio.sleep(began + NOTICE_SECONDS - time.time())
                yield TriggerEvent(event)
                return
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - only spreads the requests
            pause = min(pause * 1.3, 5.0)

    def _event(
        self, seen: Observation, progress: dict[str, Any] | None, report_at: float
    ) -> dict[str, Any] | None:
        state = {"progress": progress, "logged_until": self.logged_until}
        now = time.time()
        if seen.phase in {"succeeded", "failed", "gone"}:
            return seen.data() | state
        if now > self.deadline:
            return seen.data() | state | {"phase": "timeout"}
        if seen.phase == "waiting" and now > self.start_deadline:
            return seen.data() | state | {"phase": "not_started"}
        if now > report_at and seen.phase == "running" and progress:
            return seen.data() | state | {"phase": "progress"}
        return None

    async def _end(self, hook: Any, seen: Observation) -> dict[str, Any] | None:
        """Do what is left to do, and return the task's result; nothing if the operator has to do it."""
        from kubernetes_asyncio import client

        if self.finish is None or seen.summary is None:
            return None
        try:
            result = outcome(self.finish, seen.summary)
            if self.finish["kind"] == "restore":
                await asyncio.to_thread(self._note_staged, await hook.get_conn_extras())
            async with hook.get_conn() as api:
                await client.BatchV1Api(api).delete_namespaced_job(
                    self.name, self.namespace, propagation_policy="Background"
                )
        except Exception as error:  # noqa: BLE001 - the operator tries the same with its retries
            self.log.warning("Can't end mover %s/%s here: %s", self.namespace, self.name, error)
            return None
        self.log.info("Done: %s", summary_text(seen.summary))
        return result

    def _note_staged(self, connection_extras: dict[str, Any]) -> None:
        from migration_ops.hooks.cluster import ClusterHook
        from migration_ops.migration.staging import mark_staged

        volume = (self.finish or {})["volume"]
        cluster = ClusterHook(self.conn_id, connection_extras=connection_extras).cluster
        try:
            mark_staged(cluster, (volume["namespace"], volume["claim"]), volume["snapshot_id"])
        finally:
            cluster.close()

    async def _look(
        self, hook: Any, progress: dict[str, Any] | None
    ) -> tuple[Observation, dict[str, Any] | None]:
        from kubernetes_asyncio import client

        async with hook.get_conn() as api:
            core, batch = client.CoreV1Api(api), client.BatchV1Api(api)
            selector = f"job-name={self.name},controller-uid={self.uid}"
            found = await core.list_namespaced_pod(self.namespace, label_selector=selector)
            pods = [api.sanitize_for_serialization(pod) for pod in found.items]
            seen = observe(None, pods)
            if seen.phase in {"gone", "failed"}:
                seen = observe(await self._job(batch, api), pods)
            if seen.phase == "waiting" and not seen.pod and (refusal := await self._refusal(core)):
                seen = Observation("waiting", refusal)
            if seen.pod and seen.phase != "waiting":
                progress = await self._read_log(core, seen.pod) or progress
        return seen, progress

    async def _refusal(self, core: Any) -> str:
        """Why the Job can't make its pod: a quota, a limit range, an admission webhook."""
        found = await core.list_namespaced_event(
            self.namespace, field_selector=f"involvedObject.uid={self.uid},reason=FailedCreate", limit=20
        )
        return str(found.items[-1].message) if found.items else ""

    async def _job(self, batch: Any, api: Any) -> dict[str, Any] | None:
        from kubernetes_asyncio.client.exceptions import ApiException

        try:
            job: dict[str, Any] = api.sanitize_for_serialization(
                await batch.read_namespaced_job(self.name, self.namespace)
            )
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return job

    async def _read_log(self, core: Any, pod: str) -> dict[str, Any] | None:
        """Log what the mover said since the last look, and return its newest progress."""
        from kubernetes_asyncio.client.exceptions import ApiException

        try:
            text = await core.read_namespaced_pod_log(
                pod, self.namespace, container="mover", timestamps=True, tail_lines=200, limit_bytes=65_536
            )
        except ApiException as error:
            self.log.debug("No log of %s yet: %s", pod, error.reason)
            return None
        lines = []
        for line in (text or "").splitlines():
            stamp, _, rest = line.partition(" ")
            if self.logged_until is None or stamp > self.logged_until:
                self.logged_until = stamp
                lines.append(rest)
        said = read_messages(lines)
        for problem in said.problems:
            self.log.warning("%s", problem)
        for line in said.other:
            self.log.info("%s", line)
        if said.progress:
            self.log.info("%s", progress_text(said.progress))
        return said.progress
