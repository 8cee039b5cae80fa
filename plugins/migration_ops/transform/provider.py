"""Recognising whose cluster the objects come from, by what its platform leaves on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from migration_ops.transform.objects import Manifest, mapping_at, value_at

NODE_PROVIDER_IDS = {
    "aws": "eks",
    "gce": "gke",
    "azure": "aks",
    "qcloud": "tke",
    "huaweicloud": "cce",
    "alicloud": "ack",
}
# Signs are counted; a Node's is worth more than any number of others, since annotations outlive migrations.
SIGNS: dict[str, tuple[str, ...]] = {
    "eks": (
        "eks.amazonaws.com/",
        "service.beta.kubernetes.io/aws-load-balancer-",
        "alb.ingress.kubernetes.io/certificate-arn",
        "kubernetes.io/aws-ebs",
        "ebs.csi.aws.com",
        "efs.csi.aws.com",
    ),
    "gke": (
        "cloud.google.com/",
        "networking.gke.io/",
        "iam.gke.io/",
        "kubernetes.io/gce-pd",
        "pd.csi.storage.gke.io",
        "filestore.csi.storage.gke.io",
    ),
    "aks": (
        "kubernetes.azure.com/",
        "service.beta.kubernetes.io/azure-",
        "azure.workload.identity/",
        "appgw.ingress.kubernetes.io/",
        "kubernetes.io/azure-",
        "disk.csi.azure.com",
        "file.csi.azure.com",
    ),
    "tke": (
        "tke.cloud.tencent.com/",
        "service.kubernetes.io/qcloud-",
        "service.cloud.tencent.com/",
        "cloud.tencent.com/",
        "com.tencent.cloud.csi.",
    ),
    "cce": ("kubernetes.io/elb.", "everest.io/", "everest-csi-provisioner", "cce.cloud.com/", "node.cce.io/"),
    "ack": (
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-",
        "service.beta.kubernetes.io/alicloud-loadbalancer-",
        "alibabacloud.com/",
        "diskplugin.csi.alibabacloud.com",
        "nasplugin.csi.alibabacloud.com",
    ),
    "onprem": (
        "metallb.",
        "rook-ceph.",
        "driver.longhorn.io",
        "rancher.io/local-path",
        "k8s-sigs.io/nfs-subdir-external-provisioner",
        "nfs.csi.k8s.io",
        "kube-vip.io/",
    ),
}
NODE_WORTH = 1_000_000


def recognise_provider(objects: Sequence[Manifest]) -> str | None:
    """Say which platform the objects come from; None when nothing tells.

    :param objects: any objects; Nodes and StorageClasses tell most.
    """
    votes: Counter[str] = Counter()
    for manifest in objects:
        if manifest.get("kind") == "Node":
            scheme = str(value_at(manifest, ("spec", "providerID")) or "").partition(":")[0]
            if scheme in NODE_PROVIDER_IDS:
                votes[NODE_PROVIDER_IDS[scheme]] += NODE_WORTH
        for text in _telling_texts(manifest):
            for provider, signs in SIGNS.items():
                if text.startswith(signs):
                    votes[provider] += 1
    if not votes:
        return None
    (best, count), *others = votes.most_common()
    return best if not others or others[0][1] < count else None


def _telling_texts(manifest: Manifest) -> Iterable[str]:
    metadata = mapping_at(manifest, "metadata")
    yield from mapping_at(metadata, "annotations")
    yield from mapping_at(metadata, "labels")
    yield from mapping_at(manifest, "spec", "template", "spec", "nodeSelector")
    if manifest.get("kind") == "StorageClass":
        yield str(manifest.get("provisioner", ""))
    if manifest.get("kind") == "PersistentVolume":
        yield str(mapping_at(manifest, "spec", "csi").get("driver", ""))
