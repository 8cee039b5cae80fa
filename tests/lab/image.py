"""OCI images: their layers stay where they were made, and a node is only sent those that it lacks.

An image on disk is one small ``image.json`` that names its layers' files. It becomes an OCI archive
(``image-layout`` in a tar) as a stream, so that no copy of a base layer is ever written.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.lab.cache import build_once, fingerprint
from tests.lab.layers import Layer, write_layer

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Image:
    """An image as it is on disk.

    :param name: its full name, such as ``docker.io/local/web:1``.
    :param manifest: the OCI manifest, as it is hashed.
    :param config: the OCI configuration, as it is hashed.
    :param layers: from the base upward.
    """

    name: str
    manifest: str
    config: str
    layers: Sequence[Layer]

    @property
    def digest(self) -> str:
        """What identifies the image."""
        return _digest(self.manifest.encode())

    def stream(self, out: IO[bytes], known: Collection[str] = ()) -> None:
        """Write the image as an OCI archive.

        :param known: digests of layers that the reader has already.
        """
        described = {
            **_descriptor(MANIFEST_TYPE, self.manifest),
            "annotations": {"io.containerd.image.name": self.name},
        }
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [described]}
        with tarfile.open(fileobj=out, mode="w|") as tar:
            _add(tar, "oci-layout", '{"imageLayoutVersion":"1.0.0"}')
            _add(tar, "index.json", _json(index))
            _add(tar, _blob(self.digest), self.manifest)
            _add(tar, _blob(_digest(self.config.encode())), self.config)
            for layer in self.layers:
                if layer.digest not in known:
                    member = tarfile.TarInfo(_blob(layer.digest))
                    member.size = layer.size
                    with layer.path.open("rb") as content:
                        tar.addfile(member, content)


def write_image(folder: Path, name: str, layers: Sequence[Layer], settings: dict[str, Any]) -> None:
    """Write ``image.json`` into a folder.

    :param layers: those inside the folder are found again when it is renamed.
    :param settings: the ``config`` object of the OCI image configuration (Entrypoint, Env, User, ...).
    """
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(CONFIG_TYPE, _json(config)),
        "layers": [{"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size} for layer in layers],
    }
    places = [layer.path.name if layer.path.parent == folder else str(layer.path) for layer in layers]
    record = {
        "name": name,
        "manifest": _json(manifest),
        "config": _json(config),
        "layers": [[place, layer.digest, layer.size] for place, layer in zip(places, layers, strict=True)],
    }
    (folder / "image.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


def read_image(path: Path) -> Image:
    """Return the image of an ``image.json``."""
    record = json.loads(path.read_text(encoding="utf-8"))
    layers = [Layer(path.parent / place, digest, size) for place, digest, size in record.pop("layers")]
    return Image(**record, layers=layers)


def pause_image(name: str, binaries: Path) -> Path:
    """Return the ``image.json`` of the image that holds a pod's namespaces: just the ``pause`` program."""

    def build(folder: Path) -> None:
        def fill(tar: tarfile.TarFile) -> None:
            member = tar.gettarinfo(binaries / "pause", "pause")
            member.mode = 0o755
            with (binaries / "pause").open("rb") as content:
                tar.addfile(member, content)

        layer = write_layer(folder / "layer.tar", fill)
        write_image(folder, name, [layer], {"Entrypoint": ["/pause"]})

    return build_once("images", f"pause-{fingerprint(name, binaries)}", build) / "image.json"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _descriptor(kind: str, text: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(text.encode()), "size": len(text.encode())}


def _add(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text.encode())
    tar.addfile(member, io.BytesIO(text.encode()))
