"""Where the pages' facts come from: plan files, vaults and clusters, through the plans' own connections."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow.sdk.exceptions import AirflowNotFoundException

from migration_ops.ui.known_plans import KnownPlans, PlanShelf
from migration_ops.ui.mover_watch import MoverWatch
from migration_ops.ui.shelf import Shelf
from migration_ops.ui.trouble import Trouble, trouble
from migration_ops.ui.vault_index import PlanSlips, VaultIndex

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.hooks.vault import VaultHook
    from migration_ops.migration import Plan
    from migration_ops.ui.findings_now import Looks
    from migration_ops.vault import Repository

T = TypeVar("T")

FIRST_WAIT = 0.6
"""Seconds a page waits for a vault: what isn't there by then is filled in by the page itself."""

_REOPEN_SECONDS, _COMPARE_SECONDS = 600.0, 4.0
_SLIPS_FRESH, _SLIPS_KEPT = 4.0, 20.0
_FOREVER = 3600.0
_CLUSTER_SECONDS = 2.0


@dataclass
class _Held(Generic[T]):
    """Something that was opened through a connection.

    :param content: a digest of the connection's fields then.
    :param compared: when that was last found to be the same.
    """

    held: T
    content: str
    opened: float
    compared: float


class Sources:
    """All that pages may ask.

    :param plans: the plan files.
    :param shelf: keeps answers.
    :param hook: makes the hook of a vault's connection.
    :param cluster: connects to a cluster by its connection's id.
    :param content: what a connection says, as a digest that changes with any of its fields.
    """

    def __init__(
        self,
        plans: PlanShelf | None = None,
        shelf: Shelf | None = None,
        hook: Callable[[str], VaultHook] | None = None,
        cluster: Callable[[str], Cluster] | None = None,
        content: Callable[[str], str] | None = None,
    ) -> None:
        self.shelf = shelf or Shelf()
        self._plans = plans or PlanShelf()
        self._hook = hook or _vault_hook
        self._cluster = cluster or _connected
        self._content = content or _digest
        self._clusters: dict[str, _Held[Cluster]] = {}
        self._open: dict[str, _Held[VaultIndex]] = {}
        self.looks: dict[tuple[str, str], tuple[float, Looks]] = {}
        self.movers = MoverWatch()
        self._secrets: dict[str, frozenset[str]] = {}
        self._lock = Lock()

    async def plans(self) -> KnownPlans:
        """The plans that can be read here."""
        return await self.shelf.get("plan files", "plans", self._plans.known, fresh=2, keep=60, wait=10)

    async def slips(self, plan: Plan, wait: float = FIRST_WAIT) -> PlanSlips:
        """What the vault holds of a plan."""
        conn_id = plan.vault.conn_id
        found = await self.shelf.get(
            _place(conn_id),
            ("slips", conn_id),
            lambda: self._index(conn_id).refresh(),
            fresh=_SLIPS_FRESH,
            keep=_SLIPS_KEPT,
            wait=wait,
        )
        return found.get(plan.name) or PlanSlips()

    async def from_vault(
        self,
        plan: Plan,
        key: Hashable,
        read: Callable[[Repository], T],
        *,
        fresh: float = _FOREVER,
        keep: float = 0.0,
        wait: float = FIRST_WAIT,
        weight: Callable[[T], int] = lambda _: 1,
        series: Hashable = None,
    ) -> T:
        """Something that is read out of the vault; by default it is taken to be immutable.

        :param key: names it within the vault.
        :param series: names what it is the newest of, if the last one will do while this one is being read.
        """
        conn_id = plan.vault.conn_id
        return await self.shelf.get(
            _place(conn_id),
            (conn_id, key),
            lambda: read(self._index(conn_id).repository),
            fresh=fresh,
            keep=keep,
            wait=wait,
            weight=weight,
            series=(conn_id, series) if series is not None else None,
        )

    def vault_trouble(self, plan: Plan, error: Exception) -> Trouble:
        """Why the vault gave no answer."""
        conn_id = plan.vault.conn_id
        found = trouble(_place(conn_id), error, self._secrets.get(conn_id, ()))
        held = self._open.get(conn_id)
        progress = held.held.progress if held else None
        if found.reading and progress:
            said = f"is being read: {progress[0]} of {progress[1]} snapshots so far"
            found = found.model_copy(update={"message": said})
        return found

    async def from_cluster(
        self, conn_id: str, key: Hashable, read: Callable[[Cluster], T], *, fresh: float, keep: float = 15.0
    ) -> T:
        """Something that a cluster says now, or said a moment ago while it is being asked again.

        :param key: names it within the cluster.
        """
        return await self.shelf.get(
            f"cluster {conn_id}",
            (conn_id, key),
            lambda: read(self._cluster_of(conn_id)),
            fresh=fresh,
            keep=keep,
            wait=FIRST_WAIT,
        )

    def _cluster_of(self, conn_id: str) -> Cluster:
        """The connected cluster."""
        return self._through(self._clusters, conn_id, lambda _: self._cluster(conn_id))

    def _index(self, conn_id: str) -> VaultIndex:
        """The open vault."""

        def opened(before: VaultIndex | None) -> VaultIndex:
            hook = self._hook(conn_id)
            self._secrets[conn_id] = _secrets(hook)
            same = before is not None and before.repository.location == hook.location
            return VaultIndex(hook.get_conn(), before if same else None)

        return self._through(self._open, conn_id, opened)

    def _through(self, kept: dict[str, _Held[T]], conn_id: str, opened: Callable[[T | None], T]) -> T:
        """What a connection leads to: opened again when its fields have changed, and now and then.

        Fields are compared every few seconds; what they only name (a file, a role) may change unseen.
        """
        now = time.monotonic()
        with self._lock:
            one = kept.get(conn_id)
            young = one is not None and now - one.opened < _REOPEN_SECONDS
            if one is not None and young and now - one.compared < _COMPARE_SECONDS:
                return one.held
        content = self._content(conn_id)
        if one is not None and young and content == one.content:
            one.compared = now
            return one.held
        made = _Held(opened(one.held if one else None), content, now, now)
        with self._lock:
            kept[conn_id] = made
        return made.held


