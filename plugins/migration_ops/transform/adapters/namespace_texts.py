"""Names of namespaces in texts of which it is known what they mean: certificates, routes, operators' flags.

A webhook's certificate must name its Service as the API server calls it, so certificates always follow; so do
fields that can hold nothing but a Service's address. Free texts are the work of `map-service-names`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from migration_ops.transform.adapters.service_names import (
    renamed_addresses,
    service_name_expression,
    texts_with_names,
)
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, containers, items_at, mapping_at, pointer
from migration_ops.transform.registry import adapter

_NAMESPACE_VARIABLE = re.compile(r"(^|_)NAMESPACES?$", re.IGNORECASE)
_NAMESPACE_FLAG = re.compile(r"^(--?[a-z0-9-]*namespaces?)(=(.*))?$", re.IGNORECASE)
_IDENTITY = re.compile(r"((?:^|/)ns/)([a-z0-9-]+)(/sa/)")


@adapter("follow-service-names")
def follow_service_names(draft: Draft, _base: Parts, context: Context) -> None:
    """Rewrite Services' addresses in a spec whose texts are addresses: certificates, routes, monitors.

    :param draft: the object.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    if not mapping:
        return
    expression = service_name_expression(mapping)
    for parts, text in list(_texts(draft.get(("spec",)), ("spec",))):
        changed = expression.sub(lambda match: match[1] + mapping[match[2]] + match[3], text)
        if "dnsNames" in parts or parts[-1] == "commonName":
            changed = renamed_addresses(text, context)
        changed = _IDENTITY.sub(lambda match: match[1] + mapping.get(match[2], match[2]) + match[3], changed)
        prefix, slash, rest = changed.partition("/")
        if parts[-2:-1] and parts[-2] in {"gateways", "hosts"} and slash and prefix in mapping:
            changed = f"{mapping[prefix]}/{rest}"
        if parts[-2:-1] and parts[-2] in {"namespaces", "exportTo"}:
            changed = mapping.get(changed, changed)
        if changed != text:
            draft.set(parts, changed)


