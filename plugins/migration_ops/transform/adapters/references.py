"""Addresses of the source's cloud in what applications read."""

from __future__ import annotations

from migration_ops.transform.adapters.service_names import texts_with_names
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, pointer
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
