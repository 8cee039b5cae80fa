"""A connection of type `migration_ops_ack` as typed values: which cluster, with which key, made how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migration_ops.alibaba.access import Access
from migration_ops.alibaba.errors import AlibabaError

SHORTEST, LONGEST = 15, 4320
"""Bounds of the API for a kubeconfig's life, in minutes: a quarter of an hour, three days."""

CONN_TYPE = "migration_ops_ack"
DEFAULT_MINUTES = 720
REQUIRED = ("access_key_id", "access_key_secret", "region", "cluster")
_TEXTS = {
    "access_key_id": "a RAM user's AccessKey ID",
    "access_key_secret": "the AccessKey's secret",
    "region": "the cluster's region, for example cn-hangzhou",
    "cluster": "the cluster's name or ID",
}
KNOWN = (*REQUIRED, "security_token", "network", "minutes", "create", "agent_conn_id", "components",
         "endpoint", "cluster_name")  # fmt: skip
"""All extra fields that a connection may have."""


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
    def from_extras(cls, extras: Mapping[str, Any], conn_id: str) -> AckSettings:
        """Read a connection's extra fields.

        :param extras: the fields.
        :param conn_id: the connection's id, for messages.
        :raises AlibabaError: if one is missing or isn't what it should be; names connection and field.
        """
        connection = f"connection {conn_id}"
        for name in REQUIRED:
            if not extras.get(name):
                raise AlibabaError(f"{connection} has no {name}; set it to {_TEXTS[name]}")
        network = str(extras.get("network") or "public")
        if network not in {"public", "internal"}:
            raise AlibabaError(f"{connection}: network is {network!r}; it has to be public or internal")
        return cls(
            access=Access(
                key_id=str(extras.get("access_key_id") or ""),
                key_secret=str(extras.get("access_key_secret") or ""),
                region=str(extras.get("region") or ""),
                security_token=str(extras.get("security_token") or ""),
                endpoint=str(extras.get("endpoint") or ""),
            ),
            cluster=str(extras["cluster"]),
            internal=network == "internal",
            minutes=_minutes(extras.get("minutes"), connection),
            create=_object(extras.get("create"), connection),
            agent_conn_id=str(extras.get("agent_conn_id") or ""),
            components=_names(extras.get("components")),
        )


def _minutes(value: Any, connection: str) -> int:
    try:
        minutes = int(value or DEFAULT_MINUTES)
    except (TypeError, ValueError):
        raise AlibabaError(f"{connection}: minutes is {value!r}; it has to be a number") from None
    if not SHORTEST <= minutes <= LONGEST:
        raise AlibabaError(
            f"{connection}: a kubeconfig can hold {SHORTEST} to {LONGEST} minutes; minutes is {minutes}"
        )
    return minutes


def _object(value: object, connection: str) -> dict[str, Any] | None:
    if value is None or value == "":
        return None
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise AlibabaError(f"{connection}: create isn't JSON: {error}") from None
    if not isinstance(found, dict):
        raise AlibabaError(f"{connection}: create has to be a JSON object with fields of CreateCluster")
    return found


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    return tuple(str(name) for name in value) if isinstance(value, (list, tuple)) else ()