@adapter("map-namespace-resource-names")
def map_resource_names(draft: Draft, _base: Parts, context: Context) -> None:
    """Map the namespaces that a role names one by one.

    :param draft: the (Cluster)Role.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    for number, rule in enumerate(items_at(draft.manifest, "rules")):
        if "namespaces" not in (rule.get("resources") or ()):
            continue
        for index, name in enumerate(rule.get("resourceNames") or ()):
            draft.set(("rules", number, "resourceNames", index), mapping.get(name, name))


@adapter("map-namespace-flags")
def map_namespace_flags(draft: Draft, base: Parts, context: Context) -> None:
    """Find namespaces in flags and variables named after them; rewrite them where the plan asks for that.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows the mapping and the parameter `rewrite_service_names`.
    """
    mapping = context.parameters.namespaces
    if not mapping:
        return
    for parts, text in texts_with_names(draft, base):
        for old, new in mapping.items():
            if _accounts_expression(old).search(text):
                draft.find(
                    "warning",
                    f"{pointer(parts)} names service accounts of {old}, a namespace that becomes {new}",
                    "rewrite it in the target",
                )
    for place in list(containers(draft.manifest, base)):
        for index, variable in enumerate(items_at(draft.manifest, *place, "env")):
            if _NAMESPACE_VARIABLE.search(str(variable.get("name", ""))):
                _listed(draft, (*place, "env", index, "value"), context)
        for field in ("command", "args"):
            texts = draft.get((*place, field)) or ()
            for index, text in enumerate(texts):
                flag = _NAMESPACE_FLAG.match(str(text))
                if flag and flag[2]:
                    _listed(draft, (*place, field, index), context, f"{flag[1]}=")
                elif flag and index + 1 < len(texts):
                    _listed(draft, (*place, field, index + 1), context)


@adapter("report-namespace-expressions")
def report_expressions(draft: Draft, _base: Parts, context: Context) -> None:
    """Report CEL expressions that compare with a namespace that gets another name.

    :param draft: the webhook configuration or admission policy.
    :param _base: unused.
    :param context: knows the mapping.
    """
    for parts, text in _texts(draft.manifest, ()):
        if not parts or parts[-1] not in {"expression", "messageExpression"}:
            continue
        for old, new in context.parameters.namespaces.items():
            if f"'{old}'" in text or f'"{old}"' in text or _accounts_expression(old).search(text):
                draft.find(
                    "warning",
                    f"{pointer(parts)} compares with {old}, a namespace that becomes {new}",
                    "change the expression in the target if it means the namespace",
                )


@adapter("report-foreign-certificates")
def report_bundles(draft: Draft, _base: Parts, context: Context) -> None:
    """Report webhooks whose certificate names the Service in its former namespace.

    :param draft: the webhook configuration, definition or API service.
    :param _base: unused.
    :param context: knows the mapping.
    """
    if any("cert-manager.io/inject" in key for key in mapping_at(draft.manifest, "metadata", "annotations")):
        return  # issued anew for the Certificate, whose names follow
    mapping = context.parameters.namespaces
    configs = [one.get("clientConfig") or {} for one in items_at(draft.manifest, "webhooks")]
    configs += [
        mapping_at(draft.manifest, "spec"),
        mapping_at(draft.manifest, "spec", "conversion", "webhook", "clientConfig"),
        mapping_at(draft.manifest, "spec", "conversion", "webhookClientConfig"),
    ]
    for config in configs:
        service = config.get("service") or {}
        if isinstance(service, dict) and config.get("caBundle") and service.get("namespace") in mapping:
            address = f"{service.get('name')}.{mapping[service['namespace']]}.svc"
            draft.find(
                "warning",
                f"its certificate was made for {service.get('name')}.{service['namespace']}.svc; "
                f"the API server will ask for {address}",
                f"make a certificate for {address} and write its authority into caBundle",
            )


@adapter("report-namespace-labels")
def report_labels(draft: Draft, _base: Parts, context: Context) -> None:
    """Report selectors of a label that repeats a namespace's name, where the namespace doesn't carry it.

    :param draft: the NetworkPolicy, or whatever selects namespaces.
    :param _base: unused.
    :param context: knows the mapping and the namespaces' labels.
    """
    mapping = context.parameters.namespaces
    for parts, text in _texts(draft.manifest, ()):
        if text not in mapping or "namespaceSelector" not in parts or parts[-1] != "name":
            continue
        if mapping_at(_namespace(text, context), "metadata", "labels").get("name") != text:
            draft.find(
                "warning",
                f"{pointer(parts)} selects namespaces with the label name: {text}, "
                f"which becomes {mapping[text]}",
                f"give the namespace {mapping[text]} the label name: {text}, or select it by "
                "kubernetes.io/metadata.name",
            )


@adapter("report-service-names-in-secrets")
def report_secrets(draft: Draft, _base: Parts, context: Context) -> None:
    """Report Secrets that name a Service in a mapped namespace, without saying what they hold.

    :param draft: the Secret.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    if not mapping or str(draft.get(("type",)) or "").startswith(("helm.sh/", "kubernetes.io/tls")):
        return
    expression = service_name_expression(mapping)
    texts = dict(mapping_at(draft.manifest, "stringData"))
    for key, value in mapping_at(draft.manifest, "data").items():
        try:
            texts[key] = base64.b64decode(str(value)).decode()
        except (binascii.Error, ValueError):
            continue  # no text
    for key, text in sorted(texts.items()):
        if expression.search(str(text)):
            draft.find(
                "warning",
                f"its key {key} names a Service in a namespace that gets another name",
                "write the new address into the Secret in the target",
            )


def _listed(draft: Draft, parts: Parts, context: Context, prefix: str = "") -> None:
    """Map a namespace, or several with commas."""
    mapping = context.parameters.namespaces
    value = draft.get(parts)
    if not isinstance(value, str):
        return
    old = value.removeprefix(prefix)
    new = ",".join(mapping.get(name.strip(), name) for name in old.split(","))
    if new == old:
        return
    if context.param("rewrite_service_names"):
        draft.set(parts, prefix + new)
        return
    draft.find(
        "warning",
        f"{pointer(parts)} names a namespace that gets another name: {old} becomes {new}",
        "rewrite it, or set the parameter rewrite_service_names: true",
    )


def _accounts_expression(namespace: str) -> re.Pattern[str]:
    return re.compile(rf"system:serviceaccounts?:{re.escape(namespace)}(?![\w-])")


def _namespace(name: str, context: Context) -> Any:
    return next(
        (one for one in context.objects if one["kind"] == "Namespace" and one["metadata"]["name"] == name), {}
    )


def _texts(value: Any, parts: Parts) -> Iterator[tuple[Parts, str]]:
    if isinstance(value, str):
        yield parts, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*parts, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*parts, index))
