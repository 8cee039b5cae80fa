"""Volumes that pods mount without a claim."""

from __future__ import annotations

from fnmatch import fnmatchcase

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts, items_at, mapping_at
from migration_ops.transform.registry import adapter

CLOUD_VOLUMES = (
    "awsElasticBlockStore",
    "gcePersistentDisk",
    "azureDisk",
    "azureFile",
    "cinder",
    "vsphereVolume",
)
OTHER_VOLUMES = (
    "rbd",
    "cephfs",
    "glusterfs",
    "iscsi",
    "fc",
    "flexVolume",
    "portworxVolume",
    "quobyte",
    "scaleIO",
)
CLOUD_DRIVERS = (
    "*.csi.aws.com",
    "*.csi.eks.amazonaws.com",
    "*.csi.storage.gke.io",
    "*.csi.azure.com",
    "com.tencent.cloud.csi.*",
    "*.csi.everest.io",
)
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/var/lib/docker")


@adapter("report-inline-volumes")
def report_inline_volumes(draft: Draft, base: Parts, _context: Context) -> None:
    """Report volumes of a pod that name storage of the source directly.

    :param draft: the object.
    :param base: the pod template.
    :param _context: unused.
    """
    for volume in items_at(draft.manifest, *base, "spec", "volumes"):
        name = volume.get("name")
        for kind in (*CLOUD_VOLUMES, *OTHER_VOLUMES):
            if kind in volume:
                draft.find(
                    "blocker",
                    f"the volume {name} names storage of the source directly ({kind})",
                    "give it a PersistentVolumeClaim in the source; its data can then be moved",
                )
        driver = str(mapping_at(volume, "csi").get("driver", ""))
        if any(fnmatchcase(driver, glob) for glob in CLOUD_DRIVERS):
            draft.find(
                "blocker",
                f"the volume {name} is made by a driver of the source's platform ({driver})",
                "give it a PersistentVolumeClaim in the source; its data can then be moved",
            )
        if "nfs" in volume:
            server = mapping_at(volume, "nfs").get("server")
            draft.find(
                "warning",
                f"the volume {name} is on the NFS server {server}",
                "make sure that the target reaches it, or give it a PersistentVolumeClaim",
            )
        path = str(mapping_at(volume, "hostPath").get("path", ""))
        if path.startswith(SOCKETS):
            draft.find(
                "warning",
                f"the volume {name} mounts Docker's {path}; the target runs containerd",
                "do without",
            )
        elif path:
            draft.find(
                "warning",
                f"the volume {name} is the path {path} of the source's nodes",
                "nothing is moved from nodes; check that the target's nodes have what is needed there",
            )
        if "gitRepo" in volume:
            draft.find(
                "warning",
                f"the volume {name} is a gitRepo, which is off by default since Kubernetes 1.33",
                "clone in an init container instead",
            )
