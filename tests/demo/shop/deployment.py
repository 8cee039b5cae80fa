"""Puts the shop into the source and its neighbour into both clusters, and takes everything away again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.demo.kube import Kube
from tests.demo.progress import Progress

SOURCE_NAMESPACE = "shop"
TARGET_NAMESPACE = "shop-prod"
BYSTANDER = "bystander"
ACCOUNT_NAMESPACE = "migration-ops"
DEFINITION = "promotions.shop.example.com"
PARTS = ("db", "writer", "web")
SOURCE_REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop"
TARGET_REGISTRY = "registry-vpc.cn-hangzhou.aliyuncs.com/shop"
SOURCE_CLASS = "gp2"
TARGET_CLASS = "alicloud-disk-essd"
FOLDER = Path(__file__).parent
IMAGE_FOLDER = FOLDER / "image"


def image_names(registry: str) -> list[str]:
    """Return the three names that the shop's image has in a cluster."""
    return [f"{registry}/{part}:1.0" for part in PARTS]


def remove(clusters: Sequence[Kube], progress: Progress) -> None:
    """Take shop, neighbour and our account out of the clusters and wait until they are gone."""
    names = {SOURCE_NAMESPACE, TARGET_NAMESPACE, BYSTANDER, ACCOUNT_NAMESPACE}
    for cluster in clusters:
        cluster.delete_roles([f"{ACCOUNT_NAMESPACE}-source", f"{ACCOUNT_NAMESPACE}-target"])
        for name in names & cluster.namespaces():
            cluster.delete_namespace(name)
        cluster.delete_definition(DEFINITION)
    for cluster in clusters:
        progress.wait_for(
            f"namespaces of an earlier demo gone from the {cluster.name}",
            lambda cluster=cluster: not names & cluster.namespaces(),  # type: ignore[misc]
            seconds=300,
        )


def deploy_bystander(cluster: Kube, registry: str, storage_class: str) -> None:
    """Put the unrelated application into a cluster."""
    values = {"web_image": f"{registry}/web:1.0", "storage_class": storage_class}
    cluster.apply(sorted((FOLDER / "bystander").glob("*.yaml")), values)


def deploy_shop(cluster: Kube, *, ledger_url: str, database_password: str) -> int:
    """Put the shop into the source; return how many objects that were."""
    values = {"ledger_url": ledger_url, "database_password": database_password}
    return len(cluster.apply(sorted((FOLDER / "manifests").glob("*.yaml")), values))


def await_ready(cluster: Kube, namespace: str, progress: Progress, seconds: float = 240) -> None:
    """Wait until every workload of a namespace is ready, telling what isn't.

    :raises TimeoutError: with what is not ready and why
    """
    missing = ["nothing was seen yet"]

    def ready() -> bool:
        missing[:] = cluster.unready(namespace)
        return not missing

    try:
        progress.wait_for(f"{namespace} ready", ready, seconds=seconds)
    except TimeoutError as error:
        raise TimeoutError(f"{cluster.name}: {error}; missing: {', '.join(missing)}") from None
