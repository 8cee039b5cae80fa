"""Namespaces: the plan's mapping, followed through what refers to them by name."""

from __future__ import annotations

from collections.abc import Mapping

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at
from migration_ops.transform.registry import adapter

NAME_LABEL = "kubernetes.io/metadata.name"
ACCOUNTS_GROUP = "system:serviceaccounts:"
ACCOUNT_USER = "system:serviceaccount:"


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
