"""Claims: StorageClass, access modes and size as the target's volumes have them."""

from __future__ import annotations

from typing import Any

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, mapping_at
from migration_ops.transform.parameters import look_up
from migration_ops.transform.registry import adapter

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
GIBIBYTE = 1024**3
LARGE_GIB = 100
DISK_TYPE_PARAMETERS = (
    "type",
    "skuName",
    "skuname",
    "storageaccounttype",
    "diskType",
    "everest.io/disk-volume-type",
)
SHARED_MODES = frozenset({"ReadWriteMany", "ReadOnlyMany"})


@adapter("map-storage-class")
def map_storage_class(draft: Draft, base: Parts, context: Context) -> None:
    """Map a claim's class; a claim without one gets what is mapped for the empty name.

    :param draft: the object.
    :param base: the claim or claim template.
    :param context: knows the mapping.
    """
    map_class_of_claim(draft, (*base, "spec"), context)


def map_class_of_claim(draft: Draft, spec: Parts, context: Context) -> None:
    """Map the class of a claim's spec.

    :param draft: the object.
    :param spec: where the claim's spec is.
    :param context: knows the mapping.
    """
    place = (*spec, "storageClassName")
    current = draft.get(place)
    if current == "" and draft.get((*spec, "volumeName")):
        return  # bound by name to a volume that was made by hand
    mapped = look_up(str(current or ""), context.storage_classes, settled=target_classes(context))
    if mapped is not None:
        draft.set(place, mapped)
        _drop_selector(draft, spec, mapped)
    elif current == "" and not context.param("keep_persistent_volumes"):
        draft.find(
            "blocker",
            "the claim was bound to a volume that was made by hand (its class is empty), which stays behind; "
            "nothing provisions another one",
            'map "" to a class in storage_classes, or keep the volume with the parameter '
            "keep_persistent_volumes where the target reaches it",
        )
    elif current is None:
        _without_class(draft, place, context)
    elif current:
        by_provisioner = map_class_name(draft, place, context)
        if by_provisioner is not None:
            _drop_selector(draft, spec, by_provisioner)


def _without_class(draft: Draft, place: Parts, context: Context) -> None:
    """Give a claim without a class the source's default one; the target has another, or none."""
    defaults = [
        name
        for name, item in context.storage_classes_of_source.items()
        if mapping_at(item, "metadata", "annotations").get(DEFAULT_CLASS) == "true"
    ]
    if len(defaults) == 1:
        draft.set(place, defaults[0])
        map_class_name(draft, place, context)
        return
    draft.find(
        "warning",
        "the claim names no class: it gets the target's default one, and stays pending where there is none",
        'map "" to a class in storage_classes',
    )


def map_class_name(draft: Draft, place: Parts, context: Context) -> str | None:
    """Map a field that holds the name of a class; return what it became.

    :param draft: the object.
    :param place: the field.
    :param context: knows the mapping.
    """
    current = str(draft.get(place))
    mapped = look_up(current, context.storage_classes, settled=target_classes(context))
    if mapped is None and current not in target_classes(context):
        mapped = _by_provisioner(draft, current, context)
    if mapped is not None:
        draft.set(place, mapped)
    elif current not in target_classes(context):
        draft.find(
            "decision",
            f"no entry of storage_classes maps {current}",
            'add it to storage_classes, or add an entry for "*"',
            tuple(sorted(context.param("storage_class_facts") or {})),
        )
    return mapped


def _drop_selector(draft: Draft, spec: Parts, name: str) -> None:
    """Take away what chose a volume: no provisioner makes one for a claim with a selector."""
    if draft.remove((*spec, "selector")):
        draft.find(
            "warning",
            f"the claim chose a volume of the source by labels; {name} provisions one instead",
            "check that the claim needs no particular volume",
        )


def _by_provisioner(draft: Draft, name: str, context: Context) -> str | None:
    """Map a class by its provisioner, if the class itself came along; tell what else it promised."""
    source = context.storage_classes_of_source.get(name)
    if source is None:
        return None
    provisioner = str(source.get("provisioner", ""))
    mapped = look_up(provisioner, [context.param("provisioners") or {}])
    if mapped is None:
        return None
    parameters = mapping_at(source, "parameters")
    for kind in [str(parameters[key]) for key in DISK_TYPE_PARAMETERS if key in parameters]:
        suggestion = (context.param("fast_disk_types") or {}).get(kind)
        if suggestion:
            draft.find(
                "decision",
                f"the source's class {name} has fast disks ({kind}); the claim goes to {mapped}",
                f"make a class with {suggestion} and map {name} to it in storage_classes",
                (mapped, suggestion),
            )
    if str(parameters.get("encrypted", "")).lower() == "true":
        draft.find(
            "warning",
            f"the source's class {name} encrypts its disks; {mapped} doesn't say so",
            'make a class with encrypted: "true" and map it in storage_classes',
        )
    return mapped


