"""Data of the source that doesn't move by itself, or moves in an unusual way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration_ops.cluster import Capture, Manifest, reference_of
from migration_ops.cluster.podspec import pod_spec_of
from migration_ops.migration.readiness_report.facts import ClusterFacts
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding

CHECK = "volumes"
_READ_ONLY_HOST_PATHS = ("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/etc/ssl/certs")
_NETWORK_VOLUMES = {
    "nfs": "NFS",
    "cephfs": "CephFS",
    "rbd": "Ceph RBD",
    "iscsi": "iSCSI",
    "glusterfs": "GlusterFS",
    "awsElasticBlockStore": "EBS",
    "gcePersistentDisk": "Persistent Disk",
    "azureDisk": "Azure Disk",
    "azureFile": "Azure File",
    "fc": "Fibre Channel",
    "vsphereVolume": "vSphere",
    "cinder": "Cinder",
}


def check_claims(capture: Capture, source: ClusterFacts) -> list[ReadinessFinding]:
    """Look at the claims that move, and at those that don't.

    :param capture: the source as captured.
    """
    volumes = {str(one["metadata"]["name"]): one for one in source.kind("", "PersistentVolume")}
    findings = []
    for claim in capture.claims:
        where = f"v1/PersistentVolumeClaim/{claim.namespace}/{claim.name}"
        if not claim.mounted_by:
            reason = "no pod mounts it; it moves all the same"
            findings.append(
                finding(CHECK, "info", where, reason, "exclude it in select.volumes if it is stale")
            )
        if "ReadWriteOncePod" in claim.access_modes and claim.mounted_by:
            reason = "is ReadWriteOncePod: no mover can mount it while its pod runs"
            remedy = "it can only be backed up quiesced: all of it then moves during the downtime"
            findings.append(finding(CHECK, "decision", where, reason, remedy))
        spec = (volumes.get(claim.volume_name) or {}).get("spec") or {}
        for kind in ("local", "hostPath"):
            if kind in spec:
                reason = f"lies on one node as a {kind} volume ({claim.volume_name})"
                remedy = "movers go to that node; the target needs a class that survives its nodes"
                findings.append(finding(CHECK, "warning", where, reason, remedy))
    findings += [
        finding(CHECK, "info", left.object, f"its data stays behind: {left.reason}")
        for left in capture.left_out
        if left.object.startswith("v1/PersistentVolumeClaim/")
    ]
    return findings


def check_pod_volumes(capture: Capture) -> list[ReadinessFinding]:
    """Look for data that lies outside of claims.

    :param capture: the source as captured.
    """
    findings: list[ReadinessFinding] = []
    for one in capture.objects:
        spec = pod_spec_of(one.manifest)
        if spec:
            findings += _outside_of_claims(one.manifest, spec)
    return findings


def _outside_of_claims(manifest: Manifest, spec: dict[str, Any]) -> Iterator[ReadinessFinding]:
    where = reference_of(manifest)
    claims_of_its_own = {
        template["metadata"]["name"]
        for template in (manifest.get("spec") or {}).get("volumeClaimTemplates") or []
    }
    for volume in spec.get("volumes") or []:
        name = volume["name"]
        if name in claims_of_its_own:
            continue
        if path := (volume.get("hostPath") or {}).get("path"):
            if path.startswith(_READ_ONLY_HOST_PATHS):
                continue
            if path.startswith(("/var/run/docker.sock", "/run/docker.sock", "/var/run/dockershim")):
                reason = f"volume {name} is Docker's socket, which nodes with containerd don't have"
                yield finding(CHECK, "decision", where, reason, "use the container runtime's own interface")
                continue
            reason = f"volume {name} is {path} of whatever node it runs on; its data doesn't move"
            remedy = "move the data into a claim first, or make sure that every node of the target has it"
            yield finding(CHECK, "decision", where, reason, remedy)
        elif "emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory":
            if _is_scratch(name, spec):
                continue
            reason = f"volume {name} is an emptyDir: what lies in it is lost when the pod stops"
            yield finding(CHECK, "info", where, reason, "move what must stay into a claim first")
        elif volume.get("gitRepo"):
            reason = f"volume {name} is a gitRepo, which newer clusters refuse"
            yield finding(CHECK, "decision", where, reason, "clone in an init container")
        elif (volume.get("csi") or {}).get("driver"):
            reason = f"volume {name} is made by CSI driver {volume['csi']['driver']} for each pod"
            yield finding(CHECK, "decision", where, reason, "install the driver in the target, or replace it")
        else:
            yield from _network_volume(where, volume)


def _network_volume(where: str, volume: dict[str, Any]) -> Iterator[ReadinessFinding]:
    for kind, word in _NETWORK_VOLUMES.items():
        if kind in volume:
            reason = f"volume {volume['name']} is mounted from {word} without a claim; its data doesn't move"
            remedy = "put it into a PersistentVolume with a claim, or make sure that the target reaches it"
            yield finding(CHECK, "decision", where, reason, remedy)


def _is_scratch(name: str, spec: dict[str, Any]) -> bool:
    """By its name or by where it is mounted, nobody keeps data there."""
    paths = [
        mount.get("mountPath", "")
        for container in spec.get("containers") or []
        for mount in container.get("volumeMounts") or []
        if mount.get("name") == name
    ]
    return all(path.startswith(("/tmp", "/var/tmp", "/run", "/var/run", "/dev/shm")) for path in paths)  # noqa: S108
