"""Claims of the target: StorageClass, binding, access modes and size."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from migration_ops.cluster import Claim, Manifest, is_default_class, reference_of
from migration_ops.cluster.reference import labels_of
from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.facts import quantity
from migration_ops.migration.readiness_report.finding import ReadinessFinding, Severity, finding
from migration_ops.migration.restore_point import RestorePoint
from migration_ops.mover import size_text

CHECK = "storage"
_ACK_DISK = "diskplugin.csi.alibabacloud.com"
_ACK_NAS = "nasplugin.csi.alibabacloud.com"
# Alibaba Cloud's smallest disks in GiB, by category and performance level (ACK's disk volume overview).
_SMALLEST = {
    ("cloud_essd", "PL0"): 1,
    ("cloud_essd", "PL1"): 20,
    ("cloud_essd", "PL2"): 461,
    ("cloud_essd", "PL3"): 1261,
    ("cloud_auto", ""): 1,
    ("cloud_essd_entry", ""): 10,
    ("cloud_efficiency", ""): 20,
    ("cloud_ssd", ""): 20,
    ("cloud_regional_disk_auto", ""): 10,
}
_FULL = 0.9
_NO_PROVISIONER = "kubernetes.io/no-provisioner"
_ZONE = "topology.kubernetes.io/zone"


def check_storage(
    objects: Sequence[Manifest],
    classes: Sequence[Manifest],
    nodes: Sequence[Manifest],
    drivers: Collection[str] = (),
) -> list[ReadinessFinding]:
    """Look at every claim and claim template of the adapted objects.

    :param classes: the target's StorageClasses; those that come along count too.
    :param nodes: the target's nodes.
    :param drivers: names of the target's CSI drivers.
    """
    known = {one["metadata"]["name"]: one for one in [*classes, *_classes_among(objects)]}
    default = next((one for one in classes if is_default_class(one)), None)
    zones = {labels_of(node).get(_ZONE) for node in nodes} - {None}
    findings: list[ReadinessFinding] = []
    for where, spec in _claims(objects):
        name = spec.get("storageClassName")
        if name == "":
            if not spec.get("volumeName"):
                reason = "asks for a volume without StorageClass, and the target has none to bind it to"
                remedy = "map its class, or make a PersistentVolume for it in the target"
                findings.append(finding(CHECK, "blocker", where, reason, remedy))
            continue
        chosen = known.get(name) if name is not None else default
        if chosen is None:
            reason = (
                "names no StorageClass and the target has no default one"
                if name is None
                else f"StorageClass {name} doesn't exist in the target"
            )
            offered = ", ".join(sorted(known)) or "none"
            remedy = f"map it in transform.storage_classes; the target has {offered}"
            findings.append(finding(CHECK, "blocker", where, reason, remedy))
            continue
        provided = {*drivers, *(one.get("provisioner", "") for one in classes), _NO_PROVISIONER}
        if chosen.get("provisioner", "") not in provided:
            reason = f"StorageClass {name} comes along, but the target has no {chosen.get('provisioner')}"
            remedy = "map it in transform.storage_classes to a class of the target"
            findings.append(finding(CHECK, "blocker", where, reason, remedy))
        findings += _against_class(where, spec, chosen, zones)
    return findings


def check_growth(
    claims: Sequence[Claim], objects: Sequence[Manifest], plan_namespaces: dict[str, str]
) -> list[ReadinessFinding]:
    """Find claims of the target that are smaller than the volume whose data they get.

    :param claims: the source's claims, with what they really hold.
    :param plan_namespaces: source to target namespace.
    """
    sizes = {
        (item["metadata"].get("namespace"), item["metadata"]["name"]): _size(item.get("spec") or {})
        for item in objects
        if item["kind"] == "PersistentVolumeClaim"
    }
    findings = []
    for claim in claims:
        key = (plan_namespaces.get(claim.namespace, claim.namespace), claim.name)
        if key in sizes and sizes[key] < quantity(claim.capacity):
            where = f"v1/PersistentVolumeClaim/{key[0]}/{key[1]}"
            reason = f"asks for less than the {claim.capacity} that the source's volume has"
            findings.append(
                finding(CHECK, "warning", where, reason, "raise the request with a rule unless its data fits")
            )
        if claim.volume_mode == "Block":
            where = f"v1/PersistentVolumeClaim/{claim.namespace}/{claim.name}"
            reason = "is a block device: it moves as a whole image, and what changed is found by reading all"
            findings.append(finding(CHECK, "info", where, reason))
    return findings


def check_usage(latest: RestorePoint, objects: Sequence[Manifest], plan: Plan) -> list[ReadinessFinding]:
    """Find claims of the target that are too small for the data that they get.

    :param latest: the newest restore point.
    """
    sizes = {
        (item["metadata"].get("namespace"), item["metadata"]["name"]): _size(item.get("spec") or {})
        for item in objects
        if item["kind"] == "PersistentVolumeClaim"
    }
    findings = []
    for volume in latest.volumes:
        key = (plan.target_namespace(volume.namespace), volume.claim)
        room = sizes.get(key, 0.0)
        if not room or volume.volume_mode == "Block" or volume.bytes < _FULL * room:
            continue
        where = f"v1/PersistentVolumeClaim/{key[0]}/{key[1]}"
        reason = f"gets {size_text(volume.bytes)} of data into {size_text(room)}"
        severity: Severity = "blocker" if volume.bytes > room else "warning"
        findings.append(finding(CHECK, severity, where, reason, "raise its request with a rule"))
    return findings


def _against_class(
    where: str, spec: dict[str, Any], chosen: Manifest, zones: set[str | None]
) -> Iterator[ReadinessFinding]:
    provisioner, parameters = chosen.get("provisioner", ""), chosen.get("parameters") or {}
    modes = set(spec.get("accessModes") or [])
    name = chosen["metadata"]["name"]
    shared = modes & {"ReadWriteMany", "ReadOnlyMany"}
    if provisioner == _ACK_DISK and shared and spec.get("volumeMode") != "Block":
        reason = f"wants {', '.join(sorted(shared))}, and {name} makes disks, which one node mounts at a time"
        remedy = "map it to alibabacloud-cnfs-nas, or change its access mode to ReadWriteOnce with a rule"
        yield finding(CHECK, "blocker", where, reason, remedy)
    if provisioner == _ACK_NAS and spec.get("volumeMode") == "Block":
        reason = f"wants a block device, and {name} makes file systems"
        yield finding(CHECK, "blocker", where, reason, "map it to a disk class")
    if chosen.get("volumeBindingMode", "Immediate") == "Immediate" and len(zones) > 1:
        reason = f"{name} binds at once: the volume's zone is chosen before its pod's ({len(zones)} zones)"
        remedy = "map to a class with WaitForFirstConsumer, such as alicloud-disk-topology-alltype"
        yield finding(CHECK, "decision", where, reason, remedy)
    if provisioner == _ACK_DISK:
        yield from _against_smallest(where, spec, parameters)


def _against_smallest(
    where: str, spec: dict[str, Any], parameters: dict[str, str]
) -> Iterator[ReadinessFinding]:
    # Several types are tried in turn; the claim must suit one of them.
    wanted = _size(spec)
    smallest = []
    for kind in str(parameters.get("type", "")).split(","):
        level = parameters.get("performanceLevel", "PL1") if kind == "cloud_essd" else ""
        if (kind, level) in _SMALLEST:
            smallest.append(_SMALLEST[kind, level])
    if smallest and wanted < min(smallest) * 2**30:
        reason = f"asks for less than the smallest disk of its class, {min(smallest)} GiB"
        yield finding(
            CHECK, "blocker", where, reason, "raise the request with a rule (storage does so by default)"
        )


def _claims(objects: Iterable[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in objects:
        if item["kind"] == "PersistentVolumeClaim":
            yield reference_of(item), item.get("spec") or {}
        for template in (item.get("spec") or {}).get("volumeClaimTemplates") or []:
            yield f"{reference_of(item)} template {template['metadata']['name']}", template.get("spec") or {}


def _classes_among(objects: Iterable[Manifest]) -> list[Manifest]:
    return [item for item in objects if item["kind"] == "StorageClass"]


def _size(spec: dict[str, Any]) -> float:
    return quantity(((spec.get("resources") or {}).get("requests") or {}).get("storage"))
