"""Connections to clusters, of type `kubernetes` or `migration_ops_ack`, kept apart from each other."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import Any

from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook, KubernetesHook
from kubernetes import client

from migration_ops.cluster import Cluster
from migration_ops.hooks.cluster_fields import cluster_fields, name_of


class ClusterHook(KubernetesHook):
    """One cluster of a plan.

    The stock hook loads a kubeconfig into the process' default configuration, where the source's and the
    target's would overwrite each other; this one gives each cluster a configuration of its own. Nor does it
    go to the cluster that `KUBECONFIG` names: the connection says which one is meant.

    :param conn_id: Airflow connection of type `kubernetes` or `migration_ops_ack`; the extra field
        `cluster_name` names the cluster in snapshots and messages (the connection's id when left out).
    :param connection_extras: what `cluster_fields` gave, if somebody has read the connection already: a
        triggerer reads connections in its event loop and uses this hook in a thread.
    """

    def __init__(
        self, conn_id: str, *, connection_extras: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(conn_id=conn_id, client_configuration=client.Configuration(), **kwargs)
        self._given_extras = connection_extras

    @cached_property
    def conn_extras(self) -> dict[str, Any]:
        """The connection's extra fields, checked; an ACK cluster's with a kubeconfig that still holds."""
        if self._given_extras is not None:
            return self._given_extras
        return cluster_fields(self.get_connection(str(self.conn_id)))

    def get_conn(self) -> client.ApiClient:
        """Connect; in a cluster's own pod with its service account, which needs the default configuration."""
        if self.in_cluster or self._get_field("in_cluster"):
            self.client_configuration = None
        return super().get_conn()

    @property
    def cluster_name(self) -> str:
        """What the cluster is called in snapshots and messages."""
        if self._given_extras is not None:
            return str(self._get_field("cluster_name") or self.conn_id)
        return name_of(self.get_connection(str(self.conn_id)))

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster, for the domain's packages."""
        return Cluster(self.api_client, self.cluster_name)


class AsyncClusterHook(AsyncKubernetesHook):
    """The same for an event loop; reads connections as `ClusterHook` does, `disable_verify_ssl` included."""

    async def get_conn_extras(self) -> dict[str, Any]:
        """The connection's extra fields, checked; an ACK cluster's with a kubeconfig that still holds."""
        if self._extras is not None:
            return self._extras
        from airflow.providers.common.compat.connection import get_async_connection

        connection = await get_async_connection(str(self.conn_id))
        self._extras = found = await asyncio.to_thread(cluster_fields, connection)
        return found

    async def _load_config(self) -> None:
        await super()._load_config()
        fields = await self.get_conn_extras()
        if self.client_configuration and str(fields.get("disable_verify_ssl")).strip().lower() == "true":
            self.client_configuration.verify_ssl = False
