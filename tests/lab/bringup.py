"""The order in which a lab comes up: what can run side by side does, since the first time takes minutes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import network
from tests.lab.base_image import base_folder
from tests.lab.cluster import LabCluster
from tests.lab.instance import Instance, boot_id, load_instance, make_instance
from tests.lab.kubernetes_build import kubernetes_binaries
from tests.lab.leftovers import remove_instance
from tests.lab.mover_image import MOVER_IMAGE, mover_image
from tests.lab.packages import BUILD_PACKAGES, NODE_PACKAGES, S3_PACKAGES, install_packages
from tests.lab.progress import Progress
from tests.lab.recipes import build_recipe
from tests.lab.s3 import LabS3


@dataclass(frozen=True)
class Wanted:
    """What a lab is to have.

    :param clusters: names of clusters to start.
    :param images: name -> recipe folder of images to build meanwhile.
    :param s3: whether to start the S3 server.
    :param mover: whether to import the mover's image.
    """

    clusters: Sequence[str]
    images: Mapping[str, Path]
    s3: bool
    mover: bool


def bring_up(name: str, wanted: Wanted, progress: Progress, logs: Path) -> None:
    """Start what is wanted of a lab and doesn't run; the caller holds the lab's lock.

    :raises LabError: something failed; what came up before stays up, and the next call goes on from there.
    """
    begun = time.monotonic()
    instance = _surviving_instance(name, progress)
    if instance is None:
        _put_logs_aside(logs)
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="lab") as pool:
        install_packages(BUILD_PACKAGES, progress, logs / "packages.log")
        binaries = pool.submit(kubernetes_binaries, progress, logs / "kubernetes-build.log")
        base = pool.submit(base_folder, progress, logs / "base-image.log")
        install_packages(
            [*NODE_PACKAGES, *(S3_PACKAGES if wanted.s3 else ())], progress, logs / "packages.log"
        )
        if instance is None:
            instance = make_instance(name)
        network.make_host_address(instance)
        under_way: list[Future[Any]] = []
        if wanted.s3:
            under_way.append(pool.submit(_start_s3, instance, progress))
        mover = pool.submit(_build_mover, base, progress, logs) if wanted.mover else None
        for image, folder in wanted.images.items():
            under_way.append(pool.submit(_build_image, base, folder, image, progress, logs))
        folder = binaries.result()
        under_way += [
            pool.submit(_start_cluster, instance, cluster, folder, mover, progress)
            for cluster in wanted.clusters
        ]
        for each in under_way:
            each.result()
    progress.say(f"lab {name!r} is up after {time.monotonic() - begun:.0f} s")


def _surviving_instance(name: str, progress: Progress) -> Instance | None:
    instance = load_instance(name)
    if instance and instance.boot != boot_id():
        progress.say("the machine was restarted since: what the lab left is removed")
        remove_instance(name)
        return None
    return instance


def _put_logs_aside(logs: Path) -> None:
    previous = logs.with_name(f"{logs.name}.previous")
    if logs.exists():
        if previous.exists():
            shutil.rmtree(previous)
        logs.rename(previous)


def _start_s3(instance: Instance, progress: Progress) -> None:
    with progress.step("starting S3 (Ceph)"):
        LabS3(instance).start_all()


def _build_mover(base: Future[Path], progress: Progress, logs: Path) -> Path:
    base.result()
    return mover_image(progress, logs / "images.log")


def _build_image(base: Future[Path], folder: Path, image: str, progress: Progress, logs: Path) -> Path:
    base.result()
    return build_recipe(folder, image, progress, logs / "images.log")


def _start_cluster(
    instance: Instance, name: str, binaries: Path, mover: Future[Path] | None, progress: Progress
) -> None:
    cluster = LabCluster(instance, name, binaries)
    with progress.step(f"starting cluster {name}"):
        cluster.start_all()
    if mover:
        with progress.step(f"importing the mover's image into {name}"):
            cluster.import_image(mover.result(), [MOVER_IMAGE])
