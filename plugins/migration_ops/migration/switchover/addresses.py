"""Under which address the application was reached, and under which it is now: the list for the DNS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from migration_ops.cluster import Manifest, ObjectReference
from migration_ops.cluster.reference import annotations_of
from migration_ops.migration.switchover.external_dns import HOSTNAME, PREFIXES

_ENTRANCES = frozenset({"Service", "Ingress", "Gateway", "HTTPRoute"})


class AddressChange(BaseModel):
    """One entrance of the application.

    :param object: its reference in the target.
    :param hosts: the names that clients use, as far as the objects say them.
    :param old: addresses in the source.
    :param new: addresses in the target; none means that it has none yet.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    object: str
    hosts: list[str] = []
    old: list[str] = []
    new: list[str] = []

    @property
    def waits(self) -> bool:
        """Whether the target hasn't given an address yet, where the source had one."""
        return bool(self.old) and not self.new


def address_changes(
    source: Iterable[Manifest], target: Iterable[Manifest], namespaces: Mapping[str, str]
) -> list[AddressChange]:
    """Put both clusters' entrances next to each other.

    :param source: the objects of the source with their status, as captured.
    :param target: the objects of the target with their status, as they are now.
    :param namespaces: source to target namespace.
    """
    before: dict[tuple[str, str, str, str], list[str]] = {}
    for item in source:
        _, kind, namespace, name = ObjectReference.of(item).identity
        if kind in _ENTRANCES:
            # An Ingress may have been of another API group in the source.
            before["", kind, namespaces.get(namespace, namespace), name] = addresses_of(item)
    changes = []
    for item in target:
        reference = ObjectReference.of(item)
        if reference.kind not in _ENTRANCES:
            continue
        key = ("", reference.kind, reference.namespace, reference.name)
        change = AddressChange(
            object=str(reference), hosts=hosts_of(item), old=before.get(key, []), new=addresses_of(item)
        )
        wants = (item.get("spec") or {}).get("type") == "LoadBalancer"
        if change.old or change.new or wants:
            changes.append(change)
    return sorted(changes, key=lambda change: change.object)


def without_address(changes: Iterable[AddressChange]) -> list[str]:
    """References of the entrances that have lost their address: verification names them."""
    return [change.object for change in changes if change.waits]


def addresses_of(item: Manifest) -> list[str]:
    """The addresses that a load balancer or gateway has given to an object."""
    status = item.get("status") or {}
    given = [*((status.get("loadBalancer") or {}).get("ingress") or []), *(status.get("addresses") or [])]
    found = [one.get("hostname") or one.get("ip") or one.get("value") for one in given]
    return [str(address) for address in found if address]


def hosts_of(item: Manifest) -> list[str]:
    """The host names under which clients reach an object."""
    spec: dict[str, Any] = item.get("spec") or {}
    hosts: list[Any] = [rule.get("host") for rule in spec.get("rules") or [] if isinstance(rule, dict)]
    hosts += [
        host for tls in spec.get("tls") or [] if isinstance(tls, dict) for host in tls.get("hosts") or []
    ]
    hosts += [listener.get("hostname") for listener in spec.get("listeners") or []]
    hosts += spec.get("hostnames") or []
    annotations = annotations_of(item)
    for prefix in PREFIXES:
        hosts += annotations.get(prefix + HOSTNAME, "").split(",")
    return list(dict.fromkeys(str(host).strip() for host in hosts if host and str(host).strip()))
