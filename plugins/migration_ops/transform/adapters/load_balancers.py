"""What Services say of their load balancers, where a translation of single annotations isn't enough."""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, mapping_at
from migration_ops.transform.registry import adapter
from migration_ops.transform.templates import parsed_json

AUTOCREATE = "kubernetes.io/elb.autocreate"
SCOPES = ("public", "inner")
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
CLB_RANGES = {
    "established-timeout": (10, 900),
    "connection-drain-timeout": (10, 900),
    "idle-timeout": (1, 60),
    "request-timeout": (1, 180),
    "health-check-interval": (1, 50),
}


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
    """Bring numbers of a CLB into the ranges that ACK's controller takes, and tell.

    :param draft: the Service.
    :param _base: unused.
    :param _context: unused.
    """
    annotations = mapping_at(draft.manifest, "metadata", "annotations")
    for name, (least, most) in CLB_RANGES.items():
        text = str(annotations.get(PREFIX + name, "")).strip()
        if not (text.isascii() and text.isdigit()) or least <= int(text[:9]) <= most:
            continue
        nearest = min(max(int(text[:9]), least), most)
        draft.set(("metadata", "annotations", PREFIX + name), str(nearest))
        draft.find(
            "warning",
            f"{name} of {text} isn't possible: a CLB takes {least} to {most}; it becomes {nearest}",
            "an NLB has other ranges (nlb_zone_maps); or let the application send keepalives",
        )
