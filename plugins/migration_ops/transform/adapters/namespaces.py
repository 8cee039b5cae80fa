"""Namespaces: the plan's mapping, followed through what refers to them by name."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at, pod_templates, pointer
from migration_ops.transform.registry import adapter

NAME_LABEL = "kubernetes.io/metadata.name"
ACCOUNTS_GROUP = "system:serviceaccounts:"
ACCOUNT_USER = "system:serviceaccount:"
MAXIMUM_RELEASE_BYTES = 16 * 1024 * 1024


@adapter("map-namespace")
def map_namespace(draft: Draft, _base: Parts, context: Context) -> None:
    """Move an object to its new namespace, or rename a Namespace.

    :param draft: the object.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    if draft.manifest["kind"] == "Namespace" and draft.manifest["apiVersion"] == "v1":
        _replace(draft, ("metadata", "name"), mapping)
        _replace(draft, ("metadata", "labels", NAME_LABEL), mapping)
    else:
        _replace(draft, ("metadata", "namespace"), mapping)
    _replace(draft, ("metadata", "annotations", "meta.helm.sh/release-namespace"), mapping)


@adapter("map-namespace-of-subjects")
def map_subjects(draft: Draft, _base: Parts, context: Context) -> None:
    """Follow a namespace mapping through the subjects of a (Cluster)RoleBinding.

    :param draft: the binding.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    for index, subject in enumerate(items_at(draft.manifest, "subjects")):
        place: Parts = ("subjects", index)
        if subject.get("kind") == "ServiceAccount":
            _replace(draft, (*place, "namespace"), mapping)
        name = str(subject.get("name", ""))
        if subject.get("kind") == "Group" and name.startswith(ACCOUNTS_GROUP):
            namespace = name.removeprefix(ACCOUNTS_GROUP)
            if namespace in mapping:
                draft.set((*place, "name"), ACCOUNTS_GROUP + mapping[namespace])
        if subject.get("kind") == "User" and name.startswith(ACCOUNT_USER):
            namespace, _, account = name.removeprefix(ACCOUNT_USER).partition(":")
            if namespace in mapping:
                draft.set((*place, "name"), f"{ACCOUNT_USER}{mapping[namespace]}:{account}")


@adapter("map-namespace-of-backends")
def map_backends(draft: Draft, _base: Parts, context: Context) -> None:
    """Follow a namespace mapping through the Services that webhooks, APIServices and CRDs call.

    :param draft: the configuration.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    for index, _ in enumerate(items_at(draft.manifest, "webhooks")):
        _replace(draft, ("webhooks", index, "clientConfig", "service", "namespace"), mapping)
        _map_selector(draft, ("webhooks", index, "namespaceSelector"), mapping)
    _replace(draft, ("spec", "service", "namespace"), mapping)
    _replace(draft, ("spec", "conversion", "webhook", "clientConfig", "service", "namespace"), mapping)
    _replace(draft, ("spec", "conversion", "webhookClientConfig", "service", "namespace"), mapping)


@adapter("map-namespace-of-network-policy")
def map_network_policy(draft: Draft, _base: Parts, context: Context) -> None:
    """Follow a namespace mapping through a NetworkPolicy's peers.

    :param draft: the policy.
    :param _base: unused.
    :param context: knows the mapping.
    """
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(items_at(draft.manifest, "spec", direction)):
            for number, _ in enumerate(items_at(rule, peers)):
                place: Parts = ("spec", direction, index, peers, number, "namespaceSelector")
                _map_selector(draft, place, context.parameters.namespaces)


@adapter("map-namespace-of-affinity")
def map_affinity(draft: Draft, base: Parts, context: Context) -> None:
    """Follow a namespace mapping through the namespaces of pod affinity terms.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity: Parts = (*base, "spec", "affinity", kind)
        required, preferred = (
            f"{when}DuringSchedulingIgnoredDuringExecution" for when in ("required", "preferred")
        )
        terms: list[Parts] = [
            (*affinity, required, i) for i, _ in enumerate(draft.get((*affinity, required)) or ())
        ]
        terms += [
            (*affinity, preferred, i, "podAffinityTerm")
            for i, _ in enumerate(draft.get((*affinity, preferred)) or ())
        ]
        for term in terms:
            for index, name in enumerate(draft.get((*term, "namespaces")) or ()):
                if name in mapping:
                    draft.set((*term, "namespaces", index), mapping[name])
            _map_selector(draft, (*term, "namespaceSelector"), mapping)


@adapter("map-namespace-of-volume")
def map_volume(draft: Draft, _base: Parts, context: Context) -> None:
    """Follow a namespace mapping through a PersistentVolume's claim and Secrets, and a claim's sources.

    :param draft: the volume or claim.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    _replace(draft, ("spec", "claimRef", "namespace"), mapping)
    _replace(draft, ("spec", "dataSourceRef", "namespace"), mapping)
    for name, value in mapping_at(draft.manifest, "spec", "csi").items():
        if name.endswith("SecretRef") and isinstance(value, dict):
            _replace(draft, ("spec", "csi", name, "namespace"), mapping)


