"""Connections of type `migration_ops_ack`: a cluster that is reached through Alibaba Cloud's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from migration_ops.hooks.extra_fields import extra_fields, unknown_field

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
    def _connection(self) -> Any:
        return self.get_connection(self.conn_id)

    @property
    def is_ack(self) -> bool:
        """Whether the connection is one of an ACK cluster; others bring a kubeconfig of their own."""
        return bool(self._connection.conn_type == self.conn_type)

    @cached_property
    def settings(self) -> AckSettings:
        """What the connection says.

        :raises AlibabaError: if a field is missing or wrong.
        """
        return _settings(self.conn_id, extra_fields(self._connection))

    @cached_property
    def service(self) -> ContainerService:
        """The API with the connection's key."""
        from migration_ops.alibaba import ContainerService

        return ContainerService(self.settings.access)

    def get_conn(self) -> ContainerService:
        """Return the API with the connection's key."""
        return self.service

    def test_connection(self) -> tuple[bool, str]:
        """Look for the cluster, for the button in Airflow's UI; ends after some ten seconds."""
        from migration_ops.alibaba import AlibabaError, find_cluster

        try:
            found = find_cluster(self.service.hurried(), self.settings.cluster)
        except (AlibabaError, ValueError) as error:
            text, name = str(error), f"connection {self.conn_id}"
            return False, text if name in text else f"{name}: {text}"
        if found is None:
            missing = f"The key is good; there is no cluster {self.settings.cluster} yet"
            return self.settings.create is not None, missing
        return True, f"Cluster {found.name} ({found.id}) is {found.state}"


def ack_kubeconfig(conn_id: str, extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extra fields that Kubernetes' hooks read, with a temporary kubeconfig of an ACK cluster.

    :param conn_id: the connection's id, for messages.
    :param extras: its extra fields.
    :raises AlibabaError: if a field is missing or wrong, or no kubeconfig can be had.
    """
    import yaml

    from migration_ops.alibaba import ContainerService, current_kubeconfig

    settings = _settings(conn_id, extras)
    text = current_kubeconfig(
        ContainerService(settings.access),
        settings.cluster,
        minutes=settings.minutes,
        internal=settings.internal,
    )
    name = str(extras.get("cluster_name") or settings.cluster)
    return {"kube_config": json.dumps(yaml.safe_load(text)), "cluster_name": name}


def _settings(conn_id: str, extras: Mapping[str, Any]) -> AckSettings:
    from migration_ops.alibaba import AlibabaError
    from migration_ops.alibaba.settings import KNOWN, AckSettings

    if reason := unknown_field(extras, KNOWN):
        raise AlibabaError(f"connection {conn_id}: {reason}")
    return AckSettings.from_extras(extras, conn_id)
