"""Addresses of the source's cloud in what applications read."""

from __future__ import annotations

from migration_ops.transform.adapters.service_names import texts_with_names
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at, pointer
from migration_ops.transform.registry import adapter


@adapter("report-references")
def report_references(draft: Draft, base: Parts, context: Context) -> None:
    """Report texts that hold an address of a cloud (parameter `cloud_endpoints`: text to suggestion).

    :param draft: the object.
    :param base: the pod template, or the object.
    :param context: knows the parameter.
    """
    endpoints = context.param("cloud_endpoints") or {}
    for parts, text in texts_with_names(draft, base):
        told: list[str] = []
        for sign, suggestion in endpoints.items():
            if sign in text and not any(sign in other for other in told):
                told.append(sign)
                draft.find(
                    "warning", f"{pointer(parts)} names {sign}, which is the source's", str(suggestion)
                )


@adapter("report-addresses")
def report_addresses(draft: Draft, _base: Parts, _context: Context) -> None:
    """Report the addresses that somebody wrote for a Service without a selector.

    :param draft: the Endpoints or EndpointSlice.
    :param _base: unused.
    :param _context: unused.
    """
    labels = mapping_at(draft.manifest, "metadata", "labels")
    if any(str(one).startswith("migration-ops.io") for one in (*labels, *labels.values())):
        return  # made for a managed service
    found = [
        str(address)
        for endpoint in items_at(draft.manifest, "endpoints")
        for address in endpoint.get("addresses") or ()
    ]
    for subset in items_at(draft.manifest, "subsets"):
        for field in ("addresses", "notReadyAddresses"):
            found += [str(one.get("ip", "")) for one in subset.get(field) or ()]
    if found:
        draft.find(
            "warning",
            f"leads to {', '.join(dict.fromkeys(found))}, written by hand for the source's network",
            "make sure that the target's pods reach these addresses, or write others",
        )