@adapter("map-namespace-of-gateway")
def map_gateway(draft: Draft, _base: Parts, context: Context) -> None:
    """Follow a namespace mapping through references of Gateway API objects.

    :param draft: the object.
    :param _base: unused.
    :param context: knows the mapping.
    """
    mapping = context.parameters.namespaces
    for index, _ in enumerate(items_at(draft.manifest, "spec", "parentRefs")):
        _replace(draft, ("spec", "parentRefs", index, "namespace"), mapping)
    for index, _ in enumerate(items_at(draft.manifest, "spec", "from")):
        _replace(draft, ("spec", "from", index, "namespace"), mapping)
    for number, rule in enumerate(items_at(draft.manifest, "spec", "rules")):
        for index, _ in enumerate(items_at(rule, "backendRefs")):
            _replace(draft, ("spec", "rules", number, "backendRefs", index, "namespace"), mapping)


@adapter("map-namespace-in-release")
def map_release(draft: Draft, _base: Parts, context: Context) -> None:
    """Rewrite the namespace in a Helm release Secret, so that Helm finds its release in the new one.

    The release is JSON, gzipped, base64 by Helm and base64 again by the Secret
    (helm.sh/helm/v3/pkg/storage/driver). The manifest inside keeps its own texts.

    :param draft: the Secret.
    :param _base: unused.
    :param context: knows the mapping.
    """
    encoded = draft.get(("data", "release"))
    try:
        packed = base64.b64decode(base64.b64decode(str(encoded)))
        release = orjson.loads(_unzip(packed))
        namespace = release["namespace"]
    except (binascii.Error, OSError, EOFError, ValueError, KeyError, TypeError):
        draft.find(
            "warning",
            "the Helm release can't be read, so it keeps its namespace",
            "check `helm list` afterwards",
        )
        return
    mapping = context.parameters.namespaces
    if namespace not in mapping:
        return
    release["namespace"] = mapping[namespace]
    repacked = base64.b64encode(gzip.compress(orjson.dumps(release), mtime=0))
    draft.set(("data", "release"), base64.b64encode(repacked).decode())
    draft.find(
        "info",
        f"the Helm release now belongs to {mapping[namespace]}; its manifest still has the source's texts",
        "run `helm upgrade` with the target's values before the next `helm rollback`",
    )


@adapter("map-service-names")
def map_service_names(draft: Draft, base: Parts, context: Context) -> None:
    """Find Service names with a mapped namespace in texts; rewrite them where the plan asks for that.

    :param draft: the object.
    :param base: the pod template, or the object for ConfigMaps.
    :param context: knows the mapping and the parameter `rewrite_service_names`.
    """
    mapping = context.parameters.namespaces
    if not mapping:
        return
    expression = service_name_expression(mapping)
    found: list[tuple[Parts, str]] = []
    for parts, text in texts_with_names(draft, base):
        if expression.search(text):
            found.append((parts, text))
    for parts, text in found:
        if context.param("rewrite_service_names"):
            draft.set(parts, expression.sub(lambda match: match[1] + mapping[match[2]] + match[3], text))
        else:
            draft.find(
                "warning",
                f"{pointer(parts)} names a Service in a namespace that gets another name",
                "rewrite it, or set the parameter rewrite_service_names: true",
            )


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


def _replace(draft: Draft, place: Parts, mapping: Mapping[str, str]) -> None:
    current = draft.get(place)
    if isinstance(current, str) and current in mapping:
        draft.set(place, mapping[current])


def _map_selector(draft: Draft, place: Parts, mapping: Mapping[str, str]) -> None:
    _replace(draft, (*place, "matchLabels", NAME_LABEL), mapping)
    for index, expression in enumerate(draft.get((*place, "matchExpressions")) or ()):
        if isinstance(expression, dict) and expression.get("key") == NAME_LABEL:
            for number, name in enumerate(expression.get("values") or ()):
                if name in mapping:
                    draft.set((*place, "matchExpressions", index, "values", number), mapping[name])


def _unzip(packed: bytes) -> bytes:
    if packed[:2] != b"\x1f\x8b":
        return packed  # old releases aren't compressed

    unpacked = zlib.decompressobj(wbits=31).decompress(packed, MAXIMUM_RELEASE_BYTES)
    if len(unpacked) >= MAXIMUM_RELEASE_BYTES:
        raise ValueError("the release is too large")
    return unpacked
