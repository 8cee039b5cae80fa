"""Put an image archive into a node's containerd under the names that pods ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.lab.archive import read_identity
from tests.lab.errors import LabError
from tests.lab.tools import output_of


def import_archive(socket: Path, archive: Path, names: Sequence[str]) -> None:
    """Import an image and give it these names; what is there already stays.

    :param socket: containerd's.
    :raises LabError: a name has no registry, or containerd refused.
    """
    for name in names:
        if "." not in name.split("/", 1)[0] or "/" not in name:
            raise LabError(
                f"image name {name!r}: write the registry too (docker.io/local/x:1), the kubelet asks so"
            )
    ctr = ["ctr", "--address", str(socket), "--namespace", "k8s.io", "images"]
    own_name, digest = read_identity(archive)
    known = _digests(output_of([*ctr, "ls"]))
    if known.get(own_name) != digest:
        output_of([*ctr, "import", str(archive)])
    for name in names:
        if name != own_name and known.get(name) != digest:
            output_of([*ctr, "tag", "--force", own_name, name])


def _digests(listing: str) -> dict[str, str]:
    """Read ``ctr images ls``: name, media type, digest, ..."""
    rows = [line.split() for line in listing.splitlines()[1:]]
    return {row[0]: row[2] for row in rows if len(row) > 2}
