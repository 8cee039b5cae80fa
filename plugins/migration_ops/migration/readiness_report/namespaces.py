"""The target's namespaces: what they are now, and what their own rules do to pods and movers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migration_ops.cluster import Manifest, reference_of
from migration_ops.cluster.reference import annotations_of, labels_of
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding

CHECK = "namespaces"
_NODE_SELECTORS = ("openshift.io/node-selector", "scheduler.alpha.kubernetes.io/node-selector")
_INJECTION = {
    "istio-injection": "enabled",
    "linkerd.io/inject": "enabled",
    "kuma.io/sidecar-injection": "enabled",
}


def check_namespaces(
    wanted: Iterable[str], target: ClusterFacts, objects: Sequence[Manifest]
) -> list[ReadinessFinding]:
    """Look at each namespace that the migration uses in the target.

    :param wanted: their names.
    :param objects: the adapted objects.
    """
    findings = []
    coming = {one["metadata"]["name"]: one for one in objects if one["kind"] == "Namespace"}
    for name in sorted(set(wanted)):
        where, now = f"v1/Namespace//{name}", target.namespace(name)
        if now is not None and (now.get("status") or {}).get("phase") == "Terminating":
            reason = "is being deleted in the target; nothing can be made in it"
            remedy = "wait until it is gone; if it hangs, look for finalizers and APIs without backend"
            findings.append(finding(CHECK, "blocker", where, reason, remedy))
        for namespace in filter(None, (now, coming.get(name))):
            findings += _own_rules(where, namespace)
    return list(dict.fromkeys(findings))


def check_network_policies(
    with_volumes: Iterable[str], policies: Iterable[Manifest]
) -> list[ReadinessFinding]:
    """Find namespaces whose policies would keep movers from the vault.

    :param with_volumes: namespaces where movers run.
    :param policies: their NetworkPolicies.
    """
    named = set(with_volumes)
    findings = []
    for policy in policies:
        spec, namespace = policy.get("spec") or {}, policy["metadata"].get("namespace")
        everybody = not (spec.get("podSelector") or {})
        egress = "Egress" in (spec.get("policyTypes") or []) and not spec.get("egress")
        if namespace in named and everybody and egress:
            reason = "lets no pod of its namespace out; movers bring a policy of their own that does"
            remedy = (
                "grant the right to make NetworkPolicies; a network of another kind needs a rule of its own"
            )
            findings.append(finding(CHECK, "info", reference_of(policy), reason, remedy))
    return findings


def _own_rules(where: str, namespace: Manifest) -> list[ReadinessFinding]:
    found = []
    for key in _NODE_SELECTORS:
        if selector := annotations_of(namespace).get(key):
            reason = f"puts node selector {selector!r} on every pod ({key})"
            found.append(
                finding(CHECK, "warning", where, reason, "check that nodes of the target have these labels")
            )
    labels = labels_of(namespace)
    injected = [key for key, value in _INJECTION.items() if labels.get(key) == value]
    if injected or "istio.io/rev" in labels:
        reason = f"injects a service mesh's sidecar ({', '.join(injected) or 'istio.io/rev'})"
        remedy = "movers opt out; the mesh must run in the target before the workloads start"
        found.append(finding(CHECK, "info", where, reason, remedy))
    return found
