"""Temporary kubeconfigs: asked for when needed, used again while they hold, renewed before they end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from migration_ops.alibaba.clusters import find_cluster
from migration_ops.alibaba.container_service import ContainerService
from migration_ops.alibaba.errors import AlibabaError, ClusterMissingError
from migration_ops.alibaba.settings import LONGEST, SHORTEST

_log = logging.getLogger(__name__)
RENEW_AGAIN = timedelta(minutes=1)
"""How long a failed renewal rests while the last kubeconfig still holds."""


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


@dataclass(slots=True)
class _Held:
    """What this process has for one cluster.

    :param turn: held by the thread that asks for a new one.
    :param kubeconfig: the newest, if any.
    :param renew_at: when to ask for the next: later than it says itself if the last attempt failed.
    :param failure: of the last attempt to get the first one.
    :param failed_at: when that was, by the monotonic clock.
    """

    turn: threading.Lock = field(default_factory=threading.Lock)
    kubeconfig: TemporaryKubeconfig | None = None
    renew_at: datetime | None = None
    failure: AlibabaError | None = None
    failed_at: float = 0.0

    def put(self, made: TemporaryKubeconfig) -> str:
        """Have a new one."""
        self.kubeconfig, self.renew_at, self.failure = made, made.renew_at, None
        return made.text


_lock = threading.Lock()
_held: dict[tuple[str, ...], _Held] = {}


def current_kubeconfig(
    service: ContainerService,
    name_or_id: str,
    *,
    minutes: int = 720,
    internal: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> str:
    """Return a kubeconfig that holds; asks for one only when this process has none, or has to renew it.

    One that isn't over is used while the API is away or refuses: then renewing is tried again every minute,
    for a few seconds each time, by one thread; the others go on with what there is.

    :param service: the API.
    :param name_or_id: of the cluster.
    :param minutes: see `fetch_kubeconfig`.
    :param internal: see `fetch_kubeconfig`.
    :param clock: tells the time.
    :raises AlibabaError: when there is none, or only one that has expired, and the API gives none.
    """
    access = service.access
    key = (access.key_id, access.region, access.endpoint, name_or_id, str(minutes), str(internal))
    with _lock:  # the threads of a triggerer ask at the same time
        held = _held.setdefault(key, _Held())

    def ask(by: ContainerService) -> TemporaryKubeconfig:
        return fetch_kubeconfig(by, name_or_id, minutes=minutes, internal=internal)

    began = time.monotonic()
    last = held.kubeconfig
    if last is None or last.expires <= clock():
        with held.turn:
            return _first(held, lambda: ask(service), clock, began)
    if _is_due(held, clock()) and held.turn.acquire(blocking=False):
        try:
            if _is_due(held, clock()):
                return held.put(ask(service.hurried()))
        except AlibabaError as error:
            held.renew_at = clock() + RENEW_AGAIN
            _log.warning(
                "The kubeconfig of cluster %s can't be renewed; it is used until it ends at %s: %s",
                name_or_id,
                last.expires.isoformat(timespec="seconds"),
                error,
            )
        finally:
            held.turn.release()
    return last.text


def _is_due(held: _Held, now: datetime) -> bool:
    return held.renew_at is not None and held.renew_at <= now


def _first(
    held: _Held, ask: Callable[[], TemporaryKubeconfig], clock: Callable[[], datetime], began: float
) -> str:
    """Ask, unless another thread did while this one waited for its turn: its answer is everybody's."""
    if held.failure is not None and held.failed_at >= began:
        raise held.failure
    made = held.kubeconfig
    if made is not None and made.expires > clock():
        return made.text
    try:
        return held.put(ask())
    except AlibabaError as error:
        held.failure, held.failed_at = error, time.monotonic()
        raise


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
