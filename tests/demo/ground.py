"""What the demo stands on: the lab, or clusters of one's own, an S3 server, an address that pods reach."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.demo.kube import Kube
from tests.demo.shop.deployment import IMAGE_FOLDER, SOURCE_REGISTRY, TARGET_REGISTRY, image_names
from tests.lab import Lab
from tests.lab.mover_image import MOVER_IMAGE

BUCKET = "shop-vault"
SHOP_IMAGE = "docker.io/local/shop:1.0"


@dataclass(frozen=True)
class ObjectStore:
    """An S3 server.

    :param endpoint: its address, ``http://`` or ``https://``
    :param access_key: of a user who may make buckets
    :param secret_key: of that user
    :param bucket: the demo's bucket; whatever it holds is removed
    :param ca_file: certificate that signs the server's, where it isn't a public one
    """

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str = BUCKET
    ca_file: Path | None = None

    @property
    def location(self) -> str:
        """The vault's location."""
        return f"s3:{self.endpoint}/{self.bucket}/vault"

    def client(self) -> Any:
        """Return a client of the server."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            verify=str(self.ca_file) if self.ca_file else None,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"max_attempts": 5, "mode": "standard"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _keys(self, client: Any) -> list[tuple[str, int]]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [(item["Key"], item["Size"]) for page in pages for item in page.get("Contents", [])]

    def stored_bytes(self) -> int:
        """Return the size of everything in the bucket."""
        with closing(self.client()) as client:
            return sum(size for _key, size in self._keys(client))

    def make_empty(self) -> None:
        """Make the bucket, or empty it."""
        with closing(self.client()) as client:
            try:
                client.create_bucket(Bucket=self.bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                    raise
            for key, _size in self._keys(client):
                client.delete_object(Bucket=self.bucket, Key=key)


@dataclass(frozen=True)
class Ground:
    """Two clusters and what they share.

    :param source: where the shop is
    :param target: where it goes
    :param store: the S3 server that holds the vault
    :param host_address: address of this machine as pods of both clusters reach it
    :param lab: the lab, where it is the ground
    """

    source: Kube
    target: Kube
    store: ObjectStore
    host_address: str
    lab: Lab | None = None

    def close(self) -> None:
        """Close connections to the clusters."""
        self.source.close()
        self.target.close()

    def provide_images(self, say: Callable[[str], None]) -> None:
        """Bring the shop's and the mover's images into the lab; of other clusters say what they must hold."""
        if self.lab is None:
            for cluster, registry in ((self.source, SOURCE_REGISTRY), (self.target, TARGET_REGISTRY)):
                names = ", ".join([*image_names(registry), MOVER_IMAGE])
                say(f"  nodes of the {cluster.name} must hold or be able to pull: {names}")
            say(f"  the shop's image is built from {IMAGE_FOLDER}/Containerfile, the mover's from Dockerfile")
            return
        shop = self.lab.build_image(IMAGE_FOLDER, SHOP_IMAGE, say=say)
        mover = self.lab.build_mover(say=say)
        registries = {"source": SOURCE_REGISTRY, "target": TARGET_REGISTRY}
        for name, registry in registries.items():
            node = self.lab.cluster(name)
            node.import_image(shop, image_names(registry))
            node.import_image(mover, [MOVER_IMAGE])


def lab_ground(lab: Lab) -> Ground:
    """Return the running lab as ground."""
    store = ObjectStore(
        lab.s3.endpoint_tls, lab.s3.access_key, lab.s3.secret_key, ca_file=Path(lab.s3.ca_file)
    )
    return Ground(
        Kube("source", lab.source.kubeconfig),
        Kube("target", lab.target.kubeconfig),
        store,
        lab.host_address,
        lab,
    )


def foreign_ground(environment: Mapping[str, str] = os.environ) -> Ground:
    """Return clusters of one's own as ground, from ``DEMO_…`` variables."""
    ca_file = environment.get("DEMO_S3_CA_FILE")
    store = ObjectStore(
        environment["DEMO_S3_ENDPOINT"],
        environment["DEMO_S3_ACCESS_KEY"],
        environment["DEMO_S3_SECRET_KEY"],
        environment.get("DEMO_S3_BUCKET", BUCKET),
        Path(ca_file) if ca_file else None,
    )
    source = Kube("source", Path(environment["DEMO_SOURCE_KUBECONFIG"]))
    target = Kube("target", Path(environment["DEMO_TARGET_KUBECONFIG"]))
    return Ground(source, target, store, environment["DEMO_HOST_ADDRESS"])
