"""OCI image archives (``image-layout`` in a tar): written here, read by containerd, Docker and skopeo."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.cache import build_once, fingerprint
from tests.lab.layers import Layer, write_layer

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


def write_archive(path: Path, name: str, layers: Sequence[Layer], config: dict[str, Any]) -> None:
    """Write an image.

    :param name: the image's full name, such as ``docker.io/local/web:1``.
    :param config: the ``config`` object of the OCI image configuration (Entrypoint, Env, User, ...).
    """
    image = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    image_blob = _json(image)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(CONFIG_TYPE, image_blob),
        "layers": [{"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size} for layer in layers],
    }
    manifest_blob = _json(manifest)
    described = {
        **_descriptor(MANIFEST_TYPE, manifest_blob),
        "annotations": {"io.containerd.image.name": name},
    }
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [described]}
    with tarfile.open(path, "w") as tar:
        _add_bytes(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add_bytes(tar, "index.json", _json(index))
        for blob in (manifest_blob, image_blob):
            _add_bytes(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
        for layer in layers:
            member = tarfile.TarInfo(f"blobs/sha256/{layer.digest.removeprefix('sha256:')}")
            member.size = layer.size
            with layer.path.open("rb") as content:
                tar.addfile(member, content)


def read_identity(path: Path) -> tuple[str, str]:
    """Return the name and the digest of the image in an archive."""
    with tarfile.open(path) as tar:
        content = tar.extractfile("index.json")
        assert content is not None
        described = json.load(content)["manifests"][0]
    return described["annotations"]["io.containerd.image.name"], described["digest"]


def pause_archive(name: str, binaries: Path) -> Path:
    """Return the archive of the image that holds a pod's namespaces: nothing but the ``pause`` program."""

    def build(folder: Path) -> None:
        def fill(tar: tarfile.TarFile) -> None:
            member = tar.gettarinfo(binaries / "pause", "pause")
            member.mode = 0o755
            with (binaries / "pause").open("rb") as content:
                tar.addfile(member, content)

        layer = write_layer(folder / "layer.tar", fill)
        write_archive(folder / "image.tar", name, [layer], {"Entrypoint": ["/pause"]})

    return build_once("images", f"pause-{fingerprint(name, binaries)}", build) / "image.tar"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
