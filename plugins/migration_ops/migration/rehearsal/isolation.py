"""Objects that nobody outside of the rehearsal notices.

What would be seen from outside is left out or defused: entrances, load balancers, published names, requests
for certificates, GitOps, webhooks, pods in the node's network. Of cluster-scoped objects only those are made
that the target lacks. Network policies close the scratch namespaces; the application's own are left out,
since policies add up and one that lets out would let out here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from migration_ops.cluster import Manifest, ObjectReference
from migration_ops.cluster.podspec import containers_of, pod_spec_of
from migration_ops.cluster.reference import copy_of
from migration_ops.migration.plan_sections import Rehearsal
from migration_ops.migration.rehearsal.scratch import REHEARSAL_LABEL
from migration_ops.migration.switchover.external_dns import PREFIXES

POLICY_NAME = "migration-ops-rehearsal"
RULE = "rehearsal"

_ENTRANCE = "is an entrance: nobody may find the rehearsal"
_OUTWARD: dict[str, str] = {
    "networking.k8s.io/Ingress": _ENTRANCE,
    "extensions/Ingress": _ENTRANCE,
    "route.openshift.io/*": _ENTRANCE,
    "gateway.networking.k8s.io/*": _ENTRANCE,
    "networking.istio.io/*": _ENTRANCE,
    "traefik.*/*": _ENTRANCE,
    "projectcontour.io/*": _ENTRANCE,
    "alibabacloud.com/*": _ENTRANCE,
    "networking.gke.io/*": _ENTRANCE,
    "elbv2.k8s.aws/*": _ENTRANCE,
    "externaldns.k8s.io/*": "would publish names",
    "*cert-manager.io/*": "would order certificates; those that it has come along as Secrets",
    "argoproj.io/Application*": "would deploy from elsewhere",
    "*.fluxcd.io/*": "would deploy from elsewhere",
    "networking.k8s.io/NetworkPolicy": "the rehearsal's own policy stands in: policies add up",
    "*projectcalico.org/*": "the rehearsal's own policy stands in",
    "*cilium.io/*": "the rehearsal's own policy stands in",
    "admissionregistration.k8s.io/*": "would act on the whole cluster",
    "apiregistration.k8s.io/*": "would act on the whole cluster",
    "/PersistentVolume": "belongs to a volume that exists: the rehearsal makes its own",
}
_ADDRESS_FIELDS = (
    "loadBalancerIP",
    "loadBalancerClass",
    "loadBalancerSourceRanges",
    "allocateLoadBalancerNodePorts",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
)
_SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})


@dataclass
class Isolated:
    """What a rehearsal applies.

    :param objects: those that stay, defused and labelled.
    :param left_out: reference and reason of the others.
    :param changes: (reference, path, before, after) of what was defused.
    """

    objects: list[Manifest] = field(default_factory=list, repr=False)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[str, str, str, str]] = field(default_factory=list)

    def report(self, rules: dict[str, Any]) -> dict[str, Any]:
        """The rules' report with what was left out and defused for the rehearsal.

        :param rules: as `TransformResult.report()` gives it; stays as it is.
        """
        changes = [
            {"object": name, "path": path, "rule": RULE, "from": before, "to": after}
            for name, path, before, after in self.changes
        ]
        dropped = [{"object": name, "reason": reason} for name, reason in self.left_out]
        return {
            **rules,
            "changes": [*(rules.get("changes") or []), *changes],
            "dropped_objects": [*(rules.get("dropped_objects") or []), *dropped],
        }


def isolate(
    objects: Sequence[Manifest],
    settings: Rehearsal,
    run: str,
    *,
    namespaces: dict[str, str],
    exists: Callable[[Manifest], bool],
) -> Isolated:
    """Leave out and defuse.

    :param objects: adapted, in their scratch namespaces already; stay as they are.
    :param settings: the plan's.
    :param run: the run as a label value.
    :param namespaces: source to scratch namespace.
    :param exists: whether the target has a cluster-scoped object already.
    """
    found = Isolated()
    sources = {scratch: source for source, scratch in namespaces.items()}
    for item in objects:
        reference = ObjectReference.of(item)
        reason = _reason_to_leave_out(item, reference, exists)
        if reason:
            found.left_out.append((str(reference), reason))
            continue
        mended = copy_of(item)
        metadata = mended["metadata"]
        metadata.setdefault("labels", {})[REHEARSAL_LABEL] = run
        found.changes += [(str(reference), *change) for change in _defuse(mended)]
        if _is_stopped(reference, sources.get(reference.namespace, ""), settings.stopped):
            if not _stop(mended):
                found.left_out.append((str(reference), "is not started (rehearsal.stopped)"))
                continue
            found.changes.append((str(reference), "/spec/replicas", "", "stopped (rehearsal.stopped)"))
        found.objects.append(mended)
    return found


def network_policies(scratch: Iterable[str], settings: Rehearsal, run: str) -> list[Manifest]:
    """One policy for each scratch namespace: nothing in or out but among themselves and to DNS.

    :param settings: with the address ranges that the plan allows.
    :param run: the run as a label value.
    """
    among = {"namespaceSelector": {"matchLabels": {REHEARSAL_LABEL: run}}}
    dns = {
        "to": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
            {"ipBlock": {"cidr": "169.254.20.10/32"}},  # NodeLocal DNSCache
        ],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    }
    inward: list[Any] = [{"from": [among]}]
    outward: list[Any] = [{"to": [among]}, dns]
    if settings.ingress:
        inward.append({"from": [{"ipBlock": {"cidr": str(cidr)}} for cidr in settings.ingress]})
    if settings.egress:
        outward.append({"to": [{"ipBlock": {"cidr": str(cidr)}} for cidr in settings.egress]})
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": POLICY_NAME, "namespace": name, "labels": {REHEARSAL_LABEL: run}},
            "spec": {
                "podSelector": {},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": inward,
                "egress": outward,
            },
        }
        for name in sorted(scratch)
    ]


def _reason_to_leave_out(
    item: Manifest, reference: ObjectReference, exists: Callable[[Manifest], bool]
) -> str | None:
    name = f"{reference.group}/{reference.kind}"
    for pattern, reason in _OUTWARD.items():
        if fnmatchcase(name, pattern):
            return reason
    pod = pod_spec_of(item)
    if pod is not None and pod.get("hostNetwork"):
        return "runs in the node's network, where no policy holds it"
    if not reference.namespace and reference.kind != "Namespace" and exists(item):
        return "exists in the target and is used as it is"
    return None


def _defuse(item: Manifest) -> Iterator[tuple[str, str, str]]:
    """Change an object in place; yields path, before and after of what people should know."""
    kind, spec = item["kind"], item.get("spec") or {}
    annotations = item["metadata"].get("annotations") or {}
    for key in [key for key in annotations if key.startswith(PREFIXES)]:
        del annotations[key]
    if kind == "Namespace":
        for key in ("istio-injection", "istio.io/rev"):
            item["metadata"]["labels"].pop(key, None)
    elif kind == "Service" and spec.get("type") in {"LoadBalancer", "NodePort"}:
        yield "/spec/type", str(spec["type"]), "ClusterIP"
        _make_internal(item)
    elif kind == "CronJob" and not spec.get("suspend"):
        spec["suspend"] = True
        yield "/spec/suspend", "false", "true"
    elif kind == "PersistentVolumeClaim":
        for name in ("volumeName", "selector"):
            spec.pop(name, None)
    pod = pod_spec_of(item)
    ports = [port for one in (containers_of(pod) if pod else ()) for port in one.get("ports") or []]
    open_on_nodes = [port for port in ports if "hostPort" in port]
    for port in open_on_nodes:
        del port["hostPort"]
    if open_on_nodes:
        yield "/spec/template/spec/containers/ports/hostPort", "set", "removed"


def _make_internal(service: Manifest) -> None:
    spec = service["spec"]
    spec["type"] = "ClusterIP"
    for name in _ADDRESS_FIELDS:
        spec.pop(name, None)
    for port in spec.get("ports") or []:
        port.pop("nodePort", None)
    # What is left here would only speak to load balancer controllers.
    service["metadata"].pop("annotations", None)


def _is_stopped(reference: ObjectReference, source: str, patterns: Iterable[str]) -> bool:
    short = f"{reference.kind}/{reference.name}".lower()
    names = (short, f"{source}/{short}".lower())
    return any(fnmatchcase(name, pattern.lower()) for name in names for pattern in patterns)


def _stop(item: Manifest) -> bool:
    """Make a workload not start; false if only leaving it out does that."""
    if item["kind"] in _SCALED:
        item["spec"]["replicas"] = 0
    elif item["kind"] in {"Job", "CronJob"}:
        item["spec"]["suspend"] = True
    else:
        return False
    return True
