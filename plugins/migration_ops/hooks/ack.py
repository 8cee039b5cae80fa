"""Connections of type `migration_ops_ack`: a cluster that is reached through Alibaba Cloud's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from migration_ops.alibaba import ContainerService
    from migration_ops.alibaba.settings import AckSettings


class AckHook(BaseHook):
    """A registered cluster (ACK One) or a managed one (ACK).

    Wherever a plan names a connection of type `kubernetes` it may name one of this type instead: then a
    temporary kubeconfig is asked for, and renewed before it ends. All is in the extra fields (see
    `AckSettings`): `access_key_id`, `access_key_secret`, `security_token`, `region`, `cluster`, `network`,
    `minutes`, `create`, `agent_conn_id`, `components`, `endpoint`.

    :param conn_id: the connection's id.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "migration_ops_ack_default"
    conn_type = "migration_ops_ack"
    hook_name = "Alibaba Cloud ACK cluster"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id

    @cached_property
    def _extras(self) -> dict[str, Any]:
        return dict(self.get_connection(self.conn_id).extra_dejson)

    @property
    def is_ack(self) -> bool:
        """Whether the connection names an ACK cluster; others bring a kubeconfig of their own."""
        from migration_ops.alibaba.settings import is_ack

        return is_ack(self._extras)

    @cached_property
    def settings(self) -> AckSettings:
        """What the connection says.

        :raises AlibabaError: if a field is missing or wrong.
        """
        from migration_ops.alibaba.settings import AckSettings

        return AckSettings.from_extras(self._extras)

    @cached_property
    def service(self) -> ContainerService:
        """The API with the connection's key."""
        from migration_ops.alibaba import ContainerService

        return ContainerService(self.settings.access)

    def get_conn(self) -> ContainerService:
        """Return the API with the connection's key."""
        return self.service

    def test_connection(self) -> tuple[bool, str]:
        """Look for the cluster, for the button in Airflow's UI."""
        from migration_ops.alibaba import AlibabaError, find_cluster

        try:
            found = find_cluster(self.service, self.settings.cluster)
        except AlibabaError as error:
            return False, str(error)
        if found is None:
            missing = f"The key is good; there is no cluster {self.settings.cluster} yet"
            return self.settings.create is not None, missing
        return True, f"Cluster {found.name} ({found.id}) is {found.state}"


def with_kubeconfig(extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection's extra fields as Kubernetes' hooks read them.

    Those of an ACK cluster are replaced by a temporary kubeconfig, for which the API may have to be asked;
    others are returned as they are.

    :param extras: the connection's extra fields.
    :raises AlibabaError: when no kubeconfig can be had.
    """
    from migration_ops.alibaba.settings import AckSettings, is_ack

    if not is_ack(extras):
        return dict(extras)
    import yaml

    from migration_ops.alibaba import ContainerService, current_kubeconfig

    settings = AckSettings.from_extras(extras)
    text = current_kubeconfig(
        ContainerService(settings.access),
        settings.cluster,
        minutes=settings.minutes,
        internal=settings.internal,
    )
    name = str(extras.get("cluster_name") or settings.cluster)
    return {"kube_config": json.dumps(yaml.safe_load(text)), "cluster_name": name}
