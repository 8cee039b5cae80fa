"""ResourceQuotas and LimitRanges of the target's namespaces against what the migration puts there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from migration_ops.cluster import Manifest, ObjectReference, reference_of
from migration_ops.migration.readiness_report.facts import quantity
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.migration.readiness_report.pods import PodDemand, Resources, added, pod_requests

CHECK = "quota"
_CLASS = ".storageclass.storage.k8s.io/"


def check_quotas(
    demands: Sequence[PodDemand], objects: Sequence[Manifest], quotas: Iterable[Manifest]
) -> list[ReadinessFinding]:
    """Compare what a quota has left with what comes.

    :param demands: what will run.
    :param objects: the adapted objects.
    :param quotas: of the target, and those that come along (then with nothing used).
    """
    findings = []
    for quota in quotas:
        spec, namespace = quota.get("spec") or {}, quota["metadata"].get("namespace", "")
        if spec.get("scopes") or spec.get("scopeSelector"):
            # Scoped quotas count some pods only; which ones is the server's business, the dry run's not.
            continue
        hard = spec.get("hard") or {}
        used = (quota.get("status") or {}).get("used") or {}
        wanted = _wanted(namespace, demands, objects)
        for name, limit in sorted(hard.items()):
            free = quantity(limit) - quantity(used.get(name))
            coming = wanted.get(_canonical(name), 0.0)
            if coming > free:
                findings.append(
                    finding(
                        CHECK,
                        "blocker",
                        reference_of(quota),
                        f"{name}: {coming:g} come and {free:g} of {quantity(limit):g} are left",
                        "raise the quota, or lower what the workloads ask for",
                    )
                )
        findings += _must_ask(quota, hard, namespace, demands)
    return findings


def check_limit_ranges(
    demands: Sequence[PodDemand], objects: Sequence[Manifest], limit_ranges: Iterable[Manifest]
) -> list[ReadinessFinding]:
    """Find containers, pods and claims that a LimitRange refuses.

    :param demands: what will run.
    :param objects: the adapted objects.
    :param limit_ranges: of the target, and those that come along.
    """
    findings = []
    for one in limit_ranges:
        namespace = one["metadata"].get("namespace", "")
        for limit in (one.get("spec") or {}).get("limits") or []:
            for name, asked in _asked(limit["type"], namespace, demands, objects):
                for resource, bound in (limit.get("max") or {}).items():
                    if asked["limits"].get(resource, asked["requests"].get(resource, 0.0)) > quantity(bound):
                        findings.append(_beyond(one, name, f"{resource} above the maximum of {bound}"))
                for resource, bound in (limit.get("min") or {}).items():
                    if 0.0 < asked["requests"].get(resource, 0.0) < quantity(bound):
                        findings.append(_beyond(one, name, f"{resource} below the minimum of {bound}"))
    return findings


def _beyond(limit_range: Manifest, name: str, what: str) -> ReadinessFinding:
    reason = f"asks for {what} in {reference_of(limit_range)}"
    return finding(CHECK, "blocker", name, reason, "change the LimitRange, or the resources with a rule")


def _asked(
    kind: str, namespace: str, demands: Sequence[PodDemand], objects: Sequence[Manifest]
) -> list[tuple[str, dict[str, Resources]]]:
    """Requests and limits of what a LimitRange's entry is about, by name."""
    found: list[tuple[str, dict[str, Resources]]] = []
    for demand in demands:
        if demand.namespace != namespace:
            continue
        if kind == "Pod":
            limits = pod_requests(demand.spec, "limits")
            found.append((demand.object, {"requests": demand.requests, "limits": limits}))
        elif kind == "Container":
            for container in demand.spec.get("containers") or []:
                alone = {"containers": [container]}
                both = {part: pod_requests(alone, part) for part in ("requests", "limits")}
                found.append((f"{demand.object} container {container['name']}", both))
    if kind == "PersistentVolumeClaim":
        for claim in _claims(namespace, objects):
            requests = {"storage": _storage(claim)}
            found.append((reference_of(claim), {"requests": requests, "limits": {}}))
    return found


def _wanted(namespace: str, demands: Sequence[PodDemand], objects: Sequence[Manifest]) -> Resources:
    wanted: Resources = {}
    for demand in demands:
        if demand.namespace != namespace:
            continue
        wanted = added(wanted, demand.requests, float(demand.count))
        limits = {f"limits.{k}": v for k, v in pod_requests(demand.spec, "limits").items() if k != "pods"}
        wanted = added(wanted, limits, float(demand.count))
    for claim in _claims(namespace, objects):
        amounts = {"persistentvolumeclaims": 1.0, "requests.storage": _storage(claim)}
        if name := (claim.get("spec") or {}).get("storageClassName"):
            amounts |= {f"{name}{_CLASS}{key}": value for key, value in list(amounts.items())}
        wanted = added(wanted, amounts)
    for item in objects:
        reference = ObjectReference.of(item)
        if reference.namespace != namespace:
            continue
        plural = f"{reference.kind.lower()}{'es' if reference.kind.endswith('s') else 's'}"
        counted = plural if reference.group == "" else f"{plural}.{reference.group}"
        amounts = {f"count/{counted}": 1.0}
        if reference.group == "" and plural in {"services", "secrets", "configmaps"}:
            amounts[plural] = 1.0
        kind = (item.get("spec") or {}).get("type")
        if reference.group_kind == ("", "Service") and kind in {"LoadBalancer", "NodePort"}:
            # A load balancer's Service has node ports too.
            amounts["services.nodeports"] = float(len((item.get("spec") or {}).get("ports") or []))
            if kind == "LoadBalancer":
                amounts["services.loadbalancers"] = 1.0
        wanted = added(wanted, amounts)
    return wanted


def _canonical(name: str) -> str:
    """`requests.cpu` and `cpu` are the same in a quota; pods ask for `cpu`."""
    if name in {"requests.cpu", "requests.memory", "requests.ephemeral-storage"}:
        return name.removeprefix("requests.")
    if name.startswith("requests.") and name != "requests.storage" and _CLASS not in name:
        return name.removeprefix("requests.")  # extended resources
    return name


def _must_ask(
    quota: Manifest, hard: dict[str, Any], namespace: str, demands: Sequence[PodDemand]
) -> list[ReadinessFinding]:
    """A quota for compute resources refuses pods that don't say how much they take."""
    named = {_canonical(name) for name in hard} & {"cpu", "memory", "limits.cpu", "limits.memory"}
    found = []
    for demand in demands:
        if demand.namespace != namespace or not named:
            continue
        limits = pod_requests(demand.spec, "limits")
        has = set(demand.requests) | {f"limits.{name}" for name in limits}
        if missing := sorted(named - has):
            reason = f"says nothing on {', '.join(missing)}, which {reference_of(quota)} demands"
            remedy = "add requests and limits with a rule, or a LimitRange with defaults to the namespace"
            found.append(finding(CHECK, "warning", demand.object, reason, remedy))
    return found


def _claims(namespace: str, objects: Sequence[Manifest]) -> list[Manifest]:
    return [
        item
        for item in objects
        if item["kind"] == "PersistentVolumeClaim" and item["metadata"].get("namespace") == namespace
    ]


def _storage(claim: Manifest) -> float:
    return quantity((((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}).get("storage"))