def _place(conn_id: str) -> str:
    return f"vault {conn_id}"


def _digest(conn_id: str) -> str:
    """A digest of a connection's fields, and of those of the connection that its keys come from."""
    said, extra = _fields(conn_id)
    if isinstance(keys_from := extra.get("aws_conn_id"), str) and keys_from:
        with suppress(AirflowNotFoundException):  # the hook says what is missing
            said += _fields(keys_from)[0]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _fields(conn_id: str) -> tuple[list[str], dict[str, Any]]:
    """What a connection says, and its extra fields once more as such."""
    from airflow.sdk import BaseHook

    connection: Any = BaseHook.get_connection(conn_id)
    names = ("conn_type", "host", "login", "password", "schema", "port", "extra")
    extra = connection.extra_dejson
    return [str(getattr(connection, name)) for name in names], extra if isinstance(extra, dict) else {}


def _vault_hook(conn_id: str) -> VaultHook:
    from migration_ops.hooks.vault import VaultHook

    return VaultHook(conn_id)


def _connected(conn_id: str) -> Cluster:
    from migration_ops.cluster import Cluster as Connected
    from migration_ops.hooks.cluster import ClusterHook

    hook = ClusterHook(conn_id)
    return Connected(hook.api_client, hook.cluster_name, retry_seconds=_CLUSTER_SECONDS)


def _secrets(hook: VaultHook) -> frozenset[str]:
    given = hook.credentials().environment
    return frozenset(
        value for name, value in given.items() if any(word in name for word in ("PASSWORD", "KEY", "TOKEN"))
    )
