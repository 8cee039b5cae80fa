"""The volumes of a capture: each claim with what a mover must know about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from migration_ops.cluster.podspec import holds_volumes, pod_annotations_of, pod_spec_of
from migration_ops.cluster.reference import (
    Manifest,
    ObjectReference,
    annotations_of,
    controller_of,
    reference_of,
)
from migration_ops.cluster.selection import Selection

VELERO_VOLUMES_EXCLUDES = "backup.velero.io/backup-volumes-excludes"
VELERO_VOLUMES = "backup.velero.io/backup-volumes"
INCLUDE_ANNOTATION = "migration-ops.io/include"


@dataclass(frozen=True, slots=True)
class Claim:
    """One PersistentVolumeClaim whose data is to move.

    :param namespace: the claim's namespace.
    :param name: the claim's name.
    :param storage_class: its class, empty when it has none.
    :param capacity: what it really has, as a Kubernetes quantity.
    :param access_modes: e.g. ``("ReadWriteOnce",)``.
    :param volume_mode: ``Filesystem`` or ``Block``.
    :param volume_name: the bound PersistentVolume.
    :param mounted_by: references of the pods that have it mounted now.
    :param node: where those pods run; empty when nothing runs.
    """

    namespace: str
    name: str
    storage_class: str
    capacity: str
    access_modes: tuple[str, ...]
    volume_mode: str
    volume_name: str
    mounted_by: tuple[str, ...] = ()
    node: str = ""


@dataclass(frozen=True, slots=True)
class PodMounts:
    """What one Pod mounts, or the pods that a workload makes; kept instead of the Pod.

    :param reference: the reference of the Pod or the workload.
    :param namespace: its namespace.
    :param controller: kind and name of its controller, empty for a bare pod.
    :param claims: claims by volume name.
    :param excluded: names of volumes that Velero's annotation leaves out.
    :param included: names of volumes that Velero's other annotation takes, where volumes are opted in.
    :param node: where it runs.
    :param running: whether it may hold volumes.
    """

    reference: str
    namespace: str
    controller: str
    claims: tuple[tuple[str, str], ...]
    excluded: frozenset[str]
    included: frozenset[str]
    node: str
    running: bool

    @classmethod
    def of(cls, pod: Manifest) -> PodMounts:
        """Read a Pod.

        :param pod: the Pod.
        """
        spec = pod.get("spec") or {}
        named = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in spec.get("volumes") or []
            if volume.get("persistentVolumeClaim")
        }
        ephemeral = [volume["name"] for volume in spec.get("volumes") or [] if "ephemeral" in volume]
        named |= {volume: f"{pod['metadata']['name']}-{volume}" for volume in ephemeral}
        owner = controller_of(pod)
        return cls(
            reference=reference_of(pod),
            namespace=pod["metadata"]["namespace"],
            controller=f"{owner['kind']} {owner['name']}" if owner else "",
            claims=tuple(named.items()),
            excluded=_names(annotations_of(pod), VELERO_VOLUMES_EXCLUDES),
            included=_names(annotations_of(pod), VELERO_VOLUMES),
            node=spec.get("nodeName", ""),
            running=holds_volumes(pod),
        )

    @classmethod
    def of_template(cls, workload: Manifest) -> PodMounts | None:
        """Read the pod template of a workload: what its pods would mount, also while none of them runs.

        :param workload: any object; None comes back for one without a pod template.
        """
        spec = pod_spec_of(workload)
        if spec is None or workload["kind"] == "Pod":
            return None
        named = [
            (volume["name"], volume["persistentVolumeClaim"]["claimName"])
            for volume in spec.get("volumes") or []
            if volume.get("persistentVolumeClaim")
        ]
        for template in workload["spec"].get("volumeClaimTemplates") or []:
            volume, owner = template["metadata"]["name"], workload["metadata"]["name"]
            first = (workload["spec"].get("ordinals") or {}).get("start", 0)
            numbers = range(first, first + workload["spec"].get("replicas", 1))
            named += [(volume, f"{volume}-{owner}-{number}") for number in numbers]
        return cls(
            reference=reference_of(workload),
            namespace=workload["metadata"].get("namespace", ""),
            controller="",
            claims=tuple(named),
            excluded=_names(pod_annotations_of(workload), VELERO_VOLUMES_EXCLUDES),
            included=_names(pod_annotations_of(workload), VELERO_VOLUMES),
            node="",
            running=False,
        )


def _names(annotations: Mapping[str, str], key: str) -> frozenset[str]:
    return frozenset(name.strip() for name in annotations.get(key, "").split(",") if name.strip())


def list_claims(
    claims: Sequence[Manifest], mounts: Iterable[PodMounts], selection: Selection
) -> tuple[list[Claim], list[tuple[str, str]], list[str]]:
    """Split chosen claims into volumes to move and volumes to leave.

    A claim whose data is left out stays in the set, empty, as long as some pod or pod template mounts it:
    that pod could not start in the target without it.

    :param claims: the PersistentVolumeClaims of the set.
    :param mounts: what the pods and pod templates of the chosen namespaces mount.
    :param selection: what to leave out.
    :return: the volumes; (reference, reason) of data left out; references of claims to drop from the set.
    """
    users: dict[tuple[str, str], list[tuple[PodMounts, str]]] = {}
    for pod in mounts:
        for volume, claim in pod.claims:
            users.setdefault((pod.namespace, claim), []).append((pod, volume))
    taken: list[Claim] = []
    left: list[tuple[str, str]] = []
    dropped: list[str] = []
    for manifest in claims:
        metadata, status = manifest["metadata"], manifest.get("status") or {}
        pods = users.get((metadata["namespace"], metadata["name"]), [])
        reason = selection.volume_left_out(manifest) or _left_by_pods(pods)
        if reason is None and selection.volumes_opt_in and not _opted_in(manifest, pods):
            reason = f"neither annotated {INCLUDE_ANNOTATION} nor named by a pod's {VELERO_VOLUMES}"
        if reason is None and status.get("phase") != "Bound":
            left.append((reference_of(manifest), f"has no volume yet ({status.get('phase', 'Pending')})"))
        elif reason is None:
            taken.append(_claim(manifest, pods))
        else:
            kept = (
                "the claim itself is kept, empty, for the pods that mount it" if pods else "nothing mounts it"
            )
            left.append((reference_of(manifest), f"{reason}; {kept}"))
            if not pods:
                dropped.append(reference_of(manifest))
    return sorted(taken, key=lambda one: (one.namespace, one.name)), left, dropped


def _left_by_pods(pods: list[tuple[PodMounts, str]]) -> str | None:
    for pod, volume in pods:
        if volume in pod.excluded:
            return f"left out by {VELERO_VOLUMES_EXCLUDES} of {pod.reference}"
    return None


def _opted_in(manifest: Manifest, pods: list[tuple[PodMounts, str]]) -> bool:
    if annotations_of(manifest).get(INCLUDE_ANNOTATION) == "true":
        return True
    return any(volume in pod.included for pod, volume in pods)


def _claim(manifest: Manifest, pods: list[tuple[PodMounts, str]]) -> Claim:
    metadata, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
    running = [pod for pod, _ in pods if pod.running]
    requested = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "")
    reference = ObjectReference.of(manifest)
    return Claim(
        namespace=reference.namespace,
        name=reference.name,
        storage_class=spec.get("storageClassName")
        or (metadata.get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class", ""),
        capacity=(status.get("capacity") or {}).get("storage") or requested,
        access_modes=tuple(spec.get("accessModes") or ()),
        volume_mode=spec.get("volumeMode") or "Filesystem",
        volume_name=spec.get("volumeName", ""),
        mounted_by=tuple(sorted(pod.reference for pod in running)),
        node=next((pod.node for pod in running if pod.node), ""),
    )
