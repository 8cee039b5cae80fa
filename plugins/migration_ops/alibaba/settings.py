"""A connection of type `migration_ops_ack` as typed values: which cluster, with which key, made how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migration_ops.alibaba.access import Access
from migration_ops.alibaba.errors import AlibabaError

DEFAULT_MINUTES = 720


@dataclass(frozen=True, slots=True)
class AckSettings:
    """What a connection says.

    :param access: the key and the region.
    :param cluster: name or ID.
    :param internal: whether kubeconfig and agent use addresses within the VPC.
    :param minutes: how long a kubeconfig holds.
    :param create: fields of CreateCluster for when there is no such cluster; ``None``: it has to be there.
    :param agent_conn_id: connection of type `kubernetes` that reaches a registered cluster without ACK One.
    :param components: names of the components that the cluster must have.
    """

    access: Access
    cluster: str
    internal: bool = False
    minutes: int = DEFAULT_MINUTES
    create: dict[str, Any] | None = None
    agent_conn_id: str = ""
    components: tuple[str, ...] = field(default=())

    @classmethod
    def from_extras(cls, extras: Mapping[str, Any]) -> AckSettings:
        """Read a connection's extra fields.

        :raises AlibabaError: if one is missing or isn't what it should be; names the field.
        """
        cluster = str(extras.get("cluster") or "")
        if not cluster:
            raise AlibabaError("the connection names no cluster; set its field cluster to a name or an ID")
        network = str(extras.get("network") or "public")
        if network not in {"public", "internal"}:
            raise AlibabaError(f"network is {network!r}; it has to be public or internal")
        try:
            minutes = int(extras.get("minutes") or DEFAULT_MINUTES)
        except (TypeError, ValueError):
            raise AlibabaError(f"minutes is {extras['minutes']!r}; it has to be a number") from None
        return cls(
            access=Access(
                key_id=str(extras.get("access_key_id") or ""),
                key_secret=str(extras.get("access_key_secret") or ""),
                region=str(extras.get("region") or ""),
                security_token=str(extras.get("security_token") or ""),
                endpoint=str(extras.get("endpoint") or ""),
            ),
            cluster=cluster,
            internal=network == "internal",
            minutes=minutes,
            create=_object(extras.get("create")),
            agent_conn_id=str(extras.get("agent_conn_id") or ""),
            components=_names(extras.get("components")),
        )


def is_ack(extras: Mapping[str, Any]) -> bool:
    """Tell whether a connection's extra fields are those of an ACK cluster, and hold no kubeconfig.

    :param extras: the fields.
    """
    return bool(extras.get("access_key_id"))


def _object(value: object) -> dict[str, Any] | None:
    if value is None or value == "":
        return None
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise AlibabaError(f"create isn't JSON: {error}") from None
    if not isinstance(found, dict):
        raise AlibabaError("create has to be a JSON object with fields of CreateCluster")
    return found


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    return tuple(str(name) for name in value) if isinstance(value, (list, tuple)) else ()
