"""What pods and policies say of the source's network: readiness by its load balancers, addresses, DNS."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at
from migration_ops.transform.registry import adapter

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


@adapter("strip-readiness-gates")
def strip_readiness_gates(draft: Draft, base: Parts, context: Context) -> None:
    """Take away the readiness gates that only the source's platform sets: pods would never get ready.

    :param draft: the object.
    :param base: the pod template, or the Pod.
    :param context: knows the parameter `platform_readiness_gates`.
    """
    place: Parts = (*base, "spec", "readinessGates")
    globs = context.param("platform_readiness_gates") or ()
    removed = []
    gates = items_at(draft.manifest, *place)
    for index in reversed(range(len(gates))):
        kind = str(gates[index].get("conditionType"))
        if any(fnmatchcase(kind, glob) for glob in globs):
            draft.remove((*place, index))
            removed.append(kind)
    if draft.get(place) == []:
        draft.remove(place)
    if removed:
        draft.find(
            "info",
            f"its pods were ready once the source's load balancer said so ({', '.join(reversed(removed))}); "
            "nobody says that in the target, so it isn't waited for",
            "a readiness probe says whether a pod can serve; ACK's Terway has its own gate for backends",
        )


@adapter("report-policy-addresses")
def report_policy_addresses(draft: Draft, _base: Parts, _context: Context) -> None:
    """Report address ranges in a NetworkPolicy: they are of the source's network.

    :param draft: the NetworkPolicy.
    :param _base: unused.
    :param _context: unused.
    """
    found: dict[str, None] = {}
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for rule in items_at(draft.manifest, "spec", direction):
            for peer in items_at(rule, peers):
                found |= dict.fromkeys(_ranges(mapping_at(peer, "ipBlock")))
    if found:
        draft.find(
            "warning",
            f"it lets pass or keeps out the addresses {', '.join(found)}, as the source's network has them",
            "write the target's ranges (vSwitches, pods, load balancers' health checks) where they differ",
        )


@adapter("report-dns-settings")
def report_dns_settings(draft: Draft, base: Parts, _context: Context) -> None:
    """Report name servers, search domains and host entries of pods: they are of the source's network.

    :param draft: the object.
    :param base: the pod template.
    :param _context: unused.
    """
    settings = mapping_at(draft.manifest, *base, "spec", "dnsConfig")
    aliases = items_at(draft.manifest, *base, "spec", "hostAliases")
    told = {
        "name servers": _texts(settings.get("nameservers")),
        "search domains": _texts(settings.get("searches")),
        "host entries": [
            f"{', '.join(_texts(alias.get('hostnames')))} at {alias.get('ip')}" for alias in aliases
        ],
    }
    written = "; ".join(f"{kind} {', '.join(values)}" for kind, values in told.items() if values)
    if written:
        draft.find(
            "warning",
            f"its pods find names by the source's network: {written}",
            "see that the target reaches them, or write its own into dnsConfig and hostAliases",
        )


def _ranges(block: dict[str, Any]) -> list[str]:
    named = [str(block["cidr"])] if "cidr" in block else []
    return [text for text in [*named, *_texts(block.get("except"))] if text not in EVERYWHERE]


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else []
