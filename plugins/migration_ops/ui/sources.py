"""Where the pages' facts come from: plan files, vaults and clusters, through the plans' own connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from migration_ops.ui.known_plans import KnownPlans, PlanShelf
from migration_ops.ui.shelf import Shelf
from migration_ops.ui.trouble import Trouble, trouble
from migration_ops.ui.vault_index import PlanSlips, VaultIndex

if TYPE_CHECKING:
    from migration_ops.cluster import Cluster
    from migration_ops.hooks.vault import VaultHook
    from migration_ops.migration import Plan
    from migration_ops.vault import Repository

T = TypeVar("T")

FIRST_WAIT = 0.6
"""Seconds a page waits for a vault: what isn't there by then is filled in by the page itself."""

_REOPEN_SECONDS = 600.0
_SLIPS_FRESH, _SLIPS_KEPT = 4.0, 30.0
_FOREVER = 3600.0
_CLUSTER_SECONDS = 2.0


class Sources:
    """All that pages may ask.

    :param plans: the plan files.
    :param shelf: keeps answers.
    :param hook: makes the hook of a vault's connection.
    :param cluster: connects to a cluster by its connection's id.
    """

    def __init__(
        self,
        plans: PlanShelf | None = None,
        shelf: Shelf | None = None,
        hook: Callable[[str], VaultHook] | None = None,
        cluster: Callable[[str], Cluster] | None = None,
    ) -> None:
        self.shelf = shelf or Shelf()
        self._plans = plans or PlanShelf()
        self._hook = hook or _vault_hook
        self._cluster = cluster or _connected
        self._clusters: dict[str, tuple[float, Cluster]] = {}
        self._open: dict[str, tuple[float, VaultIndex]] = {}
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
    ) -> T:
        """Something that is read out of the vault; by default it is taken to be immutable.

        :param key: names it within the vault.
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
        )

    def vault_trouble(self, plan: Plan, error: Exception) -> Trouble:
        """Why the vault gave no answer."""
        conn_id = plan.vault.conn_id
        found = trouble(_place(conn_id), error, self._secrets.get(conn_id, ()))
        held = self._open.get(conn_id)
        if found.reading and held and held[1].to_read:
            said = f"is being read: {held[1].read} of {held[1].to_read} snapshots so far"
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
        """The connected cluster; connected again now and then, since credentials change."""
        with self._lock:
            held = self._clusters.get(conn_id)
            if held and time.monotonic() - held[0] < _REOPEN_SECONDS:
                return held[1]
        cluster = self._cluster(conn_id)
        with self._lock:
            self._clusters[conn_id] = (time.monotonic(), cluster)
        return cluster

    def _index(self, conn_id: str) -> VaultIndex:
        """The open vault; opened again now and then, since keys and connections change."""
        with self._lock:
            held = self._open.get(conn_id)
        if held and time.monotonic() - held[0] < _REOPEN_SECONDS:
            return held[1]
        hook = self._hook(conn_id)
        self._secrets[conn_id] = _secrets(hook)
        same = held is not None and held[1].repository.location == hook.location
        index = VaultIndex(hook.get_conn(), held[1] if held and same else None)
        index.hook = hook  # a private CA's file lives as long as its hook
        with self._lock:
            self._open[conn_id] = (time.monotonic(), index)
        return index


def _place(conn_id: str) -> str:
    return f"vault {conn_id}"


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
