"""What keeps clients out in the source by an object that stays behind: the target would let everybody in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Manifest, Parts, group_of, mapping_at, value_at
from migration_ops.transform.registry import adapter

POLICY_CHOICES = ("NetworkPolicies in the target", "protect it in the application", "open to everybody")
FRONT_CHOICES = ("protect it on the ALB", "protect it in the application", "open to everybody")
MIRRORED = "knp."
"""How Calico calls its view of a NetworkPolicy of Kubernetes, which comes along by itself."""


@adapter("report-lost-policy")
def report_lost_policy(draft: Draft, _base: Parts, _context: Context) -> None:
    """Ask what is to do the work of a policy that only the source's network enforces, and leave it out.

    :param draft: the policy.
    :param _base: unused.
    :param _context: unused.
    """
    kind, name = draft.manifest["kind"], draft.manifest["metadata"]["name"]
    if group_of(draft.manifest["apiVersion"]).endswith("projectcalico.org") and name.startswith(MIRRORED):
        draft.drop("it mirrors a NetworkPolicy, which comes along")
        return
    draft.find(
        "decision",
        f"this {kind} decides {_about(draft.manifest)}; it stays behind, and the target lets everything pass "
        "that no NetworkPolicy of Kubernetes stops",
        "write NetworkPolicies that say the same (the target's network plugin must enforce them: Terway with "
        "network policies on), or protect it in the application",
        POLICY_CHOICES,
    )
    draft.drop("the source's network enforces it, the target's doesn't")


@adapter("report-lost-front")
def report_lost_front(draft: Draft, _base: Parts, _context: Context) -> None:
    """Ask what is to protect backends whose protection a source's load balancer did, and leave that out.

    :param draft: the object that configures the load balancer.
    :param _base: unused.
    :param _context: unused.
    """
    spec = mapping_at(draft.manifest, "spec")
    found = [name for name, holds in _FRONTS.get(draft.manifest["kind"], ()) if holds(spec)]
    if not found:
        return
    draft.find(
        "decision",
        f"this {draft.manifest['kind']} admits clients by {' and '.join(found)}; the target admits everybody",
        "protect the Ingress on the ALB (aclConfig, WAF), or let the application sign clients in",
        FRONT_CHOICES,
    )
    draft.drop("it belongs to the source's platform")


def _about(policy: Manifest) -> str:
    spec = mapping_at(policy, "spec")
    if policy["kind"] == "SecurityGroupPolicy":
        groups = ", ".join(map(str, value_at(spec, ("securityGroups", "groupIds")) or ()))
        return f"by the security groups {groups} who reaches {_pods(spec)}, and whom they reach"
    specs = policy.get("specs")
    if not spec and isinstance(specs, list):
        spec = next((one for one in specs if isinstance(one, dict)), {})
    return f"what may reach {_pods(spec)}, or be reached by it"


def _pods(spec: dict[str, Any]) -> str:
    for field in ("endpointSelector", "podSelector", "nodeSelector", "selector", "subject", "appliedTo"):
        if field in spec:
            return f"what {field} {_written(spec[field])} chooses" if spec[field] else "all pods"
    chosen = spec.get("serviceAccountSelector")
    return f"pods of the service accounts {_written(chosen)}" if chosen else "all pods"


def _written(selector: Any) -> str:
    if not isinstance(selector, dict):
        return str(selector)
    labels = [f"{key}={value}" for key, value in mapping_at(selector, "matchLabels").items()]
    expressions = [
        f"{one.get('key')} {one.get('operator')} {','.join(map(str, one.get('values') or ()))}".strip()
        for one in selector.get("matchExpressions") or ()
        if isinstance(one, dict)
    ]
    return "{" + "; ".join([*labels, *expressions] or map(str, selector)) + "}"


def _has(*path: str) -> Callable[[dict[str, Any]], bool]:
    return lambda spec: bool(value_at(spec, path))


# Which fields of an object keep clients out.
_FRONTS: dict[str, tuple[tuple[str, Callable[[dict[str, Any]], bool]], ...]] = {
    "BackendConfig": (
        ("IAP", _has("iap", "enabled")),
        ("Cloud Armor", _has("securityPolicy", "name")),
    ),
    "GCPBackendPolicy": (
        ("IAP", _has("default", "iap", "enabled")),
        ("Cloud Armor", _has("default", "securityPolicy")),
    ),
    "NginxIngressController": (
        ("source ranges", _has("loadBalancerSourceRanges")),
        (
            "source ranges of its load balancer",
            _has("loadBalancerAnnotations", "service.beta.kubernetes.io/azure-allowed-ip-ranges"),
        ),
    ),
    "GCPAuthzPolicy": (("an authorization policy", lambda _spec: True),),
    "WebApplicationFirewallPolicy": (("a web application firewall", lambda _spec: True),),
    "FrontendTLSPolicy": (("client certificates", _has("default", "verify")),),
    "LoadBalancerConfiguration": (
        ("source ranges", _has("sourceRanges")),
        ("security groups", _has("securityGroups")),
        ("prefix lists", _has("securityGroupPrefixes")),
        ("AWS WAF", _has("wafV2")),
        ("AWS Shield", _has("shieldConfiguration")),
        (
            "client certificates",
            lambda spec: "mutualAuthentication" in str(spec.get("listenerConfigurations")),
        ),
    ),
    "ListenerRuleConfiguration": (
        ("sign-in", lambda spec: "authenticate" in str(spec.get("actions"))),
        ("source addresses", lambda spec: "sourceIP" in str(spec.get("conditions"))),
    ),
}
