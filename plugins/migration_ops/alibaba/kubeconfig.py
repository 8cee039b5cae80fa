"""Temporary kubeconfigs: asked for when needed, used again while they hold, renewed before they end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from migration_ops.alibaba.clusters import find_cluster
from migration_ops.alibaba.container_service import ContainerService
from migration_ops.alibaba.errors import AlibabaError, ClusterMissingError
from migration_ops.alibaba.settings import LONGEST, SHORTEST


@dataclass(frozen=True, slots=True)
class TemporaryKubeconfig:
    """A kubeconfig that ends.

    :param text: YAML, with a client certificate and its key.
    :param expires: when it ends.
    :param renew_at: when to ask for the next one: with a third of its time left.
    """

    text: str = field(repr=False)
    expires: datetime
    renew_at: datetime


def fetch_kubeconfig(
    service: ContainerService, name_or_id: str, *, minutes: int, internal: bool
) -> TemporaryKubeconfig:
    """Ask for a kubeconfig.

    :param service: the API.
    :param name_or_id: of the cluster.
    :param minutes: how long it shall hold, 15 to 4320.
    :param internal: whether it shall name the address within the VPC.
    :raises ClusterMissingError: when there is no such cluster.
    :raises AlibabaError: when the API gives none.
    """
    if not SHORTEST <= minutes <= LONGEST:
        raise AlibabaError(f"a kubeconfig can hold {SHORTEST} to {LONGEST} minutes, not {minutes}")
    cluster = find_cluster(service, name_or_id)
    if cluster is None:
        raise ClusterMissingError(
            f"there is no cluster {name_or_id} in {service.access.region}: "
            "run PLAN.register, or check name and region"
        )
    asked = datetime.now(UTC)
    answer = service.call(
        "describe_cluster_user_kubeconfig",
        cluster.id,
        what=f"get a kubeconfig of cluster {cluster.name} ({cluster.id})",
        PrivateIpAddress=internal,
        TemporaryDurationMinutes=minutes,
    )
    if not answer.get("config"):
        raise AlibabaError(
            f"cluster {cluster.name} ({cluster.id}) has no {'internal' if internal else 'public'} address: "
            "choose the other network in the connection, or bind an EIP to its API server"
        )
    expires = _moment(answer.get("expiration")) or asked + timedelta(minutes=minutes)
    return TemporaryKubeconfig(str(answer["config"]), expires, asked + (expires - asked) * 2 / 3)


_lock = threading.Lock()
_held: dict[tuple[str, ...], TemporaryKubeconfig] = {}


def current_kubeconfig(
    service: ContainerService,
    name_or_id: str,
    *,
    minutes: int = 720,
    internal: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> str:
    """Return a kubeconfig that holds for a while yet; asks for one only when there is none in this process.

    :param service: the API.
    :param name_or_id: of the cluster.
    :param minutes: see `fetch_kubeconfig`.
    :param internal: see `fetch_kubeconfig`.
    :param clock: tells the time.
    """
    access = service.access
    key = (access.key_id, access.region, access.endpoint, name_or_id, str(minutes), str(internal))
    with _lock:  # the threads of a triggerer ask at the same time
        held = _held.get(key)
        if held is None or held.renew_at <= clock():
            held = _held[key] = fetch_kubeconfig(service, name_or_id, minutes=minutes, internal=internal)
        return held.text


def forget_kubeconfigs() -> None:
    """Ask anew the next time."""
    with _lock:
        _held.clear()


def _moment(text: object) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
