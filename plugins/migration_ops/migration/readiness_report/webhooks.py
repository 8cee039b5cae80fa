"""Admission webhooks and aggregated APIs whose backend isn't there: they refuse or hang what is applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from migration_ops.cluster import Manifest, ObjectReference, reference_of
from migration_ops.cluster.labels import LabelSelector
from migration_ops.cluster.podspec import pod_labels_of
from migration_ops.cluster.reference import labels_of
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding, Severity, finding

CHECK = "webhooks"
_KINDS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


def check_target_webhooks(target: ClusterFacts, objects: Sequence[Manifest]) -> list[ReadinessFinding]:
    """Find webhooks of the target that would be asked about the objects and can't answer.

    :param objects: the adapted objects.
    """
    findings = []
    for configuration, hook, service in _hooks(target):
        if _has_endpoints(target, service):
            continue
        asked = [one for one in objects if _asks_about(hook, one, target, objects)]
        if not asked:
            continue
        fails = hook.get("failurePolicy", "Fail") == "Fail"
        severity: Severity = "blocker" if fails else "warning"
        effect = "would be refused" if fails else "would each wait for its timeout"
        reason = (
            f"webhook {hook['name']} has no ready endpoint behind Service {service['namespace']}/"
            f"{service['name']}; {len(asked)} objects {effect}, such as {reference_of(asked[0])}"
        )
        remedy = "start its backend in the target, or delete the configuration if it is a leftover"
        findings.append(finding(CHECK, severity, reference_of(configuration), reason, remedy))
    return findings


def check_own_webhooks(target: ClusterFacts, objects: Sequence[Manifest]) -> list[ReadinessFinding]:
    """Find webhooks and aggregated APIs of the set whose Service isn't there, or has no pods.

    A Service comes along for its webhook also from a namespace that isn't chosen; its pods don't.

    :param objects: the adapted objects.
    """
    coming = {
        (str(one["metadata"].get("namespace")), str(one["metadata"]["name"])): one
        for one in objects
        if ObjectReference.of(one).group_kind == ("", "Service")
    }
    findings = []
    for item in objects:
        for service in _services_of(item):
            key = (str(service["namespace"]), str(service["name"]))
            if key in coming and not _has_pods(coming[key], objects) and not _has_endpoints(target, service):
                reason = f"points to Service {key[0]}/{key[1]}, which comes along without its pods"
                remedy = "add its namespace to the plan, or install what answers there in the target before"
                findings.append(finding(CHECK, "warning", reference_of(item), reason, remedy))
            if key in coming or _service_exists(target, key):
                continue
            reason = (
                f"points to Service {key[0]}/{key[1]}, which neither comes along nor exists in the target"
            )
            remedy = "add its namespace to the plan, or leave this object out"
            findings.append(finding(CHECK, "blocker", reference_of(item), reason, remedy))
    return list(dict.fromkeys(findings))


def _has_pods(service: Manifest, objects: Iterable[Manifest]) -> bool:
    """Whether an object of the set makes pods for a Service; nobody can tell it of one without a selector."""
    chosen = (service.get("spec") or {}).get("selector")
    if not chosen:
        return True
    selector, namespace = LabelSelector.of_map(chosen), service["metadata"].get("namespace")
    return any(
        one["metadata"].get("namespace") == namespace and selector.matches(pod_labels_of(one))
        for one in objects
    )


def _hooks(target: ClusterFacts) -> Iterator[tuple[Manifest, Mapping[str, Any], Mapping[str, Any]]]:
    for kind in _KINDS:
        for configuration in target.kind("admissionregistration.k8s.io", kind):
            for hook in configuration.get("webhooks") or []:
                service = (hook.get("clientConfig") or {}).get("service")
                if service:
                    yield configuration, hook, service


def _services_of(item: Manifest) -> Iterator[Mapping[str, Any]]:
    if item["kind"] in _KINDS:
        services = [(hook.get("clientConfig") or {}).get("service") for hook in item.get("webhooks") or []]
    elif item["kind"] == "APIService":
        services = [(item.get("spec") or {}).get("service")]
    elif item["kind"] == "CustomResourceDefinition":
        webhook = ((item.get("spec") or {}).get("conversion") or {}).get("webhook") or {}
        services = [(webhook.get("clientConfig") or {}).get("service")]
    else:
        return
    yield from (service for service in services if service)


def _has_endpoints(target: ClusterFacts, service: Mapping[str, Any]) -> bool:
    return any(
        subset.get("addresses")
        for one in target.kind("", "Endpoints")
        if one["metadata"]["name"] == service["name"] and one["metadata"]["namespace"] == service["namespace"]
        for subset in one.get("subsets") or []
    )


def _service_exists(target: ClusterFacts, key: tuple[str, str]) -> bool:
    return any(
        (one["metadata"].get("namespace"), one["metadata"]["name"]) == key
        for one in target.kind("", "Service")
    )


def _asks_about(
    hook: Mapping[str, Any], item: Manifest, target: ClusterFacts, objects: Iterable[Manifest]
) -> bool:
    reference = ObjectReference.of(item)
    resource = target.served.for_object(reference)
    if resource is None or not any(
        _matches(rule, reference.group, reference.version, resource.plural)
        for rule in hook.get("rules") or []
        if {"*", "CREATE", "UPDATE"} & set(rule.get("operations") or [])
    ):
        return False
    by_object = LabelSelector.of_manifest(hook.get("objectSelector"))
    if by_object is not None and not by_object.matches(labels_of(item)):
        return False
    by_namespace = LabelSelector.of_manifest(hook.get("namespaceSelector"))
    if by_namespace is None or not reference.namespace:
        return True
    return by_namespace.matches(_namespace_labels(reference.namespace, target, objects))


def _matches(rule: Mapping[str, Any], group: str, version: str, plural: str) -> bool:
    def has(field: str, value: str) -> bool:
        return bool({"*", value} & set(rule.get(field) or []))

    resources = set(rule.get("resources") or [])
    return has("apiGroups", group) and has("apiVersions", version) and bool({"*", "*/*", plural} & resources)


def _namespace_labels(name: str, target: ClusterFacts, objects: Iterable[Manifest]) -> dict[str, str]:
    """The labels that a namespace has or will have."""
    coming = [one for one in objects if one["kind"] == "Namespace" and one["metadata"]["name"] == name]
    labels = {"kubernetes.io/metadata.name": name}
    for one in filter(None, (target.namespace(name), *coming)):
        labels |= labels_of(one)
    return labels