@adapter("fit-claim")
def fit_claim(draft: Draft, base: Parts, context: Context) -> None:
    """Fit size and access modes to what the target's class can do (parameter `storage_class_facts`).

    :param draft: the object.
    :param base: the claim or claim template.
    :param context: knows the classes.
    """
    fit_spec(draft, (*base, "spec"), context)


def fit_spec(draft: Draft, spec: Parts, context: Context) -> None:
    """Fit the spec of a claim to its class.

    :param draft: the object.
    :param spec: where the claim's spec is.
    :param context: knows the classes.
    """
    name = draft.get((*spec, "storageClassName"))
    facts = (context.param("storage_class_facts") or {}).get(name)
    if not isinstance(facts, dict):
        return
    if draft.get((*spec, "volumeMode")) == "Block" and not facts.get("block", True):
        draft.find(
            "blocker",
            f"{name} has file systems only, but the claim asks for a raw device (volumeMode Block)",
            "map its class to one of disks in storage_classes",
        )
        return
    _fit_access_modes(draft, spec, name, facts, context)
    fit_size(
        draft, (*spec, "resources", "requests", "storage"), draft.get((*spec, "storageClassName")), context
    )


def fit_size(draft: Draft, place: Parts, name: Any, context: Context) -> None:
    """Raise a size to the smallest that volumes of a class have.

    :param draft: the object.
    :param place: where the size is.
    :param name: the class.
    :param context: knows the classes.
    """
    facts = (context.param("storage_class_facts") or {}).get(name)
    known = context.param("disk_minimums_gib") or {}
    if not isinstance(facts, dict):
        return
    disk = facts.get("disk")
    if disk is not None and disk not in known:
        draft.find(
            "blocker",
            f"storage_class_facts: {name} has disks of the type {disk}, which nobody knows",
            f"write one of {', '.join(sorted(known))}",
        )
        return
    minimum = smallest_gib(name, context)
    requested = draft.get(place)
    if requested is None or minimum is None:
        return
    from kubernetes.utils.quantity import parse_quantity

    try:
        is_enough = parse_quantity(str(requested)) >= minimum * GIBIBYTE
    except (ValueError, ArithmeticError):  # NaN has no order
        draft.find("blocker", f"the requested size {requested!r} is no quantity", "correct the claim")
        return
    if is_enough:
        return
    draft.set(place, f"{minimum}Gi")
    message = f"{name} has no volumes below {minimum}Gi, so {requested} was requested as {minimum}Gi"
    if minimum > LARGE_GIB:
        draft.find(
            "decision",
            message,
            "such a disk costs accordingly: map the class to one with a lower performance level instead",
            (f"{minimum}Gi", "a lower performance level"),
        )
    else:
        draft.find("info", message)


def smallest_gib(name: Any, context: Context) -> int | None:
    """Give the size of a class's smallest volumes, if it is known: by its own and by its disks'.

    :param name: the class.
    :param context: knows the classes.
    """
    facts = (context.param("storage_class_facts") or {}).get(name)
    if not isinstance(facts, dict):
        return None
    of_disk = (context.param("disk_minimums_gib") or {}).get(facts.get("disk"))
    said = [int(size) for size in (facts.get("minimum_gib"), of_disk) if size is not None]
    return max(said, default=None)


def _fit_access_modes(draft: Draft, spec: Parts, name: str, facts: dict[str, Any], context: Context) -> None:
    place = (*spec, "accessModes")
    modes = draft.get(place)
    if not isinstance(modes, list) or facts.get("shared", True):
        return
    if draft.get((*spec, "volumeMode")) == "Block" and facts.get("shared_block", False):
        return
    shared = [mode for mode in modes if mode in SHARED_MODES]
    if not shared:
        return
    file_class = context.param("shared_storage_class")
    if file_class and draft.get((*spec, "volumeMode")) != "Block":
        draft.set((*spec, "storageClassName"), file_class)
        draft.find(
            "warning",
            f"{name} can't be mounted by several nodes ({', '.join(shared)}), it goes to {file_class}",
            "map its class explicitly if that isn't wanted",
        )
        return
    draft.find(
        "blocker",
        f"{name} can't be mounted by several nodes, but the claim asks for {', '.join(shared)}",
        "set the parameter shared_storage_class to a class of shared file systems",
    )


def target_classes(context: Context) -> frozenset[str]:
    """Give the target's classes: what is known of them, and what others are mapped to.

    :param context: knows them.
    """
    facts = context.param("storage_class_facts") or {}
    return frozenset(facts) | {name for layer in context.storage_classes for name in layer.values()}


CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


@adapter("storage-class-annotation-to-field")
def storage_class_annotation_to_field(draft: Draft, base: Parts, _context: Context) -> None:
    """Move the class's old annotation into the field, unless the field is there.

    :param draft: the object.
    :param base: the claim or claim template.
    :param _context: unused.
    """
    place = (*base, "metadata", "annotations", CLASS_ANNOTATION)
    value = draft.get(place)
    draft.remove(place)
    if value is not None and draft.get((*base, "spec", "storageClassName")) is None:
        draft.set((*base, "spec", "storageClassName"), value)
