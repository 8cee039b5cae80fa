"""What else decides where pods run: spreads, taints, extended resources, classes."""

from __future__ import annotations

from fnmatch import fnmatchcase

from migration_ops.transform.adapters.node_labels import PREFERRED, RENAMED, REQUIRED
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, containers, items_at, mapping_at
from migration_ops.transform.registry import adapter


@adapter("map-topology-keys")
def map_topology_keys(draft: Draft, base: Parts, _context: Context) -> None:
    """Rename old label keys where pods are spread or kept together by them.

    :param draft: the object.
    :param base: the pod template.
    :param _context: unused.
    """
    spec: Parts = (*base, "spec")
    places: list[Parts] = [
        (*spec, "topologySpreadConstraints", index)
        for index, _ in enumerate(items_at(draft.manifest, *spec, "topologySpreadConstraints"))
    ]
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity: Parts = (*spec, "affinity", kind)
        places += [
            (*affinity, REQUIRED, index)
            for index, _ in enumerate(items_at(draft.manifest, *affinity, REQUIRED))
        ]
        places += [
            (*affinity, PREFERRED, index, "podAffinityTerm")
            for index, _ in enumerate(items_at(draft.manifest, *affinity, PREFERRED))
        ]
    for place in places:
        key = draft.get((*place, "topologyKey"))
        if key in RENAMED:
            draft.set((*place, "topologyKey"), RENAMED[key])


@adapter("map-tolerations")
def map_tolerations(draft: Draft, base: Parts, context: Context) -> None:
    """Drop tolerations of the source platform's taints, and rename the control plane's.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows the parameters `platform_node_labels` and `node_labels`.
    """
    place: Parts = (*base, "spec", "tolerations")
    tolerations = items_at(draft.manifest, *place)
    for index in reversed(range(len(tolerations))):
        key = str(tolerations[index].get("key") or "")
        if key in RENAMED:
            draft.set((*place, index, "key"), RENAMED[key])
        elif any(
            fnmatchcase(key, glob)
            for name in ("platform_node_labels", "node_pool_labels", "platform_taints")
            for glob in context.param(name) or ()
        ):
            draft.remove((*place, index))
    if draft.get(place) == []:
        draft.remove(place)


@adapter("map-resources")
def map_resources(draft: Draft, base: Parts, context: Context) -> None:
    """Map or drop extended resources that only the source's nodes have.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows the parameters `extended_resources` and `platform_resources`.
    """
    table = context.param("extended_resources") or {}
    globs = context.param("platform_resources") or ()
    for container in containers(draft.manifest, base):
        for kind in ("limits", "requests"):
            place: Parts = (*container, "resources", kind)
            for name, amount in list(mapping_at(draft.manifest, *place).items()):
                if name in table:
                    draft.remove((*place, name))
                    draft.set((*place, str(table[name])), amount)
                elif any(fnmatchcase(name, glob) for glob in globs):
                    draft.remove((*place, name))
                    draft.find(
                        "decision",
                        f"it asks for {amount} of {name}, which only the source's nodes have",
                        "map it in the parameter extended_resources, or run without it",
                        (f"extended_resources: {name}", "run without it"),
                    )
            if draft.get(place) == {}:
                draft.remove(place)


@adapter("report-missing-classes")
def report_missing_classes(draft: Draft, base: Parts, context: Context) -> None:
    """Report classes and schedulers that pods name and that don't come along.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows what comes along.
    """
    spec = mapping_at(draft.manifest, *base, "spec")
    for field, group, kind in (
        ("priorityClassName", "scheduling.k8s.io", "PriorityClass"),
        ("runtimeClassName", "node.k8s.io", "RuntimeClass"),
    ):
        name = str(spec.get(field) or "")
        if name and not name.startswith("system-") and (group, kind, "", name) not in context.names:
            draft.find(
                "warning",
                f"its pods need the {kind} {name}, which doesn't come along",
                f"make the {kind} in the target, or bring it along",
            )
    scheduler = spec.get("schedulerName")
    if scheduler not in {None, "", "default-scheduler"}:
        draft.find("warning", f"its pods need the scheduler {scheduler}", "install it in the target")
