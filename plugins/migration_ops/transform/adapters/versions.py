"""Steps of the api-versions set that are no conversions of one kind."""

from __future__ import annotations

import re
from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at
from migration_ops.transform.registry import adapter
from migration_ops.transform.removed_versions import REPLACED, Version
from migration_ops.transform.versions import ServedApis

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
CLASS_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
CLASSES_OF_PROVIDERS = frozenset({"azure/application-gateway"})
"""No names, and still classes: the provider's own rule set gives such an Ingress another one."""
# Where the resources of the removed group went (deprecation guide, v1.16 and v1.22).
MOVED: dict[str, dict[str, str]] = {
    "extensions": {
        "deployments": "apps",
        "daemonsets": "apps",
        "replicasets": "apps",
        "ingresses": "networking.k8s.io",
        "networkpolicies": "networking.k8s.io",
    }
}


@adapter("ingress-class-to-field")
def ingress_class_to_field(draft: Draft, _base: Parts, _context: Context) -> None:
    """Move the class's annotation to `spec.ingressClassName`; a field that is there already wins.

    :param draft: the Ingress.
    :param _base: unused.
    :param _context: unused.
    """
    place = ("metadata", "annotations", CLASS_ANNOTATION)
    value = draft.get(place)
    field = draft.get(("spec", "ingressClassName"))
    if value in CLASSES_OF_PROVIDERS and not field:
        return
    if value and not field and not CLASS_NAME.fullmatch(str(value)):
        draft.find(
            "decision",
            f"the class {value} is only an annotation's text, no name that a class may have",
            "name a class of the target in spec.ingressClassName, or let its controller read the annotation",
            ("spec.ingressClassName", "the annotation as it is"),
        )
        return
    draft.remove(place)
    if value and not field:
        draft.set(("spec", "ingressClassName"), value)


@adapter("widen-rbac-rules")
def widen_rbac_rules(draft: Draft, _base: Parts, _context: Context) -> None:
    """Add the new groups of resources to rules that name them in a removed group; drop what can't be used.

    :param draft: the role.
    :param _base: unused.
    :param _context: unused.
    """
    rules = items_at(draft.manifest, "rules")
    for index in reversed(range(len(rules))):
        only_policies = rules[index].get("resources") == ["podsecuritypolicies"]
        if only_policies and "*" not in (rules[index].get("apiGroups") or []):
            draft.remove(("rules", index))
    for index, rule in enumerate(items_at(draft.manifest, "rules")):
        if added := _new_groups(rule):
            draft.set(("rules", index, "apiGroups"), [*rule["apiGroups"], *added])


@adapter("widen-webhook-rules")
def widen_webhook_rules(draft: Draft, _base: Parts, context: Context) -> None:
    """Let webhooks that look at removed versions look at those that replaced them.

    :param draft: the webhook configuration.
    :param _base: unused.
    :param context: knows the target.
    """
    for number, webhook in enumerate(items_at(draft.manifest, "webhooks")):
        for index, rule in enumerate(items_at(webhook, "rules")):
            place: Parts = ("webhooks", number, "rules", index)
            groups, versions = (
                [str(name) for name in rule.get(field) or ()] for field in ("apiGroups", "apiVersions")
            )
            added = _replacing(rule, groups, versions, context.served)
            new_groups = sorted({one.group for one in added} - {*groups})
            new_versions = sorted({one.version for one in added} - {*versions})
            if new_groups and "*" not in groups:
                draft.set((*place, "apiGroups"), [*groups, *new_groups])
            if new_versions and "*" not in versions:
                draft.set((*place, "apiVersions"), [*versions, *new_versions])
                draft.find(
                    "warning",
                    f"webhook {webhook.get('name')} only knew versions that are gone; it is asked about "
                    f"{', '.join(new_versions)}",
                    "check that it understands objects of that version",
                )


def _replacing(
    rule: dict[str, Any], groups: list[str], versions: list[str], served: ServedApis
) -> list[Version]:
    """Give the versions that replace those of a rule that the target lacks, if the rule misses them."""
    resources = {str(resource).partition("/")[0] for resource in rule.get("resources") or ()}

    def names(one: Version) -> bool:
        return bool({one.group, "*"} & {*groups}) and bool({one.version, "*"} & {*versions})

    replacing = []
    for row in REPLACED:
        if not {row.resource, "*"} & resources:
            continue
        gone = any(names(one) and not row.is_served(one, served) for one in row.versions)
        best = row.best(served)
        if (
            gone
            and best is not None
            and not any(names(one) and row.is_served(one, served) for one in row.versions)
        ):
            replacing.append(best)
    return replacing


def _new_groups(rule: dict[str, Any]) -> list[str]:
    """Give the groups to which resources of a rule went, and which it doesn't name."""
    groups = rule.get("apiGroups") or []
    resources = [str(resource).partition("/")[0] for resource in rule.get("resources") or []]
    added: set[str] = set()
    for group, homes in MOVED.items():
        if group in groups and "*" not in groups:
            added |= set(homes.values()) if "*" in resources else {homes[n] for n in resources if n in homes}
    return sorted(added - set(groups))


OF_ACK = frozenset({("alibabacloud.com/v1", "AlbConfig")})
"""Kinds that rules make, and that ACK's add-ons bring."""


@adapter("check-served")
def check_served(draft: Draft, _base: Parts, context: Context) -> None:
    """Report an object whose kind the target surely lacks, or may lack.

    :param draft: the object.
    :param _base: unused.
    :param context: knows the target.
    """
    api_version, kind = draft.manifest["apiVersion"], draft.manifest["kind"]
    if any(finding.severity == "blocker" for finding in draft.findings):
        return
    if context.served.is_missing(api_version, kind):
        draft.find(
            "blocker",
            f"the target doesn't serve {api_version} {kind}, and there is no conversion",
            "install what serves it in the target, bring its CRD along, or leave the object out",
        )
    elif context.served.is_unknown(api_version, kind) and (api_version, kind) not in OF_ACK:
        draft.find(
            "warning",
            f"{api_version} {kind} is a custom resource whose definition doesn't come along",
            "make sure that its CRD and controller are in the target",
        )
