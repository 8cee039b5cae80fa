"""From a plan to what clusters and rules ask for: the selection, the parameters, the adapted objects."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration_ops.migration.plan import Plan

if TYPE_CHECKING:
    from migration_ops.cluster import AddressPolicy, Cluster, Selection
    from migration_ops.transform import Parameters, TransformResult
    from migration_ops.transform.rules import RuleSet

RULES_FOLDER_VARIABLE = "MIGRATION_OPS_RULES"


def selection(plan: Plan) -> Selection:
    """What the plan takes of its source."""
    from migration_ops.cluster import Selection

    select = plan.select
    return Selection(
        namespaces_include=tuple(select.namespaces.include),
        namespaces_exclude=tuple(select.namespaces.exclude),
        label_selectors=tuple(select.label_selectors),
        resources_include=tuple(select.resources.include),
        resources_exclude=tuple(select.resources.exclude),
        names_include=tuple(select.names.include),
        names_exclude=tuple(select.names.exclude),
        cluster_scoped=select.cluster_scoped,
        secrets=select.secrets,
        volumes_include=_with_namespace(select.volumes.include),
        volumes_exclude=_with_namespace(select.volumes.exclude),
        volume_labels_exclude=tuple(select.volumes.exclude_labels),
        storage_classes_exclude=tuple(select.volumes.exclude_storage_classes),
        volumes_opt_in=select.volumes.opt_in,
    )


def _with_namespace(patterns: Sequence[str]) -> tuple[str, ...]:
    return tuple(pattern if "/" in pattern else f"*/{pattern}" for pattern in patterns)


def kept_addresses(plan: Plan) -> AddressPolicy:
    """Which of the source's addresses Services keep in the target."""
    from migration_ops.cluster import AddressPolicy

    return AddressPolicy(**dict.fromkeys(plan.restore.keep_addresses, True))


def kept_finalizers(plan: Plan) -> list[str]:
    """Globs of the finalizers whose controllers run in the target, as the plan tells the rules, too."""
    listed = plan.transform.params.get("keep_finalizers") or []
    return [str(one) for one in listed] if isinstance(listed, list) else []


def provider_of(source: Cluster) -> str:
    """Whose cluster it is, as its nodes and StorageClasses tell; empty if they don't, or may not be read."""
    from migration_ops.cluster import Forbidden, discovery
    from migration_ops.cluster.listing import list_objects
    from migration_ops.transform import recognise_provider

    telling: list[dict[str, Any]] = []
    for group, kind in (("", "Node"), ("storage.k8s.io", "StorageClass")):
        resource = discovery(source).find(group, kind)
        if resource is None:
            continue
        with contextlib.suppress(Forbidden):
            telling += list_objects(source, resource)
    return recognise_provider(telling) or ""


def rule_parameters(
    plan: Plan,
    *,
    target_version: str | None = None,
    target_apis: Collection[str] | None = None,
    source_provider: str = "",
) -> Parameters:
    """What the plan answers to the rules.

    :param target_version: the target's own version; the plan's wins where it names one.
    :param target_apis: what the target serves.
    :param source_provider: what the source itself told; the plan's wins where it names one. The rules look
        at the objects when neither does.
    """
    from migration_ops.transform import Parameters

    wanted = plan.target.version if plan.target else None
    return Parameters(
        storage_classes=plan.transform.storage_classes,
        image_registries=plan.transform.image_registries,
        namespaces=plan.namespaces,
        params=plan.transform.params,
        target_version=(wanted or target_version or "").removeprefix("v") or None,
        target_apis=target_apis,
        source_provider=plan.source.provider or source_provider or None,
        named_namespaces=frozenset(selection(plan).named_namespaces()),
    )


def rules_of(plan: Plan) -> list[RuleSet]:
    """The plan's rule sets, with all that they bring along.

    :raises TransformError: if one is missing or wrong.
    """
    from migration_ops.transform import load_rule_sets

    folder = os.environ.get(RULES_FOLDER_VARIABLE)
    return load_rule_sets(plan.transform.rules, search_path=Path(folder) if folder else None)


def adapt(
    plan: Plan,
    objects: Sequence[Mapping[str, Any]],
    *,
    target_version: str | None = None,
    target_apis: Collection[str] | None = None,
    source_provider: str = "",
    rule_sets: Sequence[RuleSet] | None = None,
) -> TransformResult:
    """Run the plan's rules over captured objects.

    :param source_provider: whose cluster the source is, where that is known from its nodes.
    :param rule_sets: the plan's, where they have been read already.
    :raises TransformError: if a rule set is missing or wrong.
    """
    from migration_ops.transform import transform

    parameters = rule_parameters(
        plan, target_version=target_version, target_apis=target_apis, source_provider=source_provider
    )
    return transform([dict(item) for item in objects], rule_sets or rules_of(plan), parameters)
