"""Whether Services lead to pods: a workload may be ready and nobody reach it."""

from __future__ import annotations

from collections.abc import Iterable

from migration_ops.cluster import Manifest, reference_of


def services_without_endpoints(
    services: Iterable[Manifest], endpoints: Iterable[Manifest], before: Iterable[Manifest] = ()
) -> list[str]:
    """Name the Services that lead nowhere, as findings of a verification.

    :param services: those of the target that were applied.
    :param endpoints: Endpoints or EndpointSlices of their namespaces.
    :param before: the source's, with target namespaces: what led nowhere there may lead nowhere here.
    """
    reached, reached_before = _reached(endpoints), _reached(before)
    judged_before = bool(reached_before)
    found = []
    for service in services:
        spec = service.get("spec") or {}
        key = (str(service["metadata"].get("namespace")), str(service["metadata"]["name"]))
        if not spec.get("selector") or spec.get("type") == "ExternalName" or key in reached:
            continue
        if judged_before and key not in reached_before:
            continue
        found.append(f"{reference_of(service)} has no ready endpoint")
    return found


def _reached(endpoints: Iterable[Manifest]) -> set[tuple[str, str]]:
    """(namespace, name) of the Services that lead to a ready pod."""
    found = set()
    for item in endpoints:
        metadata = item["metadata"]
        namespace = str(metadata.get("namespace"))
        if item["kind"] == "EndpointSlice":
            name = (metadata.get("labels") or {}).get("kubernetes.io/service-name")
            # By the API's word an endpoint that doesn't say whether it is ready is ready.
            ready = any(
                (one.get("conditions") or {}).get("ready") is not False for one in item.get("endpoints") or []
            )
        else:
            name = metadata["name"]
            ready = any(subset.get("addresses") for subset in item.get("subsets") or [])
        if name and ready:
            found.add((namespace, str(name)))
    return found
