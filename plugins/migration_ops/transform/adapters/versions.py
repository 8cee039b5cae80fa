"""Steps of the api-versions set that are no conversions of one kind."""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at
from migration_ops.transform.registry import adapter

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
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
    draft.remove(place)
    if value and not draft.get(("spec", "ingressClassName")):
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
        groups = rule.get("apiGroups") or []
        resources = [str(resource).partition("/")[0] for resource in rule.get("resources") or []]
        added: list[str] = []
        for group, homes in MOVED.items():
            if group in groups and "*" not in groups:
                wanted = (
                    homes.values()
                    if "*" in resources
                    else (homes[name] for name in resources if name in homes)
                )
                added += [home for home in wanted if home not in groups and home not in added]
        if added:
            draft.set(("rules", index, "apiGroups"), [*groups, *sorted(set(added))])


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
    elif context.served.is_unknown(api_version, kind):
        draft.find(
            "warning",
            f"{api_version} {kind} is a custom resource whose definition doesn't come along",
            "make sure that its CRD and controller are in the target",
        )
