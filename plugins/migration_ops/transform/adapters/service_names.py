"""Service names with a namespace in them, in texts that applications read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at, pod_templates, pointer
from migration_ops.transform.registry import adapter

_OTHERS_ANNOTATIONS = ("kubectl.kubernetes.io/", "external-dns.alpha.kubernetes.io/")
"""What was applied, and names that the internet knows."""


@adapter("map-service-names")
def map_service_names(draft: Draft, base: Parts, context: Context) -> None:
    """Find Service names with a mapped namespace in texts; rewrite them where the plan asks for that.

    :param draft: the object.
    :param base: the pod template, or the object for ConfigMaps.
    :param context: knows the mapping and the parameter `rewrite_service_names`.
    """
    if context.parameters.namespaces:
        _settle(draft, texts_with_names(draft, base), context)


@adapter("map-service-names-of-annotations")
def map_annotations(draft: Draft, _base: Parts, context: Context) -> None:
    """Find Service names with a mapped namespace in annotations of an object and of its pods.

    They are rewritten where the plan asks for that; snippets of a configuration are only reported.

    :param draft: the object.
    :param _base: unused.
    :param context: knows the mapping and the parameter `rewrite_service_names`.
    """
    if not context.parameters.namespaces:
        return
    bases: dict[Parts, None] = dict.fromkeys([(), *pod_templates(draft.manifest)])
    texts: list[tuple[Parts, str]] = []
    for base in bases:
        place: Parts = (*base, "metadata", "annotations")
        texts += [
            ((*place, key), value)
            for key, value in mapping_at(draft.manifest, *place).items()
            if isinstance(value, str) and not key.startswith(_OTHERS_ANNOTATIONS)
        ]
    _settle(draft, texts, context)


def _settle(draft: Draft, texts: list[tuple[Parts, str]], context: Context) -> None:
    found: list[tuple[Parts, str]] = []
    for parts, text in texts:
        renamed = renamed_addresses(text, context)
        if guessed := _url_expression(context.parameters.namespaces).search(renamed):
            draft.find(
                "warning",
                f"{pointer(parts)} names {guessed[1]}, which may be a Service in a namespace that gets "
                "another name",
                "rewrite it if it is one; no such Service comes along",
            )
        if renamed != text:
            found.append((parts, renamed))
    for parts, renamed in found:
        is_snippet = "annotations" in parts and str(parts[-1]).endswith("snippet")
        if context.param("rewrite_service_names") and not is_snippet:
            draft.set(parts, renamed)
        else:
            draft.find(
                "warning",
                f"{pointer(parts)} names a Service in a namespace that gets another name",
                "rewrite it"
                if is_snippet
                else "rewrite it, or set the parameter rewrite_service_names: true",
            )


def renamed_addresses(text: str, context: Context) -> str:
    """Rewrite addresses: those that end in .svc, and short ones of Services that come along.

    :param text: any text.
    :param context: knows the mapping and the Services.
    """
    mapping = context.parameters.namespaces

    def full(match: re.Match[str]) -> str:
        return match[1] + mapping[match[2]] + match[3]

    def short(match: re.Match[str]) -> str:
        service = match[1].rstrip(".").rpartition(".")[2]
        known = ("", "Service", match[2], service) in context.names
        return match[1] + mapping[match[2]] if known else match[0]

    return _short_name_expression(mapping).sub(short, service_name_expression(mapping).sub(full, text))


def _short_name_expression(mapping: Mapping[str, str]) -> re.Pattern[str]:
    """Make an expression for `service.namespace`, with a port, a path or nothing behind it."""
    names = "|".join(re.escape(name) for name in sorted(mapping, key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])((?:[a-z0-9-]+\.){{1,2}})({names})(?=[:/\s\"',;)]|$)")


def _url_expression(mapping: Mapping[str, str]) -> re.Pattern[str]:
    """Make an expression for URLs whose host is `name.namespace`: a Service, or a name of the internet."""
    names = "|".join(re.escape(name) for name in sorted(mapping, key=len, reverse=True))
    return re.compile(rf"//(?:[^/@\s]*@)?([a-z0-9-]+\.(?:{names}))(?=[:/\s\"',;)]|$)")


def service_name_expression(mapping: Mapping[str, str]) -> re.Pattern[str]:
    """Make an expression for `service.namespace.svc` with a namespace of the mapping.

    :param mapping: source to target namespaces.
    """
    names = "|".join(re.escape(name) for name in sorted(mapping, key=len, reverse=True))
    return re.compile(rf"(\b[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)({names})(\.svc\b)")


def texts_with_names(draft: Draft, base: Parts) -> list[tuple[Parts, str]]:
    """Give the texts in which addresses are usually written: data, env, args, commands, external names.

    :param draft: the object.
    :param base: the pod template, or the object.
    """
    texts: list[tuple[Parts, Any]] = []
    if base == () and draft.manifest["kind"] == "ConfigMap":
        texts += [(("data", key), value) for key, value in mapping_at(draft.manifest, "data").items()]
    if base == () and draft.manifest["kind"] == "Service":
        texts.append((("spec", "externalName"), draft.get(("spec", "externalName"))))
    if base != () or list(pod_templates(draft.manifest)) == [()]:
        for kind in ("initContainers", "containers"):
            for number, container in enumerate(draft.get((*base, "spec", kind)) or ()):
                place: Parts = (*base, "spec", kind, number)
                for index, variable in enumerate(items_at(container, "env")):
                    texts.append(((*place, "env", index, "value"), variable.get("value")))
                for field in ("command", "args"):
                    texts += [
                        ((*place, field, index), text)
                        for index, text in enumerate(container.get(field) or ())
                    ]
    return [(parts, text) for parts, text in texts if isinstance(text, str)]
