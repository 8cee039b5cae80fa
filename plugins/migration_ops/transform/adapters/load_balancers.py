"""What Services say of their load balancers, where a translation of single annotations isn't enough."""

from __future__ import annotations

import re
from collections.abc import Mapping

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, mapping_at
from migration_ops.transform.registry import adapter
from migration_ops.transform.templates import parsed_json

AUTOCREATE = "kubernetes.io/elb.autocreate"
SCOPES = ("public", "inner")
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
INGRESS_PREFIX = "alb.ingress.kubernetes.io/"
NLB_CLASS = "alibabacloud.com/nlb"
HEALTH_CHECK = {
    "health-check-connect-timeout": (1, 300),
    "health-check-timeout": (1, 300),
    "healthy-threshold": (2, 10),
    "unhealthy-threshold": (2, 10),
}
CLB_RANGES = HEALTH_CHECK | {
    "established-timeout": (10, 900),
    "connection-drain-timeout": (10, 900),
    "idle-timeout": (1, 60),
    "request-timeout": (1, 180),
    "health-check-interval": (1, 50),
    "persistence-timeout": (0, 3600),
    "cookie-timeout": (1, 86400),
}
NLB_RANGES = HEALTH_CHECK | {
    "idle-timeout": (1, 900),
    "connection-drain-timeout": (10, 900),
    "health-check-interval": (5, 50),
}
ALB_RANGES = {
    "healthcheck-timeout-seconds": (1, 300),
    "healthcheck-interval-seconds": (1, 50),
    "healthy-threshold-count": (2, 10),
    "unhealthy-threshold-count": (2, 10),
    "order": (1, 1000),
    "cookie-timeout": (1, 86400),
    "traffic-limit-qps": (1, 100000),
    "cors-max-age": (-1, 172800),
}
"""Documented with CreateLoadBalancerTCPListener (CLB), CreateListener and CreateServerGroup (NLB), and the
annotations of ALB Ingresses (ACK's configuration dictionary)."""

_NUMBER = re.compile(r"-?[0-9]{1,9}")


@adapter("cce-check-autocreate")
def cce_check_autocreate(draft: Draft, _base: Parts, _context: Context) -> None:
    """Refuse a description of a CCE load balancer that doesn't say whether it is public.

    :param draft: the Service.
    :param _base: unused.
    :param _context: unused.
    """
    text = mapping_at(draft.manifest, "metadata", "annotations").get(AUTOCREATE)
    described = parsed_json(str(text))
    if not isinstance(described, dict) or described.get("type") not in SCOPES:
        draft.find(
            "blocker",
            f"{AUTOCREATE} doesn't say whether the load balancer is public: {text!r}",
            f"correct it in the source: JSON whose type is {' or '.join(SCOPES)}",
        )


@adapter("clamp-load-balancer-numbers")
def clamp_load_balancer_numbers(draft: Draft, _base: Parts, _context: Context) -> None:
    """Bring numbers of a load balancer into the ranges that its kind takes, and tell.

    What a CLB calls `established-timeout` is an NLB's `idle-timeout`.

    :param draft: the Service.
    :param _base: unused.
    :param _context: unused.
    """
    if draft.get(("spec", "loadBalancerClass")) != NLB_CLASS:
        other = "an NLB has other ranges (nlb_zone_maps); or let the application send keepalives"
        _clamp(draft, PREFIX, CLB_RANGES, "a CLB", other)
        return
    place: Parts = ("metadata", "annotations")
    established = draft.get((*place, f"{PREFIX}established-timeout"))
    if established is not None:
        draft.remove((*place, f"{PREFIX}established-timeout"), prune=False)
        if draft.get((*place, f"{PREFIX}idle-timeout")) is None:
            draft.set((*place, f"{PREFIX}idle-timeout"), established)
    _clamp(
        draft, PREFIX, NLB_RANGES, "an NLB", "let the application send keepalives where clients wait longer"
    )


@adapter("clamp-ingress-numbers")
def clamp_ingress_numbers(draft: Draft, _base: Parts, _context: Context) -> None:
    """Bring numbers of an ALB Ingress into the ranges that ALB takes, and tell.

    :param draft: the Ingress.
    :param _base: unused.
    :param _context: unused.
    """
    _clamp(draft, INGRESS_PREFIX, ALB_RANGES, "an ALB", "check that the difference doesn't matter")


def _clamp(
    draft: Draft, prefix: str, ranges: Mapping[str, tuple[int, int]], kind: str, suggestion: str
) -> None:
    annotations = mapping_at(draft.manifest, "metadata", "annotations")
    for name, (least, most) in ranges.items():
        text = str(annotations.get(prefix + name, "")).strip()
        if not _NUMBER.fullmatch(text) or least <= int(text) <= most:
            continue
        nearest = min(max(int(text), least), most)
        draft.set(("metadata", "annotations", prefix + name), str(nearest))
        draft.find(
            "warning",
            f"{name} of {text} isn't possible: {kind} takes {least} to {most}; it becomes {nearest}",
            suggestion,
        )
