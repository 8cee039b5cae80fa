"""Put an image into a node's containerd under the names that pods ask for."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.image import Image, read_image
from tests.lab.tools import output_of


def import_image(socket: Path, path: Path, names: Sequence[str]) -> None:
    """Import an image and give it these names; what is there already stays.

    :param socket: containerd's.
    :param path: the image's ``image.json``.
    :raises LabError: a name has no registry, or containerd refused.
    """
    for name in names:
        if "." not in name.split("/", 1)[0] or "/" not in name:
            raise LabError(
                f"image name {name!r}: write the registry too (docker.io/local/x:1), the kubelet asks so"
            )
    ctr = ["ctr", "--address", str(socket), "--namespace", "k8s.io"]
    image = read_image(path)
    known = _digests(output_of([*ctr, "images", "ls"]))
    if known.get(image.name) != image.digest:
        try:
            _send(ctr, image, set(output_of([*ctr, "content", "ls", "--quiet"]).split()))
        except LabError:  # a layer that was there may have been tidied away meanwhile
            _send(ctr, image, ())
    for name in names:
        if name != image.name and known.get(name) != image.digest:
            output_of([*ctr, "images", "tag", "--force", image.name, name])


def _send(ctr: Sequence[str], image: Image, known: Collection[str]) -> None:
    command = [*ctr, "images", "import", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            image.stream(process.stdin, known)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it gave up; its message says why
        message = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise LabError(f"containerd refused image {image.name}: {message}")


def _digests(listing: str) -> dict[str, str]:
    """Read ``ctr images ls``: name, media type, digest, ..."""
    rows = [line.split() for line in listing.splitlines()[1:]]
    return {row[0]: row[2] for row in rows if len(row) > 2}
