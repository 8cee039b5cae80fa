"""Services and Ingresses: what tables of annotations can't express."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import POD_TEMPLATE_PATHS, Manifest, Parts, items_at, mapping_at
from migration_ops.transform.registry import adapter

SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
AZURE_RANGES = "service.beta.kubernetes.io/azure-allowed-ip-ranges"
LISTEN_PORTS = "alb.ingress.kubernetes.io/listen-ports"
INTERNAL = "-internal"


@adapter("source-ranges-to-field")
def source_ranges_to_field(draft: Draft, _base: Parts, _context: Context) -> None:
    """Move the annotation for source ranges to the field.

    :param draft: the Service.
    :param _base: unused.
    :param _context: unused.
    """
    _ranges_to_field(draft, SOURCE_RANGES)


@adapter("azure-ranges-to-field")
def azure_ranges_to_field(draft: Draft, _base: Parts, _context: Context) -> None:
    """Move Azure's annotation for source ranges to the field.

    :param draft: the Service.
    :param _base: unused.
    :param _context: unused.
    """
    _ranges_to_field(draft, AZURE_RANGES)


def _ranges_to_field(draft: Draft, annotation: str) -> None:
    place = ("metadata", "annotations", annotation)
    ranges = [item.strip() for item in str(draft.get(place) or "").split(",") if item.strip()]
    draft.remove(place)
    if ranges:
        draft.set(("spec", "loadBalancerSourceRanges"), ranges)


@adapter("ensure-alb")
def ensure_alb(draft: Draft, _base: Parts, context: Context) -> None:
    """Make the IngressClass and the AlbConfig of an ALB Ingress, if the plan names vSwitches.

    :param draft: the Ingress; its class ends in `-internal` for an ALB without public address.
    :param _base: unused.
    :param context: knows `alb_vswitches`, `alb_certificates`, and all Ingresses for their ports.
    """
    name = draft.get(("spec", "ingressClassName"))
    vswitches = context.param("alb_vswitches") or []
    if len(vswitches) < 2:
        if ("networking.k8s.io", "IngressClass", "", name) not in context.names:
            draft.find(
                "decision",
                f"the class {name} needs an AlbConfig with vSwitches in two zones",
                "name them in the parameter alb_vswitches, or make AlbConfig and IngressClass yourself",
                ("alb_vswitches", "AlbConfig made by hand"),
            )
        return
    listeners: list[dict[str, Any]] = []
    for port, protocol in sorted(_listeners(context)):
        listener: dict[str, Any] = {"port": port, "protocol": protocol}
        certificates = context.param("alb_certificates") or []
        if protocol == "HTTPS" and certificates:
            listener["certificates"] = [
                {"CertificateId": certificate, "IsDefault": index == 0}
                for index, certificate in enumerate(certificates)
            ]
        listeners.append(listener)
    draft.create(
        {
            "apiVersion": "alibabacloud.com/v1",
            "kind": "AlbConfig",
            "metadata": {"name": name},
            "spec": {
                "config": {
                    "name": name,
                    "addressType": "Intranet" if str(name).endswith(INTERNAL) else "Internet",
                    "zoneMappings": [{"vSwitchId": vswitch} for vswitch in vswitches],
                },
                "listeners": listeners,
            },
        }
    )
    draft.create(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": name},
            "spec": {
                "controller": "ingress.k8s.alibabacloud/alb",
                "parameters": {"apiGroup": "alibabacloud.com", "kind": "AlbConfig", "name": name},
            },
        }
    )


def _listeners(context: Context) -> set[tuple[int, str]]:
    """An ALB serves only ports that its AlbConfig lists: the union of what all Ingresses ask for."""
    found = {(80, "HTTP")}
    for item in context.objects:
        if item["kind"] != "Ingress":
            continue
        if mapping_at(item, "spec").get("tls"):
            found.add((443, "HTTPS"))
        try:
            listed = orjson.loads(mapping_at(item, "metadata", "annotations").get(LISTEN_PORTS) or "[]")
            found |= {(int(port), str(protocol)) for entry in listed for protocol, port in entry.items()}
        except (ValueError, TypeError, AttributeError):
            continue
    return found


@adapter("replace-by-managed-service")
def replace_by_managed_service(draft: Draft, _base: Parts, context: Context) -> None:
    """Replace a workload by a managed service: it is left out, and its Service leads to the given host.

    :param draft: any object.
    :param _base: unused.
    :param context: knows the parameter `managed_services`.
    """
    for entry in context.param("managed_services") or ():
        if not isinstance(entry, dict) or "service" not in entry or "host" not in entry:
            draft.find("blocker", "managed_services: each entry needs service and host", "correct the plan")
            return
        metadata = draft.manifest["metadata"]
        place = f"{metadata.get('namespace', '')}/{metadata['name']}"
        if f"{draft.manifest['kind']}/{place}" in (entry.get("replaces") or ()):
            draft.drop(f"the managed service {entry['host']} replaces it")
            return
        if draft.manifest["kind"] == "Service" and place == entry["service"]:
            _tell_of_workloads(draft, entry, context)
            _lead_to(draft, str(entry["host"]), context)


def _tell_of_workloads(draft: Draft, entry: Mapping[str, Any], context: Context) -> None:
    """Say which workloads lose their Service and still go along."""
    selector = mapping_at(draft.manifest, "spec", "selector").items()
    namespace = draft.manifest["metadata"].get("namespace", "")
    for item in context.objects if selector else ():
        template = POD_TEMPLATE_PATHS.get(item["kind"], ("spec", "template"))
        labels = mapping_at(item, *template, "metadata", "labels")
        name = f"{item['kind']}/{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
        same_place = item["metadata"].get("namespace", "") == namespace
        if same_place and selector <= labels.items() and name not in (entry.get("replaces") or ()):
            draft.find(
                "decision",
                f"{name} stood behind it and comes along, though {entry['host']} is used instead",
                "name it in `replaces` of the entry in managed_services, so that it stays behind",
                ("leave the workload behind", "keep it without this Service"),
            )


def _lead_to(draft: Draft, host: str, context: Context) -> None:
    draft.remove(("spec", "selector"))
    for field in (
        "clusterIP",
        "clusterIPs",
        "externalTrafficPolicy",
        "internalTrafficPolicy",
        "sessionAffinity",
    ):
        draft.remove(("spec", field))
    if not host.replace(".", "").isdigit():
        draft.set(("spec", "type"), "ExternalName")
        draft.set(("spec", "externalName"), host)
        return
    draft.set(("spec", "type"), "ClusterIP")
    draft.create(_endpoints(draft.manifest, host, context))


def _endpoints(service: Manifest, host: str, context: Context) -> Manifest:
    name, namespace = service["metadata"]["name"], service["metadata"].get("namespace", "default")
    ports = [
        {
            "name": port.get("name", ""),
            "port": port["targetPort"] if isinstance(port.get("targetPort"), int) else port["port"],
            "protocol": port.get("protocol", "TCP"),
        }
        for port in items_at(service, "spec", "ports")
    ]
    if context.served.serves("discovery.k8s.io/v1", "EndpointSlice", "1.21", None):
        labels = {
            "kubernetes.io/service-name": name,
            "endpointslice.kubernetes.io/managed-by": "migration-ops.io",
        }
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-managed", "namespace": namespace, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [host]}],
            "ports": ports,
        }
    named = [{key: value for key, value in port.items() if value} for port in ports]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"migration-ops.io/managed-service": "true"},
        },
        "subsets": [{"addresses": [{"ip": host}], "ports": named}],
    }
